import type { Schemas } from "../api/client.ts";
import { Fact } from "../keys/facts.tsx";
import { Badge, Notice } from "../ui/state.tsx";
import { durationInWords, secondsSince, Time } from "../ui/time.tsx";
import { Counts } from "./report.tsx";

/** One Worker with its namespace: what has not reached it. */
export function Deployment({ of: one }: { of: Schemas["DeploymentStatus"] }) {
  const { edge, recovery, last_reconcile } = one;
  const isQuiet = one.waiting === 0 && !edge?.unconfirmed;
  const title = `deployment-${one.id}`;
  return (
    <section class="card" aria-labelledby={title}>
      <header class="card-header">
        <h2 id={title}>
          {one.id} <span class="muted">{one.environment}</span>
        </h2>
        <Badge tone={isQuiet ? "good" : "warning"}>{isQuiet ? "Up to date" : "Behind"}</Badge>
      </header>
      <dl class="facts">
        <Fact label="Waiting for KV">
          {one.waiting.toLocaleString()}
          {one.waiting_since && <> for {durationInWords(secondsSince(one.waiting_since))}</>}
        </Fact>
        <Fact label="Last written">
          <Time at={one.last_written_at} none="Not since the start" />
        </Fact>
        {one.rewriting > 0 && <Fact label="Written once more">{one.rewriting.toLocaleString()}</Fact>}
        {edge ? (
          <>
            <Fact label="Not confirmed by KeyGuards">
              {edge.unconfirmed.toLocaleString()}
              {edge.unconfirmed_since && <> for {durationInWords(secondsSince(edge.unconfirmed_since))}</>}
            </Fact>
            <Fact label="Last answer of the edge">
              <Time at={edge.last_answered_at} none="Not since the start" />
            </Fact>
          </>
        ) : (
          <Fact label="KeyGuards">No edge_url is set, so changes arrive with KV</Fact>
        )}
      </dl>
      {one.last_error && (
        <Notice tone="danger" title="Last error towards KV">
          {one.last_error} <Time at={one.last_error_at} />
        </Notice>
      )}
      {edge?.last_error && (
        <Notice tone="danger" title="Last error towards the edge">
          {edge.last_error}
        </Notice>
      )}
      {recovery && (
        <Notice tone={recovery.ended_at ? "neutral" : "warning"} title={recovery.ended_at ? "A restored database was brought up to date" : "Recovery is under way"}>
          Begun <Time at={recovery.begun_at} exact />
          {recovery.ended_at && <>, ended <Time at={recovery.ended_at} exact /></>}.
          {recovery.report && ` ${recovery.report.ended} keys ended, ${recovery.report.deactivated} deactivated for review, ${recovery.report.without_row} had no row.`}
        </Notice>
      )}
      {last_reconcile && (
        <details class="more">
          <summary>Last reconcile</summary>
          <Counts of={last_reconcile as unknown as Record<string, unknown>} />
        </details>
      )}
    </section>
  );
}
