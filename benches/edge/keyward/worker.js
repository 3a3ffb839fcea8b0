// The Worker as it is deployed, and beside it a count of the calls to its KeyGuards, read at an address of its own so that requests do not pay for it.

import { WorkerEntrypoint } from "cloudflare:workers";
import { KeyGuard as Guard } from "./keyward.js";

export { default } from "./keyward.js";

let calls = 0;

export class KeyGuard extends Guard {
  fetch(request) {
    calls += 1;
    return super.fetch(request);
  }
}

export class GuardCalls extends WorkerEntrypoint {
  fetch() {
    return new Response(String(calls));
  }
}
