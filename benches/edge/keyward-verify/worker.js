// A Worker that lets Keyward decide and answers by itself: the deployed build, with its KeyGuard, behind an entry that differs from edge/entry/index.ts
// in one thing. What is admitted is answered with a constant, where that one forwards. Whatever is refused gets Keyward's own answer.

import { decide } from "../../../edge/build/index.js";
import { call, settled } from "../../../edge/entry/instance.ts";
import { KeyGuard as Guard } from "../../../edge/entry/key-guard.ts";
import { carryOut } from "../../../edge/entry/plan.ts";
import { counted } from "../keyward/counted.js";

export { GuardCalls } from "../keyward/counted.js";

export const KeyGuard = counted(Guard);

export default {
  async fetch(request, env, context) {
    const decided = call(() => decide(request, env, context));
    const plan = decided instanceof Promise ? await settled(decided) : decided;
    return plan.forward === undefined ? carryOut(plan, request, env) : new Response("ok");
  },
};
