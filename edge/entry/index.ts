// The start of the Worker. The decisions are Rust's; this file asks for them, has them carried out, and answers when Rust cannot.

import { queue as consume } from "../build/index.js";
import { callAsync } from "./instance.ts";
import { carryOut, planOf } from "./plan.ts";
import { unavailable } from "./unavailable.ts";

export { KeyGuard } from "./key-guard.ts";

// An object, not a class: of a class the runtime makes an object for each request. Nor are its steps `async` that need not wait.
export default {
  fetch(request: Request, env: unknown, context: unknown): Response | Promise<Response> {
    try {
      const plan = planOf(request, env, context);
      const answer = plan instanceof Promise ? plan.then((plan) => carryOut(plan, request, env)) : carryOut(plan, request, env);
      return answer instanceof Promise ? answer.catch(apologize) : answer;
    } catch (fault) {
      return apologize(fault);
    }
  },

  /** Messages that are neither acknowledged nor put off when this throws come again by themselves. */
  queue(batch: unknown, env: unknown, context: unknown): Promise<void> {
    return callAsync(() => consume(batch, env, context));
  },
};

function apologize(fault: unknown): Response {
  const requestId = crypto.randomUUID();
  // The panic hook has logged the panic itself; this line ties it to the request that it failed.
  console.error(JSON.stringify({ level: "error", message: "unavailable", request_id: requestId, fault: String(fault) }));
  return unavailable(requestId);
}
