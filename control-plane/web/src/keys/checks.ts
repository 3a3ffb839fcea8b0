/** What the server itself says of a form while somebody fills it in: the same request, only asked for (`validate_only`). */

import { useEffect, useState } from "preact/hooks";
import { Problem } from "../api/problem.ts";
import type { Faults } from "./draft.ts";

/** How long somebody has to pause, in milliseconds. */
const PAUSE = 400;

/**
 * The field that the server would refuse, with its sentence. `ask` sends the request that `body` would be; null asks nothing,
 * as where the page knows by itself what is wrong.
 */
export function useServerChecks(body: object | null, ask: (signal: AbortSignal) => Promise<unknown>): Faults {
  const asked = body && JSON.stringify(body);
  const [answer, setAnswer] = useState<{ to: string; faults: Faults } | null>(null);
  useEffect(() => {
    if (asked === null) return;
    const abort = new AbortController();
    const timer = setTimeout(() => {
      ask(abort.signal).then(
        () => setAnswer({ to: asked, faults: {} }),
        (error: unknown) => {
          // Whatever concerns no field is said when the form is sent; so is that nobody answers.
          const faults = error instanceof Problem && error.field ? { [error.field]: error.message } : {};
          if (!abort.signal.aborted) setAnswer({ to: asked, faults });
        },
      );
    }, PAUSE);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [asked]);
  return answer?.to === asked ? answer.faults : {};
}
