// Carries out what Rust has planned: the answers, the request to the upstream, the headers of both. Bodies pass from stream to stream inside
// the runtime; no byte of them comes here. What goes on for long is in `live.ts`.

import { privateCacheControl, upstreamFailed } from "../build/index.js";
import type { Answer, Fields, Forward, Plan } from "../build/index.js";
import { call } from "./instance.ts";
import { endingAnswer } from "./live.ts";

export function carryOut(plan: Plan, request: Request, env: unknown): Response | Promise<Response> {
  return plan.forward === undefined ? respond(plan.answer) : forward(plan.forward, request, env);
}

function respond({ status, headers, body }: Answer): Response {
  return new Response(body === "" ? null : body, { status, headers: withFields(new Headers(), headers) });
}

async function forward(plan: Forward, request: Request, env: unknown): Promise<Response> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), plan.timeoutMs);
  let answer: Response;
  try {
    answer = await ask(plan, request, late.signal);
  } catch (fault) {
    const cause = late.signal.aborted ? undefined : String(fault);
    return carryOut(call(() => upstreamFailed(request, env, plan.requestId, cause)), request, env);
  } finally {
    // The answer has begun; its body may take as long as it likes.
    clearTimeout(timer);
  }
  return handOn(answer, plan, late);
}

function ask(plan: Forward, request: Request, signal: AbortSignal): Promise<Response> {
  const headers = new Headers(request.headers);
  for (const name of plan.removed) headers.delete(name);
  const init: RequestInit = { method: request.method, headers: withFields(headers, plan.set), redirect: "manual", signal };
  if (plan.noStore) init.cache = "no-store";
  if (plan.hasBody) init.body = request.body;
  return fetch(plan.url, init);
}

// The same answer with other headers. The runtime copies status and headers itself; and as it sees the upstream's own stream under the same
// `Content-Encoding`, a compressed body passes as it is.
function handOn(answer: Response, { answer: edits, streamMaxAgeMs }: Forward, request: AbortController): Response {
  const copy = endingAnswer(answer, streamMaxAgeMs, request) ?? new Response(answer.body, answer);
  const { headers } = copy;
  for (const name of edits.removed) headers.delete(name);
  const { removedPrefix } = edits;
  if (removedPrefix !== null) {
    for (const name of [...headers.keys()]) if (name.startsWith(removedPrefix)) headers.delete(name);
  }
  if (edits.isPrivate) headers.set("Cache-Control", call(() => privateCacheControl(headers.get("Cache-Control") ?? "")));
  withFields(headers, edits.set);
  for (const [name, value] of edits.appended) headers.append(name, value);
  return copy;
}

// One by one: made of a list, `Headers` cost the runtime five times as much.
function withFields(headers: Headers, fields: Fields): Headers {
  for (const [name, value] of fields) headers.set(name, value);
  return headers;
}
