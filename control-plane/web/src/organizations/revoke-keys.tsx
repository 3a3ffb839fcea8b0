import { useState } from "preact/hooks";
import { api, type Schemas } from "../api/client.ts";
import { type Propagation, propagationOf } from "../keys/operations.ts";
import { Confirm } from "../ui/confirm.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { Notice } from "../ui/state.tsx";

/** Whose keys: of a member, of a group, or everybody's. */
export type Whose = { user_id: string } | { group: string } | { all: true };

interface Props {
  organization: string;
  whose: Whose;
  /** What has to be typed: the name of the member, the group or the organization. */
  name: string;
  onClose: () => void;
}

/** Ends many keys for ever, and says how far that has come. */
export function RevokeKeys({ organization, whose, name, onClose }: Props) {
  const [over, setOver] = useState<{ answer: Schemas["RevokedKeys"]; propagation: Propagation } | null>(null);
  if (over) {
    const { keys, confirmed, pending } = over.answer;
    return (
      <Dialog title="Keys revoked" onClose={onClose}>
        <div class="stack">
          <Notice tone={pending ? "warning" : over.propagation.tone}>
            {keys === 0 ? "There was no key to revoke." : `${confirmed.toLocaleString()} of ${keys.toLocaleString()} keys are known to be refused everywhere.`}
            {pending > 0 && ` The other ${pending.toLocaleString()} follow in the background; the list of keys shows each.`}
          </Notice>
          <footer class="actions">
            <button type="button" class="button primary" onClick={onClose}>
              Close
            </button>
          </footer>
        </div>
      </Dialog>
    );
  }
  const of = "all" in whose ? "of the organization" : "group" in whose ? "in the group" : "of the member";
  return (
    <Confirm
      title={`Revoke all keys ${of}`}
      action="Revoke them for ever"
      danger
      typed={name}
      onClose={onClose}
      onConfirm={async () => {
        const { data, response } = await api.POST("/api/v1/organizations/{org_id}/revoke-keys", {
          params: { path: { org_id: organization } },
          // The client's types lose the choice between shapes.
          body: whose as never,
        });
        setOver({ answer: data as Schemas["RevokedKeys"], propagation: propagationOf(response) });
        return "stay";
      }}
    >
      <p>
        Every key {of} <strong class="breakable">{name}</strong> is refused for ever. Keys that are made afterwards are left alone.
      </p>
    </Confirm>
  );
}
