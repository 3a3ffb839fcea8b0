import { useState } from "preact/hooks";
import { api, bodyOf, type Schemas } from "../api/client.ts";
import { useLoad } from "../api/load.ts";
import { Show } from "../ui/state.tsx";
import { Bars } from "../ui/bars.tsx";
import { bucketName, bucketTick, type Granularity } from "../ui/moments.ts";
import type { Key } from "./model.ts";

const PERIODS: Record<Granularity, string> = { hour: "24 hours", day: "30 days", month: "12 months" };

type Usage = Schemas["Usage"];

/** What the edge has admitted and refused with the key, against its limits. */
export function UsageCard({ of: key }: { of: Key }) {
  const [granularity, setGranularity] = useState<Granularity>("day");
  const usage = useLoad<Usage>(
    (signal) =>
      bodyOf(api.GET("/api/v1/keys/{key_id}/usage", { params: { path: { key_id: key.key_id }, query: { granularity } }, signal })),
    [key.key_id, granularity],
  );
  return (
    <section class="card" aria-labelledby="usage" aria-busy={usage.busy}>
      <header class="card-header">
        <h2 id="usage">Usage</h2>
        <div class="segments" role="group" aria-label="Period">
          {(Object.keys(PERIODS) as Granularity[]).map((each) => (
            <button type="button" key={each} aria-pressed={granularity === each} onClick={() => setGranularity(each)}>
              {PERIODS[each]}
            </button>
          ))}
        </div>
      </header>
      <Show of={usage} lines={5}>
        {(usage) => <Charts usage={usage} granularity={granularity} />}
      </Show>
    </section>
  );
}

function Charts({ usage, granularity }: { usage: Usage; granularity: Granularity }) {
  const bars = usage.buckets.map((bucket) => ({
    at: Date.parse(bucket.from) / 1000,
    name: bucketName(bucket.from, usage.granularity),
    values: [bucket.requests, Math.max(0, bucket.lineage_requests - bucket.requests)],
  }));
  const hasLineage = bars.some((bar) => bar.values[1]);
  const limit = granularity === "hour" ? usage.current_hour.limit : granularity === "month" ? usage.current_month.limit : null;
  return (
    <>
      <div class="meters">
        <Meter label="This hour" used={usage.current_hour.lineage_requests} limit={usage.current_hour.limit} />
        {usage.current_month.meters.map((meter) => (
          <Meter key={meter.meter} label={`This month, ${meter.meter}`} used={meter.lineage_requests} limit={usage.current_month.limit} />
        ))}
        <Meter label={`Admitted in ${PERIODS[usage.granularity]}`} used={usage.requests} limit={null} />
      </div>
      <Bars
        label={`Requests admitted by ${usage.granularity}`}
        bars={bars}
        series={hasLineage ? ["This key", "Keys it was rotated from or into"] : ["This key"]}
        limit={limit}
        tick={(seconds) => bucketTick(seconds, usage.granularity)}
      />
      <Refusals of={usage} />
    </>
  );
}

function Meter(props: { label: string; used: number; limit: number | null }) {
  const { used, limit } = props;
  const share = limit ? used / limit : 0;
  return (
    <div class="meter">
      <span class="muted">{props.label}</span>
      <strong>
        {used.toLocaleString()}
        {limit !== null && <span class="muted"> of {limit.toLocaleString()}</span>}
      </strong>
      {limit !== null && <meter min={0} max={limit} value={Math.min(used, limit)} data-full={share >= 0.9} aria-label={`${props.label}: ${used} of ${limit}`} />}
    </div>
  );
}

/** Why the edge refused requests with this key. */
function Refusals({ of: usage }: { of: Usage }) {
  const sorted = Object.entries(usage.refusals).sort(([, one], [, other]) => other - one);
  const most = sorted[0]?.[1] ?? 0;
  return (
    <div class="refusals">
      <h3>Refused, by reason</h3>
      {sorted.length === 0 ? (
        <p class="muted">Nothing was refused in this period.</p>
      ) : (
        <table>
          <tbody>
            {sorted.map(([reason, count]) => (
              <tr key={reason}>
                <th scope="row">
                  <code>{reason}</code>
                </th>
                <td class="number">{count.toLocaleString()}</td>
                <td class="bar" aria-hidden="true">
                  <progress max={most} value={count} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </div>
  );
}
