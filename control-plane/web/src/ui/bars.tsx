import { useEffect, useRef, useState } from "preact/hooks";
import { isSystemDark, theme } from "../shell/theme.ts";

export interface Bar {
  /** Seconds since 1970. */
  at: number;
  name: string;
  /** One for each series; they are stacked. */
  values: number[];
}

interface Props {
  label: string;
  bars: Bar[];
  series: string[];
  /** Drawn as a line, where the bars come near it. */
  limit: number | null;
  tick: (seconds: number) => string;
}

/** Bars over time. The picture is for eyes; the table below it holds the same for everybody. */
export function Bars({ label, bars, series, limit, tick }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const [hovered, setHovered] = useState<number | null>(null);
  const identity = JSON.stringify(bars);
  const peak = Math.max(1, ...bars.map(sum));
  const shownLimit = limit !== null && limit <= peak * 3 ? limit : null;

  useEffect(() => {
    let isOver = false;
    let end = () => {};
    void import("./chart.ts").then(({ draw }) => {
      if (isOver || !place.current) return;
      end = draw(place.current, { bars, series, limit: shownLimit, tick, onHover: setHovered });
    });
    return () => {
      isOver = true;
      end();
    };
  }, [identity, shownLimit, theme.value, isSystemDark.value]);

  const shown = hovered === null ? null : bars[hovered];
  return (
    <figure class="chart">
      <div ref={place} class="plot" role="img" aria-label={`${label}. The table below holds the figures.`} />
      <figcaption>
        <span aria-hidden="true">{shown ? `${shown.name}: ${sum(shown).toLocaleString()}` : ` `}</span>
        {series.length > 1 && (
          <ul class="legend">
            {series.map((name, place) => (
              <li key={name} data-series={place}>
                {name}
              </li>
            ))}
          </ul>
        )}
        {shownLimit !== null && <span class="muted">Dashed: the limit, {shownLimit.toLocaleString()}</span>}
      </figcaption>
      <details>
        <summary>As a table</summary>
        <div class="table-frame short" tabIndex={0} role="region" aria-label={label}>
          <table>
            <thead>
              <tr>
                <th scope="col">From (UTC)</th>
                {series.map((name) => (
                  <th scope="col" class="number" key={name}>
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {bars.map((bar) => (
                <tr key={bar.at}>
                  <th scope="row">{bar.name}</th>
                  {series.map((name, place) => (
                    <td class="number" key={name}>
                      {(bar.values[place] ?? 0).toLocaleString()}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </details>
    </figure>
  );
}

const sum = (bar: Bar) => bar.values.reduce((total, value) => total + value, 0);

