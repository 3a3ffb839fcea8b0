// Stands between a Worker and its KeyGuards, and lets a test say how a guard answers. A stand-in for what cannot happen here by itself: guards
// that are far away, moving, or lost.

import { DurableObject } from "cloudflare:workers";

export class Between extends DurableObject {
  async fetch(request) {
    const message = await request.text();
    const orders = await this.env.TEST.fetch("http://test/", { method: "POST", headers: { "Content-Type": "application/json" }, body: message });
    const { wait_before_ms, throws, wait_after_ms, loses } = await orders.json();
    await scheduler.wait(wait_before_ms);
    if (throws) throw new Error("planned: the guard is away");
    const guard = this.env.GUARDS.get(this.env.GUARDS.idFromName(JSON.parse(message).name));
    const answer = await guard.fetch(request.url, { method: "POST", body: message });
    await scheduler.wait(wait_after_ms);
    if (loses) throw new Error("planned: the answer is lost");
    return answer;
  }
}

export default {
  fetch() {
    return new Response("only its objects are called", { status: 404 });
  },
};
