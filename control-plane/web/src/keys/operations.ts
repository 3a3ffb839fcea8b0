/** The changes to a key, and what the server says of how far each has come on its way to the edge. */

import { api, type Schemas } from "../api/client.ts";
import type { Tone } from "../ui/state.tsx";
import { toast } from "../ui/toast.tsx";
import type { Key } from "./model.ts";

export interface Propagation {
  tone: Tone;
  sentence: string;
}

/** `Keyward-Propagation`, as a sentence. */
export function propagationOf(response: Response): Propagation {
  const value = response.headers.get("Keyward-Propagation") ?? "";
  const [state] = value.split(";");
  switch (state?.trim()) {
    case "confirmed":
      return { tone: "good", sentence: "Confirmed at the edge." };
    case "eventual":
      return { tone: "neutral", sentence: "Published. Edge locations follow, typically within 60 seconds." };
    case "pending":
      return { tone: "warning", sentence: "Not confirmed at the edge yet. The publisher keeps trying." };
    default:
      return { tone: "neutral", sentence: "No deployment serves this environment." };
  }
}

function told(what: string, response: Response): void {
  const { tone, sentence } = propagationOf(response);
  toast(`${what} ${sentence}`, tone);
}

const named = (key: Key) => ({ params: { path: { key_id: key.key_id } } });

export async function deactivate(key: Key): Promise<Response> {
  return (await api.POST("/api/v1/keys/{key_id}/deactivate", named(key))).response;
}

export async function deactivateAndTell(key: Key): Promise<void> {
  told(`“${key.name}” is deactivated.`, await deactivate(key));
}

export async function activateAndTell(key: Key): Promise<void> {
  const { response } = await api.POST("/api/v1/keys/{key_id}/activate", named(key));
  told(`“${key.name}” is active again.`, response);
}

export async function revoke(key: Key): Promise<Response> {
  return (await api.DELETE("/api/v1/keys/{key_id}", named(key))).response;
}

export async function rotate(key: Key, grace: number): Promise<{ created: Schemas["APIKeyResponse"]; response: Response }> {
  const { data, response } = await api.POST("/api/v1/keys/{key_id}/rotate", {
    params: { path: { key_id: key.key_id }, header: { "Idempotency-Key": `"${crypto.randomUUID()}"` } },
    body: grace > 0 ? { grace_period_seconds: grace } : {},
  });
  return { created: data as Schemas["APIKeyResponse"], response };
}

export async function update(key: Key, changes: Schemas["UpdateKey"]): Promise<void> {
  const { response } = await api.PATCH("/api/v1/keys/{key_id}", { ...named(key), body: changes });
  told(`“${changes.name ?? key.name}” is changed.`, response);
}

/** Asks whether it would be done. */
export async function validateUpdate(key: Key, changes: Schemas["UpdateKey"], signal: AbortSignal): Promise<void> {
  await api.PATCH("/api/v1/keys/{key_id}", { params: { ...named(key).params, query: { validate_only: true } }, body: changes, signal });
}
