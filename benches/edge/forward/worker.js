// Forwards to another origin and does nothing else. There is no cheaper way: a request taken over as it is saves a Request of its own, and its
// `redirect` is already "manual", so redirects are passed on as Keyward passes them on.

export default {
  fetch(request, env) {
    const { pathname, search } = new URL(request.url);
    return fetch(env.UPSTREAM_ORIGIN + pathname + search, request);
  },
};
