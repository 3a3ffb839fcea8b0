import { useState } from "preact/hooks";
import { boundsOf, faultOf } from "../api/bounds.ts";
import { api, type Schemas } from "../api/client.ts";
import { Problem, sentenceOf } from "../api/problem.ts";
import { propagationOf } from "../keys/operations.ts";
import { organization, type Permission } from "../session/rights.ts";
import { Dialog } from "../ui/dialog.tsx";
import { Field } from "../ui/field.tsx";
import { Notice } from "../ui/state.tsx";
import { toast } from "../ui/toast.tsx";
import { WordsField } from "../ui/words-field.tsx";

const PERMISSIONS: Record<Permission, string> = {
  "keys:read": "See keys and their usage",
  "keys:create": "Create keys, and manage its own",
  "keys:manage": "Manage every key",
  "keys:assign_groups": "Put groups on keys",
  "members:read": "See members",
  "members:manage": "Manage members and the organization",
  "groups:read": "See groups",
  "groups:manage": "Manage groups",
  "audit:read": "Read the audit trail",
};

export function GroupForm(props: { of?: Schemas["GroupInfo"]; onClose: () => void; onDone: () => void }) {
  const { of: group } = props;
  const [name, setName] = useState(group?.name ?? "");
  const [permissions, setPermissions] = useState<Permission[]>(group?.permissions ?? []);
  const [scopes, setScopes] = useState<string[]>(group?.scopes ?? []);
  const [error, setError] = useState<unknown>();
  const [isBusy, setBusy] = useState(false);

  const refused = error instanceof Problem ? error : null;
  const found = name ? faultOf(boundsOf("CreateGroup", "name"), name) : null;
  const nameFault = found ? `The name ${found}.` : refused?.field === "name" || refused?.code === "name_taken" ? refused.message : null;
  const scopesFound = faultOf(boundsOf("CreateGroup", "scopes"), scopes);
  const scopesFault = scopesFound ? `Scopes: ${scopesFound}.` : refused?.field === "scopes" ? refused.message : null;

  const submit = async (event: Event) => {
    event.preventDefault();
    if (found || scopesFound) return;
    setBusy(true);
    setError(undefined);
    const query = organization.value ? { organization_id: organization.value } : {};
    try {
      const { response } = group
        ? await api.PATCH("/api/v1/groups/{group}", {
            params: { path: { group: group.name }, query },
            body: group.built_in ? { scopes } : { scopes, permissions },
          })
        : await api.POST("/api/v1/groups", { params: { query }, body: { name, scopes, permissions } });
      toast(group ? `“${group.name}” is changed. ${propagationOf(response).sentence}` : `“${name}” is there.`);
      props.onDone();
      props.onClose();
    } catch (error) {
      setError(error);
      setBusy(false);
    }
  };
  return (
    <Dialog title={group ? `Change ${group.name}` : "Create group"} onClose={() => isBusy || props.onClose()}>
      <form class="stack" onSubmit={submit} noValidate>
        {!group && (
          <Field label="Name" hint="Does not change afterwards." fault={nameFault}>
            {(field) => <input {...field} value={name} onInput={(event) => setName(event.currentTarget.value)} autocomplete="off" required />}
          </Field>
        )}
        {!group?.built_in && (
          <fieldset class="checks">
            <legend>Permissions here</legend>
            {(Object.keys(PERMISSIONS) as Permission[]).map((permission) => (
              <label key={permission}>
                <input
                  type="checkbox"
                  checked={permissions.includes(permission)}
                  onChange={(event) =>
                    setPermissions(event.currentTarget.checked ? [...permissions, permission] : permissions.filter((other) => other !== permission))
                  }
                />
                <span>
                  {PERMISSIONS[permission]}
                  <small class="muted">
                    <code>{permission}</code>
                  </small>
                </span>
              </label>
            ))}
          </fieldset>
        )}
        <WordsField label="Scopes at the edge" words={scopes} fault={scopesFault} onChange={setScopes} />
        {refused && !nameFault && !scopesFault && <Notice tone="danger">{refused.message}</Notice>}
        {error !== undefined && !refused && <Notice tone="danger">{sentenceOf(error)}</Notice>}
        <footer class="actions">
          <button type="button" class="button" onClick={props.onClose} disabled={isBusy}>
            Cancel
          </button>
          <button type="submit" class="button primary" disabled={isBusy || !name || Boolean(found || scopesFound)} aria-busy={isBusy}>
            {group ? "Save" : "Create"}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
