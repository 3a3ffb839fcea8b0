// A Worker with a handler of its own, protected by Keyward. It never sees the edge's secrets, and keeps no key.

import { type Edge, refuse, verify } from "./keyward.ts";

interface Env {
  KEYWARD: Edge;
  KEYWARD_VERIFY_SECRET: string;
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const terms = { service: "prediction", scope: "predict", meter: "prediction" };
    const verdict = await verify(env.KEYWARD, env.KEYWARD_VERIFY_SECRET, request, terms);
    if (!verdict.valid) return refuse(verdict);

    const { key_id, organization, rate_limits } = verdict;
    return Response.json({ message: "Hello from behind the verdict.", key_id, organization, rate_limits });
  },
};
