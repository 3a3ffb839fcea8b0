import { useState } from "preact/hooks";

/** Copies a text. What was copied is said beside the button and to screen readers. */
export function Copy(props: { text: string; label?: string; primary?: boolean; onCopied?: () => void }) {
  const [said, setSaid] = useState("");
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(props.text);
      setSaid("Copied");
      props.onCopied?.();
    } catch {
      setSaid("Select it and copy by hand");
    }
    setTimeout(() => setSaid(""), 2500);
  };
  return (
    <span class="copy">
      <button type="button" class={props.primary ? "button primary" : "button small"} onClick={copy}>
        {props.label ?? "Copy"}
      </button>
      <span role="status" class="muted">
        {said}
      </span>
    </span>
  );
}
