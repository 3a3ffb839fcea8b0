import { api, bodyOf } from "../api/client.ts";
import { useLoad } from "../api/load.ts";
import { Dialog } from "../ui/dialog.tsx";
import { Copy } from "../ui/copy.tsx";
import { Notice, Show } from "../ui/state.tsx";

/** Follows the chain over all events, and says where it breaks if it does. */
export function ChainCheck(props: { onClose: () => void }) {
  const check = useLoad((signal) => bodyOf(api.GET("/api/v1/audit/verify", { signal })), []);
  return (
    <Dialog title="Check of the chain" onClose={props.onClose}>
      <div class="stack" aria-live="polite">
        <Show of={check} lines={3}>
          {({ valid, events, head, fault }) => (
            <>
              <Notice tone={valid ? "good" : "danger"} title={valid ? "The chain is whole" : "The chain is broken"}>
                {valid ? `${events.toLocaleString()} events follow each other.` : `${events.toLocaleString()} events follow each other, then: ${fault?.detail}`}
              </Notice>
              {fault && (
                <p>
                  At position {fault.position ?? "–"}, after {fault.after_position}: event <code class="breakable">{fault.event_id ?? "–"}</code>
                </p>
              )}
              {head && (
                <>
                  <p>
                    The last event's hash. Whoever notes it elsewhere can show later that nothing before it was changed.
                  </p>
                  <pre class="wrapped">{head.chain}</pre>
                  <Copy text={String(head.chain)} label="Copy hash" />
                </>
              )}
            </>
          )}
        </Show>
        <footer class="actions">
          <button type="button" class="button" onClick={props.onClose}>
            Close
          </button>
        </footer>
      </div>
    </Dialog>
  );
}
