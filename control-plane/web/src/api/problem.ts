/** What can go wrong with a call: the server says no (RFC 9457), or cannot be reached. */

export class Problem extends Error {
  constructor(
    readonly status: number,
    /** The stable word for it. */
    readonly code: string,
    /** A sentence for people. */
    detail: string,
    /** The field of the request that is wrong. */
    readonly field: string | null,
    readonly requestId: string | null,
  ) {
    super(detail);
  }
}

export class Offline extends Error {
  constructor() {
    super("The control plane cannot be reached. Check the connection; nothing is lost, and this page tries again.");
  }
}

export async function problemOf(response: Response): Promise<Problem> {
  const requestId = response.headers.get("Keyward-Request-Id");
  try {
    const { code, detail, field } = await response.clone().json();
    return new Problem(response.status, String(code), String(detail), field ?? null, requestId);
  } catch {
    const detail = `The server answered ${response.status} without saying why.`;
    return new Problem(response.status, "unknown", detail, null, requestId);
  }
}

/** A sentence for people, whatever was thrown. */
export function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
