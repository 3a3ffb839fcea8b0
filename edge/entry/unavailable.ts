/** The answer when the Worker itself fails: the same problem document as Rust's `DenyReason::Unavailable`, and nothing of the cause. */
export function unavailable(requestId: string): Response {
  const problem = {
    type: "urn:keyward:problem:unavailable",
    title: "Temporarily unavailable",
    status: 503,
    detail: "The request could not be checked just now. Try again after the time in Retry-After.",
    code: "unavailable",
    request_id: requestId,
  };
  return new Response(JSON.stringify(problem), {
    status: problem.status,
    headers: {
      "Content-Type": "application/problem+json",
      "Cache-Control": "no-store",
      "Retry-After": "1",
      "Keyward-Request-Id": requestId,
    },
  });
}
