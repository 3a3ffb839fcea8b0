import { useState } from "preact/hooks";
import { api, bodyOf } from "../api/client.ts";
import { useLoad } from "../api/load.ts";
import { Bars } from "../ui/bars.tsx";
import { bucketName, bucketTick, type Granularity } from "../ui/moments.ts";
import { Show } from "../ui/state.tsx";

const PERIODS: Record<Granularity, string> = { hour: "24 hours", day: "30 days", month: "12 months" };

/** What the edge has admitted with all keys of the organization. */
export function OrganizationUsage({ id }: { id: string }) {
  const [granularity, setGranularity] = useState<Granularity>("day");
  const usage = useLoad(
    (signal) => bodyOf(api.GET("/api/v1/organizations/{org_id}/usage", { params: { path: { org_id: id }, query: { granularity } }, signal })),
    [id, granularity],
  );
  return (
    <section class="card" aria-labelledby="organization-usage" aria-busy={usage.busy}>
      <header class="card-header">
        <h2 id="organization-usage">Usage of all keys</h2>
        <div class="segments" role="group" aria-label="Period">
          {(Object.keys(PERIODS) as Granularity[]).map((each) => (
            <button type="button" key={each} aria-pressed={granularity === each} onClick={() => setGranularity(each)}>
              {PERIODS[each]}
            </button>
          ))}
        </div>
      </header>
      <Show of={usage} lines={5}>
        {(usage) => (
          <>
            <p class="total">
              <strong>{usage.requests.toLocaleString()}</strong> <span class="muted">requests admitted in {PERIODS[usage.granularity]}</span>
            </p>
            <Bars
              label={`Requests admitted by ${usage.granularity}`}
              bars={usage.buckets.map((bucket) => ({ at: Date.parse(bucket.from) / 1000, name: bucketName(bucket.from, usage.granularity), values: [bucket.requests] }))}
              series={["Requests"]}
              limit={null}
              tick={(seconds) => bucketTick(seconds, usage.granularity)}
            />
          </>
        )}
      </Show>
    </section>
  );
}
