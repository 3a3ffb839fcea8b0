import type { Schemas } from "../api/client.ts";
import { Empty } from "../ui/state.tsx";
import { Time } from "../ui/time.tsx";

type Event = Schemas["AuditEvent"];

/** Events as lines; what changed is behind each. */
export function EventList(props: { events: readonly Event[]; withTarget?: boolean }) {
  if (!props.events.length) return <Empty title="No events" />;
  return (
    <ol class="events">
      {props.events.map((event) => (
        <li key={event.event_id}>
          <details>
            <summary>
              <span class="event-line">
                <code class="action">{event.action}</code>
                <span class="actor" title={event.actor}>{event.actor}</span>
                {props.withTarget && <Target of={event} />}
                <Time at={event.at} />
              </span>
            </summary>
            <Detail of={event} />
          </details>
        </li>
      ))}
    </ol>
  );
}

function Target({ of: { target } }: { of: Event }) {
  if (!target) return <span class="target muted">–</span>;
  return <span class="target" title={target.id}>{target.type} {nameOf(target.id)}</span>;
}

const nameOf = (id: string) => (/^[0-9a-f-]{36}$/.test(id) ? `…${id.slice(-8)}` : id);

function Detail({ of: event }: { of: Event }) {
  const entries = Object.entries((event.detail ?? {}) as Record<string, unknown>).filter(([, value]) => !isEmpty(value));
  return (
    <dl class="facts event-detail">
      {entries.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{isChange(value) ? <>{shown(value.from)} <span aria-label="became">→</span> {shown(value.to)}</> : shown(value)}</dd>
        </div>
      ))}
      <div>
        <dt>At</dt>
        <dd><Time at={event.at} exact /></dd>
      </div>
      {event.target && (
        <div>
          <dt>Target</dt>
          <dd>
            {event.target.type}{" "}
            {event.target.type === "key" ? <a href={`/keys/${event.target.id}`}><code class="breakable">{event.target.id}</code></a> : <code class="breakable">{event.target.id}</code>}
          </dd>
        </div>
      )}
      <div>
        <dt>Request</dt>
        <dd><code class="breakable">{event.request_id}</code></dd>
      </div>
      {event.chain && (
        <div>
          <dt>Chain</dt>
          <dd><code class="breakable">{event.position}: {event.chain}</code></dd>
        </div>
      )}
    </dl>
  );
}

function isChange(value: unknown): value is { from: unknown; to: unknown } {
  return typeof value === "object" && value !== null && "from" in value && "to" in value;
}

/** Nothing that anybody chose, such as the fields of a new key that were left out. */
function isEmpty(value: unknown): boolean {
  return value === null || (typeof value === "object" && Object.keys(value as object).length === 0);
}

function shown(value: unknown): string {
  if (value === null || value === undefined) return "none";
  if (Array.isArray(value) && value.every((one) => typeof one === "string")) return value.join(", ") || "none";
  return typeof value === "string" ? value : JSON.stringify(value);
}
