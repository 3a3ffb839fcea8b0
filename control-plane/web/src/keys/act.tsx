/** What can be done with a key: the entries of menus, and the dialog of each. */

import { mayManage } from "../session/rights.ts";
import { Activate, Deactivate } from "./deactivate.tsx";
import { Configure } from "./configure.tsx";
import { hasEnded, type Key } from "./model.ts";
import { Revoke } from "./revoke.tsx";
import { Rotate } from "./rotate.tsx";

export type ActName = "configure" | "rotate" | "deactivate" | "activate" | "revoke";

export interface Act {
  name: ActName;
  key: Key;
}

const LABELS: Record<ActName, string> = {
  configure: "Configure",
  rotate: "Rotate…",
  deactivate: "Deactivate API key…",
  activate: "Activate API key",
  revoke: "Revoke…",
};

/** What the person may do with this key as it is now, so that nothing is offered that would fail. */
export function actsOn(key: Key): ActName[] {
  if (!mayManage(key) || (hasEnded(key) && !key.grace_ends_at)) return [];
  // A key in its grace period can only end: everything else is done to the one that replaced it.
  if (hasEnded(key)) return key.is_active ? ["revoke"] : [];
  const isExpired = key.status === "active" && !key.is_active;
  if (isExpired) return ["configure", "revoke"];
  return key.status === "deactivated" ? ["activate", "configure", "revoke"] : ["configure", "rotate", "deactivate", "revoke"];
}

export function Acts(props: { of: Key; onAct: (act: Act) => void }) {
  return (
    <>
      {actsOn(props.of).map((name) => (
        <button type="button" key={name} class={name === "revoke" ? "dangerous" : ""} onClick={() => props.onAct({ name, key: props.of })}>
          {LABELS[name]}
        </button>
      ))}
    </>
  );
}

export interface ActProps {
  of: Key;
  onClose: () => void;
  /** Something has changed. */
  onDone: () => void;
}

export function KeyDialog(props: { act: Act; onClose: () => void; onDone: () => void }) {
  const { act, ...rest } = props;
  switch (act.name) {
    case "configure":
      return <Configure of={act.key} {...rest} />;
    case "rotate":
      return <Rotate of={act.key} {...rest} />;
    case "deactivate":
      return <Deactivate of={act.key} {...rest} />;
    case "activate":
      return <Activate of={act.key} {...rest} />;
    case "revoke":
      return <Revoke of={act.key} {...rest} />;
  }
}
