import { useState } from "preact/hooks";
import { sentenceOf } from "../api/problem.ts";
import { navigate } from "../routing/router.ts";
import { Dialog } from "../ui/dialog.tsx";
import { Choice } from "../ui/field.tsx";
import { Notice } from "../ui/state.tsx";
import type { ActProps } from "./act.tsx";
import { showOnce } from "./fresh.ts";
import { propagationOf, rotate } from "./operations.ts";

const GRACES = [
  { value: "0", label: "At once", hint: "The old secret is refused as soon as the edge has confirmed." },
  { value: "3600", label: "In an hour", hint: "Both secrets work until then." },
  { value: "86400", label: "In a day", hint: "Both secrets work until then." },
  { value: "604800", label: "In a week", hint: "The longest there is." },
] as const;

export function Rotate({ of: key, onClose, onDone }: ActProps) {
  const [grace, setGrace] = useState<(typeof GRACES)[number]["value"]>("0");
  const [error, setError] = useState<unknown>();
  const [isBusy, setBusy] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    try {
      const { created, response } = await rotate(key, Number(grace));
      showOnce(created, propagationOf(response));
      onDone();
      onClose();
      await navigate(`/keys/${created.key_info.key_id}`);
    } catch (error) {
      setError(error);
      setBusy(false);
    }
  };
  return (
    <Dialog title={`Rotate ${key.name}`} onClose={() => isBusy || onClose()}>
      <form class="stack" onSubmit={submit}>
        <p>A new secret is made, with the same configuration and limits, and is shown once.</p>
        <Choice label="The old secret ends" value={grace} options={GRACES} onChange={setGrace} />
        {error !== undefined && <Notice tone="danger">{sentenceOf(error)}</Notice>}
        <footer class="actions">
          <button type="button" class="button" onClick={onClose} disabled={isBusy}>
            Cancel
          </button>
          <button type="submit" class="button primary" disabled={isBusy} aria-busy={isBusy}>
            Rotate
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
