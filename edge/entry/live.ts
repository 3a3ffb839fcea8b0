// Answers that go on: WebSockets and event streams. Who may open one is decided at its start and not again, so it ends at an age.

/**
 * The same answer, to end at this age, if it is one that goes on. The age counts from here, where the answer begins. `request` is what
 * breaks the connection to the upstream off, for a WebSocket.
 */
export function endingAnswer(answer: Response, maxAgeMs: number, request: AbortController | undefined): Response | undefined {
  if (answer.webSocket !== null) {
    const webSocket = endingSocket(answer.webSocket, maxAgeMs, request);
    return new Response(null, { status: answer.status, headers: answer.headers, webSocket });
  }
  if (answer.body !== null && EVENT_STREAM.test(answer.headers.get("Content-Type") ?? "")) {
    return new Response(endingStream(answer.body, maxAgeMs), answer);
  }
  return undefined;
}

const EVENT_STREAM = /^text\/event-stream\s*(;|$)/i;

// An end and not a break: a browser opens the stream anew, with what it has seen last, and is decided on again. The bytes stay in the runtime.
function endingStream(body: ReadableStream<Uint8Array>, maxAgeMs: number): ReadableStream<Uint8Array> {
  const { readable, writable } = new IdentityTransformStream();
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(), maxAgeMs);
  const end = (fault: unknown) => (over.signal.aborted ? writable.close() : writable.abort(fault));
  const passed = body.pipeTo(writable, { signal: over.signal, preventAbort: true }).catch(end);
  // The caller may be gone, and then there is nobody to tell.
  void passed.catch(() => undefined).finally(() => clearTimeout(timer));
  return readable;
}

/** What a side is told when the connection ends (RFC 6455 §7.4.1). */
interface Farewell {
  code?: number;
  reason?: string;
}

const OVER: Farewell = { code: 1001, reason: "maximum age reached" };
const CLIENT_LOST: Farewell = { code: 1001, reason: "the client is gone" };
const UPSTREAM_LOST: Farewell = { code: 1011, reason: "the upstream is gone" };
const TOO_SLOW: Farewell = { code: 1008, reason: "messages are not taken as fast as they come" };

/** How much may wait for one side to take it, in bytes, when another message comes: the isolate's memory is everybody's. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;

/** How long an upstream may take to answer a farewell. */
const FAREWELL_MS = 2000;

function endingSocket(upstream: WebSocket, maxAgeMs: number, request: AbortController | undefined): WebSocket {
  const { 0: handedOut, 1: client } = new WebSocketPair();
  let isOver = false;
  const end = (farewell: Farewell) => {
    if (isOver) return;
    isOver = true;
    clearTimeout(timer);
    for (const side of [client, upstream]) close(side, farewell);
    setTimeout(() => request?.abort(), FAREWELL_MS);
  };
  const timer = setTimeout(end, maxAgeMs, OVER);
  const pass = (from: WebSocket, to: WebSocket, lost: Farewell) => {
    from.binaryType = "arraybuffer";
    from.addEventListener("message", ({ data }) => {
      if (isOver || to.readyState !== WebSocket.OPEN) return;
      if (to.bufferedAmount <= MAX_WAITING_BYTES) {
        to.send(data);
        return;
      }
      end(TOO_SLOW);
      // Without a farewell to the upstream: until it had answered, all that it sends would have to be taken.
      request?.abort();
    });
    from.addEventListener("close", ({ code, reason }) => end(farewellOf(code, reason) ?? lost));
    from.addEventListener("error", () => end(lost));
    from.accept();
  };
  pass(client, upstream, CLIENT_LOST);
  pass(upstream, client, UPSTREAM_LOST);
  return handedOut;
}

// What one side has said, for the other. Nothing where it has said nothing: 1006 and 1015 are never sent. 1005 is a farewell without a code.
function farewellOf(code: number, reason: string): Farewell | undefined {
  if (code === 1005) return {};
  return code === 1006 || code === 1015 ? undefined : { code, reason };
}

function close(side: WebSocket, { code, reason }: Farewell): void {
  try {
    side.close(code, reason);
  } catch {
    // It has closed already.
  }
}
