import { useState } from "preact/hooks";
import { sentenceOf } from "../api/problem.ts";
import { Dialog } from "../ui/dialog.tsx";
import { Notice } from "../ui/state.tsx";
import { toast } from "../ui/toast.tsx";
import type { Key } from "./model.ts";
import { deactivate, propagationOf } from "./operations.ts";

/** How many changes are under way at a time: each waits for the edge. */
const AT_ONCE = 4;

interface Props {
  chosen: ReadonlyMap<string, Key>;
  onClear: () => void;
  onDone: () => void;
}

export function BulkBar({ chosen, onClear, onDone }: Props) {
  const [isAsking, setAsking] = useState(false);
  const count = chosen.size;
  return (
    <div class="bulk" role="status">
      {count > 0 && (
        <>
          <span>{count === 1 ? "1 key selected" : `${count.toLocaleString()} keys selected`}</span>
          <button type="button" class="button small danger" onClick={() => setAsking(true)}>
            Deactivate…
          </button>
          <button type="button" class="button small" onClick={onClear}>
            Clear
          </button>
        </>
      )}
      {isAsking && <BulkDeactivate keys={[...chosen.values()]} onClose={() => setAsking(false)} onDone={onDone} />}
    </div>
  );
}

function BulkDeactivate(props: { keys: Key[]; onClose: () => void; onDone: () => void }) {
  const { keys } = props;
  const [done, setDone] = useState<number | null>(null);
  const [faults, setFaults] = useState<{ key: Key; why: string }[]>([]);
  const isBusy = done !== null && done < keys.length;

  const run = async () => {
    const left = [...keys];
    const failed: typeof faults = [];
    let pending = 0;
    setDone(0);
    const work = async () => {
      for (let key = left.shift(); key; key = left.shift()) {
        try {
          if (propagationOf(await deactivate(key)).tone === "warning") pending += 1;
        } catch (error) {
          failed.push({ key, why: sentenceOf(error) });
        }
        setDone((done) => (done ?? 0) + 1);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    const good = keys.length - failed.length;
    if (good) toast(`${good} deactivated. ${pending ? `${pending} not confirmed at the edge yet.` : "All confirmed."}`, pending ? "warning" : "good");
    setFaults(failed);
    if (!failed.length) props.onDone();
  };
  const close = () => (done === null ? props.onClose() : isBusy || props.onDone());
  return (
    <Dialog title={`Deactivate ${keys.length} ${keys.length === 1 ? "key" : "keys"}`} onClose={close}>
      <div class="stack">
        <p>Requests with them are refused with 401 as soon as the edge has confirmed. Each can be activated again.</p>
        <ul class="names">
          {keys.slice(0, 8).map((key) => (
            <li key={key.key_id}>{key.name}</li>
          ))}
          {keys.length > 8 && <li class="muted">and {keys.length - 8} more</li>}
        </ul>
        {done !== null && (
          <label class="progress">
            {done} of {keys.length}
            <progress max={keys.length} value={done} />
          </label>
        )}
        {faults.length > 0 && (
          <Notice tone="danger" title={`${faults.length} could not be deactivated`}>
            {faults.slice(0, 5).map(({ key, why }) => (
              <p key={key.key_id}>
                {key.name}: {why}
              </p>
            ))}
          </Notice>
        )}
        <footer class="actions">
          <button type="button" class="button" onClick={close} disabled={isBusy}>
            {done === null ? "Cancel" : "Close"}
          </button>
          {done === null && (
            <button type="button" class="button danger" onClick={run}>
              Deactivate
            </button>
          )}
        </footer>
      </div>
    </Dialog>
  );
}
