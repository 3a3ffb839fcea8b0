import { mayManage } from "../session/rights.ts";
import { Menu } from "../ui/menu.tsx";
import { Time } from "../ui/time.tsx";
import { type Act, Acts } from "./act.tsx";
import { EdgeBadge, LifeBadge, Words } from "./badges.tsx";
import { isGatewayKey, type Key } from "./model.ts";
import { order, type Sort, sortBy } from "./query.ts";

interface Props {
  keys: readonly Key[];
  chosen: ReadonlyMap<string, Key>;
  onChoose: (chosen: ReadonlyMap<string, Key>) => void;
  onAct: (act: Act) => void;
}

/** On a narrow screen each row becomes a card, so the roles that browsers then forget are said here. */
export function KeyTable({ keys, chosen, onChoose, onAct }: Props) {
  const manageable = keys.filter((key) => key.status === "active" && mayManage(key));
  const areAllChosen = manageable.length > 0 && manageable.every((key) => chosen.has(key.key_id));
  const choose = (some: readonly Key[], isChosen: boolean) => {
    const next = new Map(chosen);
    for (const key of some) {
      if (isChosen) next.set(key.key_id, key);
      else next.delete(key.key_id);
    }
    onChoose(next);
  };
  const hasChoice = manageable.length > 0 || chosen.size > 0;
  return (
    <div class="table-frame">
      <table class="cards" role="table">
        <thead role="rowgroup">
          <tr role="row">
            {hasChoice && (
              <th role="columnheader" class="narrow">
                <input type="checkbox" aria-label="Select all active keys on this page" checked={areAllChosen} onChange={(event) => choose(manageable, event.currentTarget.checked)} />
              </th>
            )}
            <Column sort="name" label="Name" />
            <th role="columnheader">Service</th>
            <th role="columnheader">Scopes, groups</th>
            <th role="columnheader">Status</th>
            <th role="columnheader">Edge</th>
            <Column sort="created_at" label="Created" />
            <Column sort="last_used_at" label="Last used" />
            <Column sort="expires_at" label="Expires" />
            <th role="columnheader" class="narrow">
              <span class="visually-hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody role="rowgroup">
          {keys.map((key) => (
            <tr role="row" key={key.key_id} aria-selected={chosen.has(key.key_id)}>
              {hasChoice && (
                <td role="cell" class="narrow">
                  {key.status === "active" && mayManage(key) && (
                    <input type="checkbox" aria-label={`Select ${key.name}`} checked={chosen.has(key.key_id)} onChange={(event) => choose([key], event.currentTarget.checked)} />
                  )}
                </td>
              )}
              <th role="rowheader" scope="row" class="name">
                <a href={`/keys/${key.key_id}`}>{key.name}</a>
                <code class="preview">{shortened(key.key_prefix)}</code>
              </th>
              <td role="cell" data-label="Service">
                {isGatewayKey(key) ? "Gateway" : key.service_id}
                <small class="muted">{isGatewayKey(key) ? "all" : key.environment}</small>
              </td>
              <td role="cell" data-label="Scopes and groups">
                <Words of={[...key.scopes, ...key.groups]} most={2} />
              </td>
              <td role="cell" data-label="Status">
                <LifeBadge of={key} />
              </td>
              <td role="cell" data-label="Edge">
                <EdgeBadge of={key} />
              </td>
              <td role="cell" data-label="Created">
                <Time at={key.created_at} />
                <small class="muted clipped" title={key.created_by}>
                  {key.created_by}
                </small>
              </td>
              <td role="cell" data-label="Last used">
                <Time at={key.last_used_at} none="Never" />
              </td>
              <td role="cell" data-label="Expires">
                <Time at={key.grace_ends_at ?? key.expires_at} none="Never" />
              </td>
              <td role="cell" class="narrow actions-cell">
                <Menu label={`Actions for ${key.name}`}>
                  <a href={`/keys/${key.key_id}`}>Open</a>
                  <Acts of={key} onAct={onAct} />
                </Menu>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Column(props: { sort: Sort; label: string }) {
  const { by, descending } = order();
  const isHere = by === props.sort;
  return (
    <th role="columnheader" aria-sort={isHere ? (descending ? "descending" : "ascending") : undefined}>
      <button type="button" class="sort" onClick={() => sortBy(props.sort)}>
        {props.label}
        <span aria-hidden="true">{isHere ? (descending ? "↓" : "↑") : ""}</span>
      </button>
    </th>
  );
}

/** The 39 stars of a gateway key say no more than three. */
const shortened = (preview: string) => preview.replace(/\*{4,}$/, "***");
