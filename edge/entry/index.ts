// The start of the Worker. The decisions are Rust's; this file asks for them, has them carried out, and answers when Rust cannot.

import { decide, queue as consume } from "../build/index.js";
import { call, callAsync, settled } from "./instance.ts";
import { carryOut } from "./plan.ts";
import { unavailable } from "./unavailable.ts";

export { KeyGuard } from "./key-guard.ts";

// An object, not a class: of a class the runtime makes an object for each request.
export default {
  async fetch(request: Request, env: unknown, context: unknown): Promise<Response> {
    try {
      // A request that needs nobody's word is decided by the time that the call returns.
      const decided = call(() => decide(request, env, context));
      const plan = decided instanceof Promise ? await settled(decided) : decided;
      return await carryOut(plan, request, env);
    } catch (fault) {
      const requestId = crypto.randomUUID();
      // The panic hook has logged the panic itself; this line ties it to the request that it failed.
      console.error(JSON.stringify({ level: "error", message: "unavailable", request_id: requestId, fault: String(fault) }));
      return unavailable(requestId);
    }
  },

  /** Messages that are neither acknowledged nor put off when this throws come again by themselves. */
  queue(batch: unknown, env: unknown, context: unknown): Promise<void> {
    return callAsync(() => consume(batch, env, context));
  },
};
