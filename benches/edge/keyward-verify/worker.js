// A Worker that lets Keyward decide and answers by itself: the deployed build, with its KeyGuard, behind an entry that differs from edge/entry/index.ts
// in one thing. What is admitted is answered with a constant, where that one forwards. Whatever is refused gets Keyward's own answer.

import { KeyGuard as Guard } from "../../../edge/entry/key-guard.ts";
import { carryOut, planOf } from "../../../edge/entry/plan.ts";
import { counted } from "../keyward/counted.js";

export { GuardCalls } from "../keyward/counted.js";

export const KeyGuard = counted(Guard);

export default {
  fetch(request, env, context) {
    const plan = planOf(request, env, context);
    return plan instanceof Promise ? plan.then((plan) => answer(plan, request, env)) : answer(plan, request, env);
  },
};

function answer(plan, request, env) {
  return "way" in plan ? new Response("ok") : carryOut(plan, request, env);
}
