import { useState } from "preact/hooks";
import { api, type Schemas } from "../api/client.ts";
import { useLoad } from "../api/load.ts";
import { pageOf } from "../api/page.ts";
import { grantableRoles, may } from "../session/rights.ts";
import { me } from "../session/session.ts";
import { Menu } from "../ui/menu.tsx";
import { Pager, usePages } from "../ui/pager.tsx";
import { Empty, Show } from "../ui/state.tsx";
import { Time } from "../ui/time.tsx";
import { MemberForm } from "./member-form.tsx";
import { RemoveMember } from "./remove-member.tsx";
import { RevokeKeys } from "./revoke-keys.tsx";

export type Member = Schemas["MemberInfo"];
type Act = { name: "add" } | { name: "change" | "revoke" | "remove"; member: Member };

const PAGE_SIZE = 50;

export function Members({ organization }: { organization: string }) {
  const pages = usePages(organization);
  const [act, setAct] = useState<Act | null>(null);
  const members = useLoad(
    (signal) =>
      pageOf(
        api.GET("/api/v1/organizations/{org_id}/members", {
          params: { path: { org_id: organization }, query: { limit: PAGE_SIZE, ...(pages.cursor ? { cursor: pages.cursor } : {}) } },
          signal,
        }),
      ),
    [organization, pages.cursor],
  );
  const roles = grantableRoles();
  const isMe = (member: Member) => member.subject === me.value?.id;
  const mayChange = (member: Member) => may("members:manage") && roles.includes(member.role);
  const close = () => setAct(null);
  return (
    <section class="card" aria-labelledby="members" aria-busy={members.busy}>
      <header class="card-header">
        <h2 id="members">Members</h2>
        {may("members:manage") && (
          <button type="button" class="button small" onClick={() => setAct({ name: "add" })}>
            Add member
          </button>
        )}
      </header>
      <Show of={members} lines={4}>
        {(page) =>
          page.items.length === 0 ? (
            <Empty title="No members">
              <p>Persons who sign in with a user token appear here once they are added.</p>
            </Empty>
          ) : (
            <>
              <table class="cards plain" role="table">
                <thead role="rowgroup">
                  <tr role="row">
                    <th role="columnheader">Subject</th>
                    <th role="columnheader">Role</th>
                    <th role="columnheader">Added</th>
                    <th role="columnheader" class="narrow"><span class="visually-hidden">Actions</span></th>
                  </tr>
                </thead>
                <tbody role="rowgroup">
                  {page.items.map((member) => (
                    <tr role="row" key={member.subject}>
                      <th role="rowheader" scope="row" class="name">
                        <span class="breakable">{member.subject}{isMe(member) && <span class="muted"> (you)</span>}</span>
                        <a class="small-link" href={`/keys?user_id=${encodeURIComponent(member.subject)}`}>Keys</a>
                      </th>
                      <td role="cell" data-label="Role">{member.role}</td>
                      <td role="cell" data-label="Added">
                        <Time at={member.added_at} />
                        <small class="muted clipped">{member.added_by}</small>
                      </td>
                      <td role="cell" class="narrow actions-cell">
                        {(mayChange(member) || isMe(member)) && (
                          <Menu label={`Actions for ${member.subject}`}>
                            {mayChange(member) && <button type="button" onClick={() => setAct({ name: "change", member })}>Change role…</button>}
                            {may("keys:manage") && <button type="button" class="dangerous" onClick={() => setAct({ name: "revoke", member })}>Revoke its keys…</button>}
                            <button type="button" class="dangerous" onClick={() => setAct({ name: "remove", member })}>
                              {isMe(member) ? "Leave…" : "Remove…"}
                            </button>
                          </Menu>
                        )}
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
              <Pager pages={pages} size={PAGE_SIZE} shown={page.items.length} next={page.next} busy={members.busy} />
            </>
          )
        }
      </Show>
      {act?.name === "add" && <MemberForm organization={organization} roles={roles} onClose={close} onDone={members.reload} />}
      {act?.name === "change" && <MemberForm organization={organization} of={act.member} roles={roles} onClose={close} onDone={members.reload} />}
      {act?.name === "revoke" && <RevokeKeys organization={organization} whose={{ user_id: act.member.subject }} name={act.member.subject} onClose={close} />}
      {act?.name === "remove" && <RemoveMember organization={organization} of={act.member} onClose={close} onDone={members.reload} />}
    </section>
  );
}
