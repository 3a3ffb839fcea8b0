import { useState } from "preact/hooks";
import { Confirm } from "../ui/confirm.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { Notice } from "../ui/state.tsx";
import type { ActProps } from "./act.tsx";
import { type Propagation, propagationOf, revoke } from "./operations.ts";

const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

export function Revoke({ of: key, onClose, onDone }: ActProps) {
  const [over, setOver] = useState<{ propagation: Propagation; at: Date } | null>(null);
  if (over) {
    const isConfirmed = over.propagation.tone === "good";
    return (
      <Dialog title="API key revoked" onClose={onClose}>
        <div class="stack">
          <Notice tone={over.propagation.tone} title={isConfirmed ? `Confirmed at the edge, ${exact.format(over.at)}` : over.propagation.sentence}>
            {isConfirmed ? (
              <>No edge location accepts <strong>{key.name}</strong> any more.</>
            ) : (
              <><strong>{key.name}</strong> is revoked for ever. Its page shows the moment when the edge has confirmed it.</>
            )}
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
  return (
    <Confirm
      title="Revoke API key"
      action="Revoke for ever"
      danger
      typed={key.name}
      onClose={onClose}
      onConfirm={async () => {
        const response = await revoke(key);
        onDone();
        setOver({ propagation: propagationOf(response), at: new Date() });
        return "stay";
      }}
    >
      <p>
        It is refused for ever, and cannot be activated again. If you only want to pause it, deactivate it instead.
      </p>
    </Confirm>
  );
}
