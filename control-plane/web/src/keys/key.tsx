import { useState } from "preact/hooks";
import { api, bodyOf } from "../api/client.ts";
import { useLoad, useRepeat } from "../api/load.ts";
import { may } from "../session/rights.ts";
import { Heading } from "../shell/heading.tsx";
import { Failure, Notice, Skeleton } from "../ui/state.tsx";
import { Time } from "../ui/time.tsx";
import { type Act, type ActName, actsOn, KeyDialog } from "./act.tsx";
import { EdgeBadge, LifeBadge } from "./badges.tsx";
import { Facts } from "./facts.tsx";
import { type Key, lifeOf } from "./model.ts";
import { ShownOnce } from "./shown-once.tsx";
import { Trail } from "./trail.tsx";
import { UsageCard } from "./usage.tsx";

const LABELS: Record<ActName, string> = { configure: "Configure", rotate: "Rotate", deactivate: "Deactivate", activate: "Activate", revoke: "Revoke" };

export default function KeyPage(props: { id: string }) {
  const key = useLoad<Key>(
    (signal) => bodyOf(api.GET("/api/v1/keys/{key_id}", { params: { path: { key_id: props.id } }, signal })),
    [props.id],
  );
  const [act, setAct] = useState<Act | null>(null);
  useRepeat(key.data?.edge?.state === "pending", 2000, key.reload);

  const { data, error } = key;
  return (
    <>
      <Heading title={data?.name ?? "API key"} back={{ to: "/keys", label: "API keys" }} lead={data && <Lead of={data} />}>
        {data &&
          actsOn(data).map((name) => (
            <button
              type="button"
              key={name}
              class={name === "revoke" ? "button danger-quiet" : name === "activate" ? "button primary" : "button"}
              onClick={() => setAct({ name, key: data })}
            >
              {LABELS[name]}
            </button>
          ))}
      </Heading>
      {error !== undefined && <Failure error={error} retry={key.reload} />}
      {!data && error === undefined && <Skeleton lines={10} />}
      {data && (
        <div class="sections">
          <ShownOnce of={data} />
          <State of={data} />
          <Facts of={data} />
          <UsageCard of={data} />
          {may("audit:read") && <Trail target={data.key_id} revision={data.revision} />}
        </div>
      )}
      {act && <KeyDialog act={act} onClose={() => setAct(null)} onDone={key.reload} />}
    </>
  );
}

function Lead({ of: key }: { of: Key }) {
  return (
    <>
      <code>{key.key_prefix}</code>
      <LifeBadge of={key} />
      <EdgeBadge of={key} />
    </>
  );
}

/** What somebody has to know of the key before anything else. */
function State({ of: key }: { of: Key }) {
  const life = lifeOf(key);
  const confirmed = key.edge?.confirmed_at;
  const edge =
    key.edge?.state === "pending" ? (
      <> Not confirmed at the edge yet; the publisher keeps trying.</>
    ) : confirmed ? (
      <> Confirmed at the edge <Time at={confirmed} exact />.</>
    ) : null;
  if (life === "in grace") {
    return (
      <Notice tone="warning" title="In its grace period">
        Replaced by <a href={`/keys/${key.rotated_into}`}>its successor</a>; still good until <Time at={key.grace_ends_at} exact />.{edge}
      </Notice>
    );
  }
  if (life === "superseded") {
    return (
      <Notice tone="neutral" title="Superseded">
        Replaced by <a href={`/keys/${key.rotated_into}`}>its successor</a> on <Time at={key.ended_at} exact /> by {key.ended_by}.{edge}
      </Notice>
    );
  }
  if (life === "revoked") {
    return (
      <Notice tone="danger" title="Revoked">
        On <Time at={key.ended_at} exact /> by {key.ended_by}.{edge}
      </Notice>
    );
  }
  if (life === "deactivated") {
    return (
      <Notice tone="warning" title="Deactivated">
        On <Time at={key.deactivated_at} exact /> by {key.deactivated_by}. It can be activated again with the same secret.{edge}
      </Notice>
    );
  }
  if (key.edge?.state === "pending") {
    return (
      <Notice tone="warning" title="Pending at the edge">
        The last change is not known to have reached the edge yet; the publisher keeps trying.
      </Notice>
    );
  }
  return null;
}
