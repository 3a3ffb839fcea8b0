/** The drawing of a bar chart, loaded when there is one to draw. */

import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { Bar } from "./bars.tsx";

export interface Chart {
  bars: Bar[];
  series: string[];
  limit: number | null;
  tick: (seconds: number) => string;
  onHover: (place: number | null) => void;
}

const HEIGHT = 180;

/** Draws into `place` and returns what takes it away again. */
export function draw(place: HTMLElement, chart: Chart): () => void {
  const colour = (name: string) => resolved(place, name);
  const [ink, line, limit] = [colour("--muted"), colour("--line"), colour("--danger")];
  const fills = [colour("--accent"), colour("--accent-quiet")];
  const paths = uPlot.paths.bars?.({ size: [0.7, 48], radius: 0.15 });
  const times = chart.bars.map((bar) => bar.at);
  // Stacked: the last series is drawn first, as high as all together.
  const stacks = chart.series.map((_, series) => chart.bars.map((bar) => total(bar.values.slice(0, series + 1)))).reverse();
  const peak = Math.max(4, chart.limit ?? 0, ...(stacks[0] ?? []));
  const data: uPlot.AlignedData = [times, ...stacks, ...(chart.limit === null ? [] : [times.map(() => chart.limit)])];
  const bar = (series: number): uPlot.Series => ({ fill: fills[series] ?? ink, width: 0, points: { show: false }, ...(paths ? { paths } : {}) });
  const step = (times[1] ?? 0) - (times[0] ?? 0) || 3600;

  const plot = new uPlot(
    {
      width: place.clientWidth,
      height: HEIGHT,
      legend: { show: false },
      cursor: { y: false, drag: { setScale: false, x: false, y: false }, points: { show: false } },
      scales: {
        x: { time: false, range: () => [(times[0] ?? 0) - step / 2, (times.at(-1) ?? 0) + step / 2] },
        y: { range: () => [0, peak * 1.08] },
      },
      axes: [
        { stroke: ink, grid: { show: false }, ticks: { show: false }, size: 28, splits: () => ticksOf(times, place.clientWidth), values: (_, at) => at.map(chart.tick) },
        { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { show: false }, size: 56, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 1e6, 1e7] },
      ],
      series: [
        {},
        ...chart.series.map((_, place) => bar(chart.series.length - 1 - place)),
        ...(chart.limit === null ? [] : [{ stroke: limit, width: 1.5, dash: [6, 4], points: { show: false } }]),
      ],
      hooks: { setCursor: [(plot) => chart.onHover(plot.cursor.idx ?? null)] },
    },
    data,
    place,
  );
  const watch = new ResizeObserver(() => place.clientWidth && plot.setSize({ width: place.clientWidth, height: HEIGHT }));
  watch.observe(place);
  return () => {
    watch.disconnect();
    plot.destroy();
  };
}

const total = (values: number[]) => values.reduce((sum, value) => sum + value, 0);

/** As many as have room. */
function ticksOf(times: number[], width: number): number[] {
  const every = Math.max(1, Math.ceil(times.length / Math.max(2, Math.floor(width / 80))));
  return times.filter((_, place) => place % every === 0);
}

/** A colour of the style sheet, as the canvas understands it. */
function resolved(place: HTMLElement, name: string): string {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  place.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
