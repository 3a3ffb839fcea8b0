// Stands in for the origin inside the Worker: whatever would be forwarded is answered with a constant at once.

globalThis.fetch = async () => new Response("ok");
