// Asks Rust for plans, and carries them out: the answers, the request to the upstream, the headers of both. Bodies pass from stream to stream
// inside the runtime; no byte of them comes here. What goes on for long is in `live.ts`.

import { decide, privateCacheControl, staysBehind, upstreamFailed } from "../build/index.js";
import type { Answer, Fields, Forward, Plan, Refuse } from "../build/index.js";
import { call, settled } from "./instance.ts";
import { endingAnswer } from "./live.ts";

/** What Rust plans for a request: by the time that the call returns, unless somebody must be asked. */
export function planOf(request: Request, env: unknown, context: unknown): Plan | Promise<Plan> {
  const { headers, method, url } = request;
  const authorization = headers.get("Authorization");
  const hasApiKey = headers.has("Api-Key");
  const origin = headers.get("Origin");
  const clientIp = headers.get("CF-Connecting-IP");
  const plan = call(() => decide(request, env, context, method, url, authorization, hasApiKey, origin, clientIp));
  return plan instanceof Promise ? settled(plan) : plan;
}

export function carryOut(plan: Plan, request: Request, env: unknown): Response | Promise<Response> {
  if ("way" in plan) return forward(plan, request, env);
  return "refused" in plan ? refuse(plan) : respond(plan.answer);
}

function respond({ status, headers, body }: Answer): Response {
  return new Response(body === "" ? null : body, { status, headers: withFields(new Headers(), headers) });
}

function refuse({ refused: { status, headers, idField, problem }, requestId }: Refuse): Response {
  const body = problem === null ? null : problem[0] + requestId + problem[1];
  const answer = new Response(body, { status, headers });
  answer.headers.set(idField, requestId);
  return answer;
}

async function forward(plan: Forward, request: Request, env: unknown): Promise<Response> {
  const left = leftBehind(request.headers);
  // Only a WebSocket may have to be broken off later.
  const socket = request.headers.get("Upgrade") === null ? undefined : new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  // Who is late is not listened to any more, and the runtime breaks it off when this request has its answer.
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, plan.way.timeoutMs);
  });
  let answer: Response | undefined;
  let cause: string | undefined;
  try {
    answer = await Promise.race([ask(plan, request, left, socket?.signal), late]);
  } catch (fault) {
    cause = String(fault);
  } finally {
    // If the answer has begun, its body may take as long as it likes.
    clearTimeout(timer);
  }
  if (answer !== undefined) return handOn(answer, plan, socket);
  const { method, url, headers } = request;
  return carryOut(call(() => upstreamFailed(env, method, url, headers.get("Origin"), plan.requestId, cause)), request, env);
}

function ask({ way, requestId, path }: Forward, request: Request, left: string[], signal?: AbortSignal): Promise<Response> {
  const headers = new Headers(request.headers);
  for (const name of left) headers.delete(name);
  withFields(headers, way.set).set(way.idField, requestId);
  const init: RequestInit = { method: request.method, headers, redirect: "manual" };
  if (way.noStore) init.cache = "no-store";
  if (way.hasBody) init.body = request.body;
  if (signal !== undefined) init.signal = signal;
  return fetch(way.base + path, init);
}

/** Which headers stay behind, by the names of all of them and what two of those say: a client sends the same ones again and again. */
const known = new Map<string, string[]>();
// Together at most a megabyte.
const MOST_KNOWN = 250;
const LONGEST_KNOWN = 2000;

function leftBehind(headers: Headers): string[] {
  const names = [...headers.keys()].join();
  const connection = headers.get("Connection") ?? "";
  const upgrade = headers.get("Upgrade") ?? "";
  const all = `${names}\n${connection}\n${upgrade}`;
  let left = known.get(all);
  if (left === undefined) {
    left = call(() => staysBehind(names, connection, upgrade)).split(",").filter(Boolean);
    if (known.size >= MOST_KNOWN) known.clear();
    if (all.length <= LONGEST_KNOWN) known.set(all, left);
  }
  return left;
}

// The same answer with other headers. The runtime copies status and headers itself; and as it sees the upstream's own stream under the same
// `Content-Encoding`, a compressed body passes as it is.
function handOn(answer: Response, { way, requestId, limits }: Forward, socket: AbortController | undefined): Response {
  const copy = endingAnswer(answer, way.streamMaxAgeMs, socket) ?? new Response(answer.body, answer);
  const { headers } = copy;
  const edits = way.answer;
  for (const name of edits.removed) headers.delete(name);
  const { removedPrefix } = edits;
  if (removedPrefix !== null) {
    for (const name of [...headers.keys()]) if (name.startsWith(removedPrefix)) headers.delete(name);
  }
  if (edits.private !== null) {
    const shared = headers.get("Cache-Control");
    headers.set("Cache-Control", shared === null ? edits.private : call(() => privateCacheControl(shared)));
  }
  withFields(headers, edits.set).set(way.idField, requestId);
  if (limits !== "") headers.set(edits.limitsField, limits);
  for (const [name, value] of edits.appended) headers.append(name, value);
  return copy;
}

// One by one: made of a list, `Headers` cost the runtime five times as much.
function withFields(headers: Headers, fields: Fields): Headers {
  for (const [name, value] of fields) headers.set(name, value);
  return headers;
}
