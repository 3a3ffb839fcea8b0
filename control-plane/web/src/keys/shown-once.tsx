import { useEffect, useRef, useState } from "preact/hooks";
import { guardLeaving } from "../routing/router.ts";
import { edgeOf, installation } from "../settings/installation.ts";
import { Copy } from "../ui/copy.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { download } from "../ui/download.ts";
import { Notice } from "../ui/state.tsx";
import { fresh } from "./fresh.ts";
import { isGatewayKey, type Key } from "./model.ts";

/** The key itself, this once. Whoever goes before saying that it is stored is asked. */
export function ShownOnce({ of: key }: { of: Key }) {
  const [leave, setLeave] = useState<((answer: boolean) => void) | null>(null);
  const panel = useRef<HTMLElement>(null);
  const shown = fresh.value?.key_id === key.key_id ? fresh.value : null;
  const isShown = shown !== null;

  useEffect(() => {
    if (!isShown) return undefined;
    panel.current?.focus();
    return guardLeaving(() => new Promise((resolve) => setLeave(() => resolve)));
  }, [isShown]);
  if (!shown) return null;

  const answer = (answer: boolean) => {
    leave?.(answer);
    setLeave(null);
    if (answer) fresh.value = null;
  };
  const curl = curlLine(key, shown.text);
  return (
    <section class="card shown-once" ref={panel} tabIndex={-1} aria-labelledby="shown-once">
      <h2 id="shown-once">Store this key now</h2>
      <Notice tone="warning">
        <strong>You will not see it again.</strong> Keyward keeps only its hash. Put it into a secrets manager; if it is lost, rotate the key.
      </Notice>
      <div class="secret">
        <output aria-label="API key">{shown.text}</output>
        <Copy text={shown.text} label="Copy key" primary />
        <button type="button" class="button" onClick={() => download(`${fileName(key.name)}.env`, "text/plain", `KEYWARD_API_KEY=${shown.text}\n`)}>
          Download .env
        </button>
      </div>
      {curl && (
        <div class="curl">
          <h3>Try it</h3>
          <pre tabIndex={0}>{curl}</pre>
          <Copy text={curl} label="Copy command" />
        </div>
      )}
      <footer class="actions spread">
        <span class={shown.propagation.tone === "warning" ? "warning-text" : "muted"}>{shown.propagation.sentence}</span>
        <button type="button" class="button" onClick={() => (fresh.value = null)}>
          I have stored it
        </button>
      </footer>
      {leave && (
        <Dialog title="Leave without storing the key?" onClose={() => answer(false)}>
          <p>Once you leave, its text cannot be had again.</p>
          <footer class="actions">
            <button type="button" class="button primary" onClick={() => answer(false)}>
              Stay
            </button>
            <button type="button" class="button danger" onClick={() => answer(true)}>
              I have stored it, leave
            </button>
          </footer>
        </Dialog>
      )}
    </section>
  );
}

/** A command that works as it stands, if the installation says which request one could make. */
function curlLine(key: Key, text: string): string | null {
  if (isGatewayKey(key)) return `curl -s ${location.origin}/api/userinfo -H "Authorization: Bearer ${text}"`;
  const edge = edgeOf(key.environment);
  const example = installation.value?.examples[key.service_id ?? ""];
  if (!edge || !example) return null;
  const [method = "GET", path = "/"] = example.split(" ");
  const body = ["GET", "HEAD", "DELETE"].includes(method) ? "" : " -d '{}'";
  return `curl -i ${method === "GET" ? "" : `-X ${method} `}${edge}${path} -H "Authorization: Bearer ${text}"${body}`;
}

const fileName = (name: string) => name.replace(/[^A-Za-z0-9._-]+/g, "-").slice(0, 60) || "key";
