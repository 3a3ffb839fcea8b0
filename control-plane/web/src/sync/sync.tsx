import { useState } from "preact/hooks";
import { api, bodyOf, type Schemas } from "../api/client.ts";
import { useLoad, useRepeat } from "../api/load.ts";
import { sentenceOf } from "../api/problem.ts";
import { isPlatformAdmin } from "../session/rights.ts";
import { Heading } from "../shell/heading.tsx";
import { Badge, Empty, Notice, Show } from "../ui/state.tsx";
import { durationInWords, secondsSince, Time } from "../ui/time.tsx";
import { Deployment } from "./deployment.tsx";
import { Report } from "./report.tsx";

export default function Sync() {
  const status = useLoad((signal) => bodyOf(api.GET("/api/v1/sync", { signal })), []);
  const [report, setReport] = useState<Schemas["ReconcileReport"] | null>(null);
  const [error, setError] = useState<unknown>();
  const [isBusy, setBusy] = useState(false);
  useRepeat(true, 3000, status.reload);

  const reconcile = async () => {
    setBusy(true);
    setError(undefined);
    try {
      setReport(await bodyOf(api.POST("/api/v1/sync/reconcile")) as Schemas["ReconcileReport"]);
    } catch (error) {
      setError(error);
    }
    setBusy(false);
    status.reload();
  };
  if (!isPlatformAdmin.value) {
    return (
      <>
        <Heading title="Sync" />
        <Notice tone="warning">What waits is told of all organizations together, so it is for the platform admin.</Notice>
      </>
    );
  }
  return (
    <>
      <Heading title="Sync" lead="How far the edge is behind the database.">
        <button type="button" class="button primary" onClick={reconcile} disabled={isBusy} aria-busy={isBusy}>
          {isBusy ? "Comparing…" : "Reconcile now"}
        </button>
      </Heading>
      {error !== undefined && <Notice tone="danger" title="The reconcile failed">{sentenceOf(error)}</Notice>}
      {report && <Report of={report} onClose={() => setReport(null)} />}
      <Show of={status}>
        {(status) => (
          <div class="sections">
            <Summary of={status} />
            {status.deployments.length === 0 && (
              <Empty title="No deployments">
                <p>Nothing is published: the configuration has no [deployments].</p>
              </Empty>
            )}
            {status.deployments.map((one) => (
              <Deployment key={one.id} of={one} />
            ))}
            {status.group_changes.length > 0 && (
              <section class="card" aria-labelledby="group-changes">
                <h2 id="group-changes">Groups whose keys are following</h2>
                <ul class="plain-list">
                  {status.group_changes.map((change) => (
                    <li key={change.group_id}>
                      <label class="progress">
                        {change.name}: {change.done.toLocaleString()} of {change.keys.toLocaleString()} keys, since <Time at={change.since} />
                        <progress max={Math.max(1, change.keys)} value={change.done} />
                      </label>
                    </li>
                  ))}
                </ul>
              </section>
            )}
            {status.key_jobs.length > 0 && (
              <section class="card" aria-labelledby="key-jobs">
                <h2 id="key-jobs">Work on many keys</h2>
                <ul class="plain-list">
                  {status.key_jobs.map((job) => (
                    <li key={job.job_id}>
                      <label class="progress">
                        {job.task}: {job.done.toLocaleString()} of {job.keys.toLocaleString()} keys, by {job.created_by}, since <Time at={job.started_at} />
                        <progress max={Math.max(1, job.keys)} value={job.done} />
                      </label>
                    </li>
                  ))}
                </ul>
              </section>
            )}
          </div>
        )}
      </Show>
    </>
  );
}

function Summary({ of: status }: { of: Schemas["SyncStatus"] }) {
  const isQuiet = status.waiting === 0 && status.unconfirmed === 0;
  const since = status.waiting_since;
  return (
    <section class="card" aria-label="Altogether">
      <div class="meters">
        <div class="meter">
          <span class="muted">State</span>
          <strong>
            <Badge tone={isQuiet ? "good" : "warning"}>{isQuiet ? "Everything has arrived" : "Changes are on their way"}</Badge>
          </strong>
        </div>
        <div class="meter">
          <span class="muted">Waiting for KV</span>
          <strong>{status.waiting.toLocaleString()}</strong>
        </div>
        <div class="meter">
          <span class="muted">Not confirmed</span>
          <strong>{status.unconfirmed.toLocaleString()}</strong>
        </div>
        <div class="meter">
          <span class="muted">Lag</span>
          <strong>{since ? durationInWords(secondsSince(since)) : "0 s"}</strong>
        </div>
      </div>
      {status.last_error && (
        <Notice tone="danger" title="Last error">
          {status.last_error}
        </Notice>
      )}
    </section>
  );
}
