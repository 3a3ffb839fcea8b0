// Asks Keyward's edge Worker whether the key of a request is good for it. Copy this file into a Worker of yours.

/** The binding of the edge Worker, as `[[services]]` in wrangler.toml makes it. */
export interface Edge {
  fetch(url: string, init: RequestInit): Promise<Response>;
}

/** What a request needs of its key. */
export interface Terms {
  /** The service that the key must be for. */
  service: string;
  /** The scope that it must have. */
  scope?: string;
  /** The meter that the request counts on; one that a route of the deployment names. */
  meter?: string;
  /** False only asks: no request is taken from the key's limits. */
  spend?: boolean;
}

/** One limit, and what is left of it. */
export interface RateLimit {
  limit: number;
  remaining: number;
  reset_seconds: number;
}

/** The key may make the request. */
export interface Valid {
  valid: true;
  key_id: string;
  organization: string;
  service: string;
  environment: "production" | "test" | "development";
  scopes: string[];
  plan: string;
  /** RFC 3339. */
  expires_at: string | null;
  rate_limits: { hour: RateLimit | null; month: RateLimit | null };
  request_id: string;
}

/** It may not. */
export interface Invalid {
  valid: false;
  /** The reason, one of a closed list: `revoked`, `insufficient_scope`, `rate_limited`, … */
  code: string;
  /** The HTTP status that the edge would have answered with. */
  status: number;
  /** A sentence for the caller. */
  detail: string;
  /** For `WWW-Authenticate`. */
  challenge: string | null;
  /** For `Retry-After`. */
  retry_after_seconds: number | null;
  request_id: string | null;
}

/** Asks about the key of a request. Whatever goes wrong on the way is a key that cannot be checked now, never a good one. */
export async function verify(edge: Edge, secret: string, request: Request, terms: Terms): Promise<Valid | Invalid> {
  const question = {
    ...terms,
    key: bearerToken(request),
    client_ip: request.headers.get("CF-Connecting-IP"),
  };
  try {
    // The host does not matter: the binding leads to the edge Worker.
    const answer = await edge.fetch("https://keyward.invalid/.keyward/verify", {
      method: "POST",
      headers: { Authorization: `Bearer ${secret}`, "Content-Type": "application/json" },
      body: JSON.stringify(question),
    });
    // Any other status is about this question, not about the key: a wrong secret, a wrong field, too many questions.
    if (answer.status === 200) return await answer.json();
    console.error(JSON.stringify({ message: "Keyward did not take the question", status: answer.status, problem: await answer.text() }));
  } catch (cause) {
    console.error(JSON.stringify({ message: "Keyward did not answer", cause: String(cause) }));
  }
  return UNAVAILABLE;
}

/** The answer to a caller whose key is not good: the problem document (RFC 9457) that the edge itself would have sent. */
export function refuse(verdict: Invalid): Response {
  const { code, status, detail, request_id } = verdict;
  const headers = new Headers({ "Content-Type": "application/problem+json", "Cache-Control": "no-store" });
  if (verdict.challenge !== null) headers.set("WWW-Authenticate", verdict.challenge);
  if (verdict.retry_after_seconds !== null) headers.set("Retry-After", String(verdict.retry_after_seconds));
  const problem = { type: `urn:keyward:problem:${code}`, status, detail, code, request_id };
  return new Response(JSON.stringify(problem), { status, headers });
}

const UNAVAILABLE: Invalid = {
  valid: false,
  code: "unavailable",
  status: 503,
  detail: "The request could not be checked just now. Try again after the time in Retry-After.",
  challenge: null,
  retry_after_seconds: 1,
  request_id: null,
};

/** The token as it was sent, or an empty one, which is a missing credential. Whether it is a good one is for the edge to say. */
function bearerToken(request: Request): string {
  const [, token] = /^Bearer +(.*)$/i.exec(request.headers.get("Authorization") ?? "") ?? [];
  return token ?? "";
}
