/** What the pages about keys have in common. */

import type { Schemas } from "../api/client.ts";
import type { Tone } from "../ui/state.tsx";

export type Key = Schemas["APIKeyInfo"];
type EdgeState = Schemas["KeyAtEdge"]["state"];

export type Life = "active" | "expired" | "deactivated" | "superseded" | "in grace" | "revoked";

/** What a key is at the moment, its expiry and grace included. */
export function lifeOf(key: Key): Life {
  if (key.grace_ends_at && key.is_active) return "in grace";
  if (key.status === "active" && !key.is_active) return "expired";
  return key.status;
}

export const LIFE_TONE: Record<Life, Tone> = {
  active: "good",
  "in grace": "warning",
  expired: "neutral",
  deactivated: "warning",
  superseded: "neutral",
  revoked: "danger",
};

export const hasEnded = (key: Key) => key.status === "revoked" || key.status === "superseded";
export const isGatewayKey = (key: Key) => key.service_id === null;

export const EDGE_WORDS: Record<EdgeState, { tone: Tone; label: string; meaning: string }> = {
  confirmed: { tone: "good", label: "Confirmed", meaning: "Every edge location acts on this state." },
  pending: { tone: "warning", label: "Pending", meaning: "Not known to have reached the edge yet. The publisher keeps trying." },
  eventual: { tone: "neutral", label: "Eventual", meaning: "Published; edge locations follow, typically within 60 seconds." },
  none: { tone: "neutral", label: "No edge", meaning: "No deployment serves this environment." },
};
