// Forwards and does nothing else: the same request to the origin, its answer as it is. Redirects are passed on, as Keyward does.

export default {
  fetch(request, env) {
    const { pathname, search } = new URL(request.url);
    return fetch(env.UPSTREAM_ORIGIN + pathname + search, new Request(request, { redirect: "manual" }));
  },
};
