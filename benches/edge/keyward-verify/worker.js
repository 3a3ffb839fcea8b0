// The Worker as it is deployed, with all that it does for a request that it forwards, but no fetch: an answer stands in for the origin's.

import "./no-upstream.js";

export * from "../keyward/worker.js";
export { default } from "../keyward/worker.js";
