import { useState } from "preact/hooks";
import { Problem, sentenceOf } from "../api/problem.ts";
import { Dialog } from "../ui/dialog.tsx";
import { Notice } from "../ui/state.tsx";
import type { ActProps } from "./act.tsx";
import { useServerChecks } from "./checks.ts";
import { draftOf, faultsOf, updateBody } from "./draft.ts";
import { KeyForm } from "./form.tsx";
import { update, validateUpdate } from "./operations.ts";

export function Configure({ of: key, onClose, onDone }: ActProps) {
  const [draft, setDraft] = useState(() => draftOf(key));
  const [refused, setRefused] = useState<unknown>();
  const [isBusy, setBusy] = useState(false);
  const body = updateBody(key, draft);
  const found = faultsOf(body as Record<string, unknown>, "UpdateKey");
  const isChanged = Object.keys(body).length > 0;
  const isWorthAsking = isChanged && !isBusy && !Object.keys(found).length;
  const checked = useServerChecks(isWorthAsking ? body : null, (signal) => validateUpdate(key, body, signal));
  const ofServer = refused instanceof Problem && refused.field ? { [refused.field]: refused.message } : {};
  const faults = { ...found, ...checked, ...ofServer };

  const submit = async (event: Event) => {
    event.preventDefault();
    if (!isChanged) return onClose();
    if (Object.keys(found).length) return;
    setBusy(true);
    setRefused(undefined);
    try {
      await update(key, body);
      onDone();
      onClose();
    } catch (error) {
      setRefused(error);
      setBusy(false);
    }
  };
  return (
    <Dialog title={`Configure ${key.name}`} onClose={() => isBusy || onClose()} wide>
      <form class="stack" onSubmit={submit} noValidate>
        <p class="muted">The secret stays the same, so existing clients keep working.</p>
        <KeyForm
          draft={draft}
          faults={faults}
          isNew={false}
          onChange={(changes) => {
            setDraft({ ...draft, ...changes });
            setRefused(undefined);
          }}
        />
        {refused !== undefined && !(refused instanceof Problem && refused.field) && <Notice tone="danger">{sentenceOf(refused)}</Notice>}
        <footer class="actions">
          <button type="button" class="button" onClick={onClose} disabled={isBusy}>
            Cancel
          </button>
          <button type="submit" class="button primary" disabled={isBusy || !isChanged} aria-busy={isBusy}>
            Save
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
