import { useEffect } from "preact/hooks";
import { api, type Schemas } from "../api/client.ts";
import { type Loaded, useRepeat } from "../api/load.ts";
import { pageOf } from "../api/page.ts";
import { Show } from "../ui/state.tsx";
import { Time } from "../ui/time.tsx";

type Job = Schemas["KeyJob"];

/** How many are shown: what goes on, and the latest that have ended. */
const SHOWN = 5;
/** How often it is looked at while something goes on, in milliseconds. */
const EVERY = 2000;

export const keyJobs = (id: string, signal: AbortSignal) =>
  pageOf(api.GET("/api/v1/organizations/{org_id}/key-jobs", { params: { path: { org_id: id }, query: { limit: SHOWN } }, signal }));

const DOING: Record<Job["task"], string> = { revoke: "Revoking", suspend: "Suspending", resume: "Resuming" };
const DONE: Record<Job["task"], string> = { revoke: "Revoked", suspend: "Suspended", resume: "Resumed" };

/** Work on many keys of the organization: how far it is. Not there where there never was any. */
export function KeyJobs({ jobs, onEnd }: { jobs: Loaded<{ items: Job[] }>; onEnd: () => void }) {
  const items = jobs.data?.items ?? [];
  const isGoingOn = items.some((job) => job.ended_at === null);
  useRepeat(isGoingOn, EVERY, jobs.reload);
  useEffect(() => {
    if (isGoingOn) return onEnd;
    return undefined;
  }, [isGoingOn]);
  if (jobs.data && items.length === 0) return null;
  return (
    <section class="card" aria-labelledby="key-jobs">
      <h2 id="key-jobs">Work on many keys</h2>
      <Show of={jobs} lines={2}>
        {() => (
          <ul class="plain-list">
            {items.map((job) => (
              <li key={job.job_id} class="progress">
                <span>
                  {(job.ended_at === null ? DOING : DONE)[job.task]} {whose(job)}: {job.done.toLocaleString()} of {job.keys.toLocaleString()} keys
                </span>
                {job.ended_at === null && <progress aria-label={`${DOING[job.task]} ${whose(job)}`} value={job.done} max={Math.max(job.keys, 1)} />}
                <small class="muted">
                  by {job.created_by}, <Time at={job.ended_at ?? job.started_at} />
                </small>
              </li>
            ))}
          </ul>
        )}
      </Show>
    </section>
  );
}

function whose(job: Job): string {
  if (job.user_id !== null) return `the keys of ${job.user_id}`;
  return job.group_id === null ? "all keys" : "the keys in a group";
}
