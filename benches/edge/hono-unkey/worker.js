// What one would assemble from packages: Hono's bearer auth, and @unkey/cache (in memory, always fresh) in front of a Map of 10,000 hashed keys.
// No tag, scope, address or limit is checked. The cache is made once, which is cheaper than for each request as its manual shows.

import { Hono } from "hono";
import { bearerAuth } from "hono/bearer-auth";
import { createCache, DefaultStatefulContext, Namespace } from "@unkey/cache";
import { MemoryStore } from "@unkey/cache/stores";
import hashes from "./keys.json";

const keys = new Map(hashes.map((hash) => [hash, { isActive: true, expiresAt: Infinity }]));
const cache = createCache({
  keyByHash: new Namespace(new DefaultStatefulContext(), {
    stores: [new MemoryStore({ persistentMap: new Map() })],
    fresh: 3_600_000,
    stale: 7_200_000,
  }),
});
const encoder = new TextEncoder();

async function sha256(text) {
  const digest = await crypto.subtle.digest("SHA-256", encoder.encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function verifyToken(token) {
  const { val: key } = await cache.keyByHash.swr(await sha256(token), async (hash) => keys.get(hash));
  return key !== undefined && key.isActive && Date.now() < key.expiresAt;
}

const app = new Hono();
app.use(bearerAuth({ verifyToken }));
app.all("*", (context) => context.text("ok"));

export default app;
