/**
 * Who is signed in. The session itself is a cookie that scripts cannot read; what is kept here is gone with the page,
 * and the token that somebody signed in with is kept nowhere.
 */

import { computed, signal } from "@preact/signals";
import type { Schemas } from "../api/client.ts";
import { Offline, problemOf } from "../api/problem.ts";

export type Session = Schemas["SessionInfo"];

export type Options = Schemas["SignInOptions"];

type State = { is: "unknown" } | { is: "unreachable" } | { is: "out"; ended: boolean } | { is: "in"; session: Session };

export const state = signal<State>({ is: "unknown" });
export const me = computed(() => (state.value.is === "in" ? state.value.session.userinfo : null));

export const csrfToken = () => (state.value.is === "in" ? state.value.session.csrf_token : null);

/** The server does not know the session any more. */
export function sessionEnded(): void {
  if (state.value.is === "in") state.value = { is: "out", ended: true };
}

/** Asks whether the browser has a session, as after a reload. */
export async function resume(): Promise<void> {
  try {
    const response = await fetch("/api/v1/session", { headers: { Accept: "application/json" } });
    if (response.ok) state.value = { is: "in", session: await response.json() };
    else if (response.status === 401) state.value = { is: "out", ended: false };
    else state.value = { is: "unreachable" };
  } catch {
    state.value = { is: "unreachable" };
  }
}

/** @throws what is wrong with the token. */
export async function signIn(token: string): Promise<void> {
  const response = await sent("/api/v1/session", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ token }),
  });
  state.value = { is: "in", session: await response.json() };
}

/** Ends the session on the server, and only then here. */
export async function signOut(): Promise<void> {
  await sent("/api/v1/session", { method: "DELETE", headers: { "X-CSRF-Token": csrfToken() ?? "" } });
  state.value = { is: "out", ended: false };
}

export async function options(): Promise<Options> {
  return (await sent("/api/v1/session/options", {})).json();
}

async function sent(path: string, init: RequestInit): Promise<Response> {
  const response = await fetch(path, init).catch(() => {
    throw new Offline();
  });
  if (!response.ok) throw await problemOf(response);
  return response;
}
