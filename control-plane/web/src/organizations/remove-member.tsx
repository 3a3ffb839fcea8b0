import { useState } from "preact/hooks";
import { api, type Schemas } from "../api/client.ts";
import { may } from "../session/rights.ts";
import { me, resume } from "../session/session.ts";
import { Confirm } from "../ui/confirm.tsx";
import { Choice, Field } from "../ui/field.tsx";
import { toast } from "../ui/toast.tsx";
import type { Member } from "./members.tsx";

type Fate = Schemas["KeysParameter"];

export function RemoveMember(props: { organization: string; of: Member; onClose: () => void; onDone: () => void }) {
  const { subject } = props.of;
  const [fate, setFate] = useState<Fate>("keep");
  const [heir, setHeir] = useState("");
  const isMe = subject === me.value?.id;
  const fates: { value: Fate; label: string; hint: string }[] = [
    { value: "keep", label: "Keep them", hint: "They work on; find them in the list of keys by “managed by”." },
    ...(isMe || may("keys:manage") ? [{ value: "revoke" as const, label: "Revoke them", hint: "For ever." }] : []),
    ...(isMe || may("members:manage") ? [{ value: "hand_over" as const, label: "Hand them over", hint: "To another member." }] : []),
  ];
  return (
    <Confirm
      title={isMe ? "Leave the organization" : "Remove member"}
      action={isMe ? "Leave" : "Remove"}
      danger
      onClose={props.onClose}
      onConfirm={async () => {
        const { data } = await api.DELETE("/api/v1/organizations/{org_id}/members/{subject}", {
          params: { path: { org_id: props.organization, subject }, query: { keys: fate, ...(fate === "hand_over" ? { to: heir.trim() } : {}) } },
        });
        const count = data?.key_count ?? 0;
        toast(`${subject} is no member any more. ${count === 1 ? "It had 1 key." : `It had ${count} keys.`}`);
        if (isMe) await resume();
        props.onDone();
      }}
    >
      <p class="breakable">
        <strong>{subject}</strong> loses its access at once.
      </p>
      <Choice label="Its keys" value={fate} onChange={setFate} options={fates} />
      {fate === "hand_over" && (
        <Field label="To the member" hint="Its subject.">
          {(field) => <input {...field} value={heir} onInput={(event) => setHeir(event.currentTarget.value)} autocomplete="off" />}
        </Field>
      )}
    </Confirm>
  );
}
