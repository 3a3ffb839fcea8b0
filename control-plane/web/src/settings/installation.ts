/** What the server says of its configuration, asked for once a session. */

import { computed, effect, signal } from "@preact/signals";
import { api, bodyOf, type Schemas } from "../api/client.ts";
import { me } from "../session/session.ts";

type Installation = Schemas["Settings"];

/** Null until it is known. */
export const installation = signal<Installation | null>(null);
export const services = computed(() => installation.value?.services ?? []);

/** The edge that admits keys of an environment. */
export function edgeOf(environment: string | null): string | null {
  const serving = (installation.value?.deployments ?? []).filter((one) => one.edge_url && (environment === null || one.environment === environment));
  return serving[0]?.edge_url?.replace(/\/$/, "") ?? null;
}

effect(() => {
  if (!me.value) return;
  // Without it the forms take a service by hand, and offer no command to try.
  bodyOf(api.GET("/api/v1/settings")).then(
    (answer) => {
      installation.value = answer;
    },
    () => undefined,
  );
});
