import { useState } from "preact/hooks";
import { api } from "../api/client.ts";
import { sentenceOf } from "../api/problem.ts";
import { me, resume } from "../session/session.ts";
import { Dialog } from "../ui/dialog.tsx";
import { Choice, Field } from "../ui/field.tsx";
import { Notice } from "../ui/state.tsx";
import { toast } from "../ui/toast.tsx";
import type { Member } from "./members.tsx";

type Role = Member["role"];

const ROLES: Record<Role, string> = {
  viewer: "Sees keys, usage, groups and members.",
  developer: "Creates keys, and manages its own.",
  admin: "Manages keys, groups and members; reads the audit trail.",
  owner: "The same, and makes and unmakes Owners.",
};

export function MemberForm(props: { organization: string; of?: Member; roles: readonly Role[]; onClose: () => void; onDone: () => void }) {
  const [subject, setSubject] = useState(props.of?.subject ?? "");
  const [role, setRole] = useState<Role>(props.of?.role ?? "developer");
  const [error, setError] = useState<unknown>();
  const [isBusy, setBusy] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    try {
      await api.PUT("/api/v1/organizations/{org_id}/members/{subject}", {
        params: { path: { org_id: props.organization, subject: subject.trim() } },
        body: { role },
      });
      toast(props.of ? `${subject} is ${role} now.` : `${subject.trim()} is a member now.`);
      if (subject === me.value?.id) await resume();
      props.onDone();
      props.onClose();
    } catch (error) {
      setError(error);
      setBusy(false);
    }
  };
  return (
    <Dialog title={props.of ? "Change role" : "Add member"} onClose={() => isBusy || props.onClose()}>
      <form class="stack" onSubmit={submit} noValidate>
        {props.of ? (
          <p class="breakable">{subject}</p>
        ) : (
          <Field label="Subject" hint="The sub of the person's tokens, such as auth0|42.">
            {(field) => <input {...field} value={subject} onInput={(event) => setSubject(event.currentTarget.value)} autocomplete="off" spellcheck={false} />}
          </Field>
        )}
        <Choice
          label="Role"
          value={role}
          onChange={setRole}
          options={props.roles.map((role) => ({ value: role, label: role[0]?.toUpperCase() + role.slice(1), hint: ROLES[role] }))}
        />
        {error !== undefined && <Notice tone="danger">{sentenceOf(error)}</Notice>}
        <footer class="actions">
          <button type="button" class="button" onClick={props.onClose} disabled={isBusy}>
            Cancel
          </button>
          <button type="submit" class="button primary" disabled={isBusy || !subject.trim()} aria-busy={isBusy}>
            {props.of ? "Save" : "Add"}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
