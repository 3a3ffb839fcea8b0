import type { Schemas } from "../api/client.ts";
import { Time } from "../ui/time.tsx";
import { Notice } from "../ui/state.tsx";

/** What a comparison of the database with KV and the KeyGuards found and repaired. */
export function Report(props: { of: Schemas["ReconcileReport"]; onClose: () => void }) {
  return (
    <section class="card" aria-labelledby="report" aria-live="polite">
      <header class="card-header">
        <h2 id="report">What the reconcile found</h2>
        <button type="button" class="button small" onClick={props.onClose}>
          Close
        </button>
      </header>
      {props.of.deployments.map((one) => (
        <div key={one.id} class="stack">
          <h3>{one.id}</h3>
          {one.error && <Notice tone="danger">{one.error}</Notice>}
          {!one.error && one.repaired === 0 && one.ahead === 0 && <Notice tone="good">{one.checked.toLocaleString()} keys: the edge is as the database says.</Notice>}
          <Counts of={one as unknown as Record<string, unknown>} />
        </div>
      ))}
    </section>
  );
}

const WORDS: Record<string, string> = {
  checked: "Keys compared",
  names: "Names in KV",
  waiting: "Still waiting to be published",
  missing: "Missing in KV",
  stale: "Older in KV",
  signed_with_older_secret: "Signed with an older secret",
  ahead: "Newer at the edge",
  foreign: "Values that are no record",
  orphaned: "Records without a key",
  repaired: "Repaired",
  held_back: "Held back",
  over: "Ended long ago, deleted",
  unknown: "Unknown to guards",
  behind: "Older at guards",
  failed: "Guards not told",
};

/** The figures of a report; those of the guards after those of KV. */
export function Counts({ of: report }: { of: Record<string, unknown> }) {
  const nested = report.guards as Record<string, unknown> | null | undefined;
  const inner = (report.report ?? null) as Record<string, unknown> | null;
  const entries = Object.entries(inner ?? report);
  const at = report.at ?? report.ended_at;
  return (
    <>
      {typeof at === "string" && <p class="muted"><Time at={at} exact /></p>}
      <dl class="facts counts">
        {entries.map(([name, value]) =>
          typeof value === "number" && (value > 0 || name === "checked") ? (
            <div key={name}>
              <dt>{WORDS[name] ?? name}</dt>
              <dd>{value.toLocaleString()}</dd>
            </div>
          ) : null,
        )}
      </dl>
      {nested && (
        <>
          <h4>KeyGuards</h4>
          <Counts of={nested} />
        </>
      )}
    </>
  );
}
