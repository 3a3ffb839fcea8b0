import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { sentenceOf } from "../api/problem.ts";
import { Dialog } from "./dialog.tsx";
import { Field } from "./field.tsx";
import { Notice } from "./state.tsx";

interface Props {
  title: string;
  children: ComponentChildren;
  /** What the button that does it says. */
  action: string;
  danger?: boolean;
  /** Has to be typed before it can be done. */
  typed?: string;
  /** Does it. With `stay` there is more to say, and the caller closes. */
  onConfirm: () => Promise<void | "stay">;
  onClose: () => void;
}

/** Asks before something is done, says how it went, and closes when it is done. */
export function Confirm(props: Props) {
  const [typed, setTyped] = useState("");
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const isReady = props.typed === undefined || typed.trim() === props.typed.trim();

  const confirm = async (event: Event) => {
    event.preventDefault();
    if (!isReady || isBusy) return;
    setBusy(true);
    setError(undefined);
    try {
      if ((await props.onConfirm()) !== "stay") props.onClose();
    } catch (error) {
      setError(error);
      setBusy(false);
    }
  };
  return (
    <Dialog title={props.title} onClose={() => isBusy || props.onClose()}>
      <form onSubmit={confirm} class="stack">
        {props.children}
        {props.typed !== undefined && (
          <Field label={<>Type <strong class="typed">{props.typed}</strong> to confirm</>}>
            {(field) => (
              <input {...field} value={typed} onInput={(event) => setTyped(event.currentTarget.value)} autocomplete="off" spellcheck={false} />
            )}
          </Field>
        )}
        {error !== undefined && <Notice tone="danger">{sentenceOf(error)}</Notice>}
        <footer class="actions">
          <button type="button" class="button" onClick={props.onClose} disabled={isBusy}>
            Cancel
          </button>
          <button type="submit" class={props.danger ? "button danger" : "button primary"} disabled={!isReady || isBusy} aria-busy={isBusy}>
            {props.action}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
