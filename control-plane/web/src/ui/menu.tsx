import type { ComponentChildren } from "preact";
import { useId, useRef } from "preact/hooks";

/** A button with things to do with what it stands beside. The browser closes it on Escape and on a click elsewhere. */
export function Menu(props: { label: string; children: ComponentChildren }) {
  const id = useId();
  const button = useRef<HTMLButtonElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const place = (event: { newState: string }) => {
    const [anchor, popup] = [button.current, list.current];
    if (!anchor || !popup || event.newState !== "open") return;
    const box = anchor.getBoundingClientRect();
    const below = box.bottom + popup.offsetHeight + 8 < window.innerHeight;
    popup.style.top = `${below ? box.bottom + 4 : box.top - popup.offsetHeight - 4}px`;
    popup.style.left = `${Math.max(8, box.right - popup.offsetWidth)}px`;
    popup.querySelector<HTMLElement>("a, button")?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const entries = [...(list.current?.querySelectorAll<HTMLElement>("a, button") ?? [])];
    const next = entries.indexOf(document.activeElement as HTMLElement) + step;
    entries[(next + entries.length) % entries.length]?.focus();
  };
  return (
    <>
      <button ref={button} type="button" class="icon-button" aria-label={props.label} popovertarget={id} aria-haspopup="true">
        <svg viewBox="0 0 16 16" class="icon filled" aria-hidden="true">
          <circle cx="3" cy="8" r="1.4" />
          <circle cx="8" cy="8" r="1.4" />
          <circle cx="13" cy="8" r="1.4" />
        </svg>
      </button>
      <div
        ref={list}
        id={id}
        popover="auto"
        class="menu"
        onToggle={place}
        onKeyDown={onKeyDown}
        onClick={() => {
          list.current?.hidePopover();
          // A dialog that opens now gives the focus back to what has it.
          button.current?.focus();
        }}
      >
        {props.children}
      </div>
    </>
  );
}
