/** What the server says of its configuration, asked for once a session. */

import { computed, effect, signal } from "@preact/signals";
import { me } from "../session/session.ts";

export interface Installation {
  services: string[];
  /** By service, a request that its keys may make: `POST /v1/predict`. */
  examples: Record<string, string>;
  deployments: { id: string; environment: string; edge_url: string | null }[];
  [more: string]: unknown;
}

const NOTHING: Installation = { services: [], examples: {}, deployments: [] };

export const installation = signal<Installation>(NOTHING);
export const services = computed(() => installation.value.services);

/** The edge that admits keys of an environment. */
export function edgeOf(environment: string | null): string | null {
  const { deployments } = installation.value;
  const serving = deployments.filter((one) => one.edge_url && (environment === null || one.environment === environment));
  return serving[0]?.edge_url?.replace(/\/$/, "") ?? null;
}

effect(() => {
  if (!me.value) return;
  fetch("/api/v1/settings", { headers: { Accept: "application/json" } })
    .then((response) => (response.ok ? response.json() : NOTHING))
    .then((answer: Partial<Installation>) => (installation.value = { ...NOTHING, ...answer }))
    .catch(() => undefined);
});
