import { Confirm } from "../ui/confirm.tsx";
import type { ActProps } from "./act.tsx";
import { activateAndTell, deactivateAndTell } from "./operations.ts";

export function Deactivate({ of: key, onClose, onDone }: ActProps) {
  return (
    <Confirm
      title="Deactivate API key"
      action="Deactivate"
      danger
      onClose={onClose}
      onConfirm={async () => {
        await deactivateAndTell(key);
        onDone();
      }}
    >
      <p>
        Requests with <strong>{key.name}</strong> are refused with 401 as soon as the edge has confirmed. The key stays, and can be activated again with the same secret.
      </p>
    </Confirm>
  );
}

export function Activate({ of: key, onClose, onDone }: ActProps) {
  return (
    <Confirm
      title="Activate API key"
      action="Activate"
      onClose={onClose}
      onConfirm={async () => {
        await activateAndTell(key);
        onDone();
      }}
    >
      <p>
        Whoever has the secret of <strong>{key.name}</strong> can use it again.
      </p>
    </Confirm>
  );
}
