/** The REST API, typed by its own description: `schema.d.ts` is generated from `control-plane/openapi.json`. */

import createClient, { type Middleware } from "openapi-fetch";
import { csrfToken, sessionEnded } from "../session/session.ts";
import { Offline, problemOf } from "./problem.ts";
import type { components, paths } from "./schema.d.ts";

export type Schemas = components["schemas"];

const SAFE = new Set(["GET", "HEAD", "OPTIONS"]);

/** Shows that it is this page that asks, whatever cookies a browser may add to the requests of others. */
const guard: Middleware = {
  onRequest({ request }) {
    const token = csrfToken();
    if (token && !SAFE.has(request.method)) request.headers.set("X-CSRF-Token", token);
    return request;
  },
  async onResponse({ request, response }) {
    if (response.ok) return response;
    const problem = await problemOf(response);
    if (response.status === 401 && !new URL(request.url).pathname.startsWith("/api/v1/session")) sessionEnded();
    throw problem;
  },
  onError({ error }) {
    // An abort is not an outage.
    return error instanceof DOMException && error.name === "AbortError" ? error : new Offline();
  },
};

export const api = createClient<paths>({ credentials: "same-origin" });
api.use(guard);

/** What an answer holds. An answer that is no success has been thrown already. */
export async function bodyOf<T>(answer: Promise<{ data?: T; response: Response }>): Promise<T> {
  return (await answer).data as T;
}
