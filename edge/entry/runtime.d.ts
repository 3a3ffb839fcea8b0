// What the entry uses of the Workers runtime. The few lines here spare a package of types many times the size of the entry.

declare module "cloudflare:workers" {
  /** The base of a class of Durable Objects, each with its state and the bindings. */
  export abstract class DurableObject {
    constructor(ctx: unknown, env: unknown);
    protected readonly ctx: unknown;
    protected readonly env: unknown;
  }
}

/** A stream of bytes that keeps none of them: it is read as fast as it is written. */
declare class IdentityTransformStream extends TransformStream<Uint8Array, Uint8Array> {}

/** Two ends of one connection: the first for the client's answer, the second for the Worker. */
declare class WebSocketPair {
  0: WebSocket;
  1: WebSocket;
}

interface WebSocket {
  /** Begins to deliver what comes in; the answer may no longer be handed on as it is. */
  accept(): void;
}

interface Response {
  /** The other end, if the upstream has agreed to a WebSocket. */
  readonly webSocket: WebSocket | null;
}

interface ResponseInit {
  webSocket?: WebSocket | null;
}
