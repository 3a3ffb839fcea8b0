import { useState } from "preact/hooks";
import { api, bodyOf, type Schemas } from "../api/client.ts";
import { useLoad } from "../api/load.ts";
import { sentenceOf } from "../api/problem.ts";
import { Fact } from "../keys/facts.tsx";
import { choose, isPlatformAdmin, may, organization } from "../session/rights.ts";
import { Heading } from "../shell/heading.tsx";
import { Badge, Failure, Skeleton } from "../ui/state.tsx";
import { Time } from "../ui/time.tsx";
import { toast } from "../ui/toast.tsx";
import { KeyJobs, keyJobs } from "./key-jobs.tsx";
import { Members } from "./members.tsx";
import { RevokeKeys } from "./revoke-keys.tsx";
import { Suspension } from "./suspension.tsx";
import { OrganizationUsage } from "./usage.tsx";

type Info = Schemas["OrganizationInfo"];

export default function OrganizationPage({ id }: { id: string }) {
  const info = useLoad<Info>(
    (signal) => bodyOf(api.GET("/api/v1/organizations/{org_id}", { params: { path: { org_id: id } }, signal })),
    [id],
  );
  const [isRevoking, setRevoking] = useState(false);
  const [isSuspending, setSuspending] = useState(false);
  const isChosen = organization.value === id;
  const maySeeKeys = isChosen && may("keys:read");
  const jobs = useLoad(async (signal) => (maySeeKeys ? keyJobs(id, signal) : { items: [] }), [id, maySeeKeys]);
  const { data, error } = info;
  const reload = () => {
    info.reload();
    jobs.reload();
  };
  const closeRevoking = () => {
    setRevoking(false);
    reload();
  };
  return (
    <>
      <Heading title={data?.name ?? "Organization"} back={{ to: "/organizations", label: "Organizations" }}>
        {data && !isChosen && (
          <button type="button" class="button" onClick={() => choose(id)}>
            Work in this one
          </button>
        )}
        {data && isPlatformAdmin.value && (
          <button type="button" class={data.suspended_at === null ? "button danger-quiet" : "button"} onClick={() => setSuspending(true)}>
            {data.suspended_at === null ? "Suspend…" : "Resume…"}
          </button>
        )}
        {data && isChosen && may("keys:manage") && (
          <button type="button" class="button danger-quiet" onClick={() => setRevoking(true)}>
            Revoke all keys…
          </button>
        )}
      </Heading>
      {error !== undefined && <Failure error={error} retry={info.reload} />}
      {!data && error === undefined && <Skeleton />}
      {data && (
        <div class="sections">
          <section class="card" aria-labelledby="about">
            <h2 id="about">About</h2>
            <dl class="facts">
              {data.suspended_at !== null && (
                <Fact label="Status">
                  <Badge tone="danger">Suspended</Badge> <Time at={data.suspended_at} exact /> by {data.suspended_by}: its keys open nothing until it is resumed
                </Fact>
              )}
              <Fact label="Your role">{data.role ?? "–"}</Fact>
              <Fact label="Created">
                <Time at={data.created_at} exact /> by {data.created_by}
              </Fact>
              <Fact label="Organization id">
                <code class="breakable">{data.organization_id}</code>
              </Fact>
              <Fact label="A leaked key is">
                {isChosen && may("members:manage") ? <LeakPolicy of={data} onDone={info.reload} /> : POLICIES[data.leak_policy as Policy]}
              </Fact>
            </dl>
            {!isChosen && <p class="muted">To manage its keys, groups and members, work in this one.</p>}
          </section>
          {maySeeKeys && <KeyJobs jobs={jobs} onEnd={info.reload} />}
          {isChosen && may("members:read") && <Members organization={id} />}
          {isChosen && may("keys:read") && <OrganizationUsage id={id} />}
        </div>
      )}
      {isRevoking && data && <RevokeKeys organization={id} whose={{ all: true }} name={data.name} onClose={closeRevoking} />}
      {isSuspending && data && <Suspension of={data} onClose={() => setSuspending(false)} onDone={reload} />}
    </>
  );
}

type Policy = "revoke" | "deactivate" | "record";

const POLICIES: Record<Policy, string> = {
  deactivate: "Deactivated, until activated again",
  revoke: "Revoked for ever",
  record: "Recorded only",
};

function LeakPolicy(props: { of: Info; onDone: () => void }) {
  const change = async (policy: Policy) => {
    try {
      await api.PATCH("/api/v1/organizations/{org_id}", { params: { path: { org_id: props.of.organization_id } }, body: { leak_policy: policy } });
      toast("Saved.");
    } catch (error) {
      toast(sentenceOf(error), "danger");
    }
    props.onDone();
  };
  return (
    <select aria-label="A leaked key is" value={props.of.leak_policy} onChange={(event) => change(event.currentTarget.value as Policy)}>
      {(Object.keys(POLICIES) as Policy[]).map((policy) => (
        <option key={policy} value={policy}>
          {POLICIES[policy]}
        </option>
      ))}
    </select>
  );
}
