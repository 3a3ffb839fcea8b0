// Forwards, and edits the headers that Keyward edits: what is left of Keyward when nothing is checked. The values are constants of the same length.

const TOLD = [
  ["Keyward-Key-Id", "01980000-0000-7000-8000-000000000001"],
  ["Keyward-Organization", "default"],
  ["Keyward-Service", "prediction"],
  ["Keyward-Environment", "production"],
  ["Keyward-Scopes", "read predict"],
  ["Keyward-Request-Id", "01980000-0000-7000-8000-000000000002"],
  ["Keyward-Assertion", "x".repeat(480)],
];
const ANSWERED = [
  ["Cache-Control", "private"],
  ["Keyward-Request-Id", "01980000-0000-7000-8000-000000000002"],
  ["RateLimit-Policy", '"hour";q=4000000000;w=3600, "month";q=1000000000000;w=2592000'],
  ["RateLimit", '"hour";r=3999999999;t=3600, "month";r=999999999999;t=2592000'],
];

export default {
  async fetch(request, env) {
    const { pathname, search } = new URL(request.url);
    const headers = new Headers(request.headers);
    headers.delete("Authorization");
    for (const [name, value] of TOLD) headers.set(name, value);
    const init = { method: request.method, headers, body: request.body, redirect: "manual" };
    const answer = await fetch(env.UPSTREAM_ORIGIN + pathname + search, init);
    const copy = new Response(answer.body, answer);
    for (const [name, value] of ANSWERED) copy.headers.set(name, value);
    return copy;
  },
};
