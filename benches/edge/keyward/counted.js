// A count of the calls to KeyGuards, read at an address of its own so that requests do not pay for it.

import { WorkerEntrypoint } from "cloudflare:workers";

let calls = 0;

export const counted = (Guard) =>
  class extends Guard {
    fetch(request) {
      calls += 1;
      return super.fetch(request);
    }
  };

export class GuardCalls extends WorkerEntrypoint {
  fetch() {
    return new Response(String(calls));
  }
}
