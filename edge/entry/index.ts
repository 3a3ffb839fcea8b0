// The start of the Worker. The decisions are Rust's; this file only hands requests over and answers when Rust cannot.

import { WorkerEntrypoint } from "cloudflare:workers";
import { fetch as handle, queue as consume } from "../build/index.js";
import { callAsync } from "./instance.ts";
import { unavailable } from "./unavailable.ts";

export { KeyGuard } from "./key-guard.ts";

export default class Edge extends WorkerEntrypoint {
  async fetch(request: Request): Promise<Response> {
    try {
      return await callAsync(() => handle(request, this.env, this.ctx));
    } catch (fault) {
      const requestId = crypto.randomUUID();
      // The panic hook has logged the panic itself; this line ties it to the request that it failed.
      console.error(JSON.stringify({ level: "error", message: "unavailable", request_id: requestId, fault: String(fault) }));
      return unavailable(requestId);
    }
  }

  /** Messages that are neither acknowledged nor put off when this throws come again by themselves. */
  queue(batch: unknown): Promise<void> {
    return callAsync(() => consume(batch, this.env, this.ctx));
  }
}
