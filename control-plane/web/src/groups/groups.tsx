import { useState } from "preact/hooks";
import { api, bodyOf, type Schemas } from "../api/client.ts";
import { useLoad } from "../api/load.ts";
import { may, organization } from "../session/rights.ts";
import { Heading } from "../shell/heading.tsx";
import { Confirm } from "../ui/confirm.tsx";
import { Menu } from "../ui/menu.tsx";
import { Badge, Empty, Show } from "../ui/state.tsx";
import { Time } from "../ui/time.tsx";
import { toast } from "../ui/toast.tsx";
import { propagationOf } from "../keys/operations.ts";
import { Words } from "../keys/badges.tsx";
import { RevokeKeys } from "../organizations/revoke-keys.tsx";
import { GroupForm } from "./form.tsx";

type Group = Schemas["GroupInfo"];
type Act = { name: "create" } | { name: "change" | "revoke" | "delete"; group: Group };

export default function Groups() {
  const [act, setAct] = useState<Act | null>(null);
  const place = organization.value ? { organization_id: organization.value } : {};
  const groups = useLoad((signal) => bodyOf(api.GET("/api/v1/groups", { params: { query: place }, signal })), [organization.value]);
  const mayManage = may("groups:manage");
  const close = () => setAct(null);
  return (
    <>
      <Heading title="Groups" lead="What keys in a group may do: permissions here, scopes at the edge. Keys follow when a group changes.">
        {mayManage && (
          <button type="button" class="button primary" onClick={() => setAct({ name: "create" })}>
            Create group
          </button>
        )}
      </Heading>
      <Show of={groups}>
        {(groups) =>
          groups.length === 0 ? (
            <Empty title="No groups" />
          ) : (
            <div class="table-frame">
              <table class="cards" role="table">
                <thead role="rowgroup">
                  <tr role="row">
                    <th role="columnheader">Name</th>
                    <th role="columnheader">Permissions</th>
                    <th role="columnheader">Scopes</th>
                    <th role="columnheader">Created</th>
                    {mayManage && <th role="columnheader" class="narrow"><span class="visually-hidden">Actions</span></th>}
                  </tr>
                </thead>
                <tbody role="rowgroup">
                  {groups.map((group) => (
                    <tr role="row" key={group.group_id}>
                      <th role="rowheader" scope="row" class="name">
                        <span>
                          {group.name} {group.built_in && <Badge tone="accent">Built in</Badge>}
                        </span>
                        <a class="small-link" href={`/keys?group=${encodeURIComponent(group.name)}`}>Its keys</a>
                      </th>
                      <td role="cell" data-label="Permissions">
                        {group.built_in ? "Everything an Admin may do" : <Words of={group.permissions} most={4} none="None" />}
                      </td>
                      <td role="cell" data-label="Scopes"><Words of={group.scopes} none="None" /></td>
                      <td role="cell" data-label="Created">
                        <Time at={group.created_at} />
                        <small class="muted clipped">{group.created_by}</small>
                      </td>
                      {mayManage && (
                        <td role="cell" class="narrow actions-cell">
                          <Menu label={`Actions for ${group.name}`}>
                            <button type="button" onClick={() => setAct({ name: "change", group })}>Change…</button>
                            {may("keys:manage") && <button type="button" class="dangerous" onClick={() => setAct({ name: "revoke", group })}>Revoke its keys…</button>}
                            {!group.built_in && (
                              <button type="button" class="dangerous" onClick={() => setAct({ name: "delete", group })}>Delete…</button>
                            )}
                          </Menu>
                        </td>
                      )}
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )
        }
      </Show>
      {act?.name === "create" && <GroupForm onClose={close} onDone={groups.reload} />}
      {act?.name === "change" && <GroupForm of={act.group} onClose={close} onDone={groups.reload} />}
      {act?.name === "revoke" && (
        <RevokeKeys organization={act.group.organization_id} whose={{ group: act.group.name }} name={act.group.name} onClose={close} />
      )}
      {act?.name === "delete" && (
        <Confirm
          title={`Delete ${act.group.name}`}
          action="Delete group"
          danger
          typed={act.group.name}
          onClose={close}
          onConfirm={async () => {
            const { response } = await api.DELETE("/api/v1/groups/{group}", { params: { path: { group: act.group.name }, query: place } });
            const { tone, sentence } = propagationOf(response);
            toast(`“${act.group.name}” is deleted. ${sentence}`, tone);
            groups.reload();
          }}
        >
          <p>Its keys stay, and lose what the group gave them.</p>
        </Confirm>
      )}
    </>
  );
}
