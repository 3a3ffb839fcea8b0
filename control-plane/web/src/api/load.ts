import { useCallback, useEffect, useRef, useState } from "preact/hooks";

export interface Loaded<T> {
  data: T | undefined;
  error: unknown;
  /** Something is being fetched; `data` is what was there before. */
  busy: boolean;
  reload: () => void;
}

/**
 * Fetches when one of `inputs` changes, and keeps what was there until the new is. An answer that comes
 * after a newer question is dropped.
 */
export function useLoad<T>(load: (signal: AbortSignal) => Promise<T>, inputs: readonly unknown[]): Loaded<T> {
  const [state, setState] = useState<{ data: T | undefined; error: unknown; busy: boolean }>({
    data: undefined,
    error: undefined,
    busy: true,
  });
  const [round, setRound] = useState(0);
  const latest = useRef(load);
  latest.current = load;

  useEffect(() => {
    const stop = new AbortController();
    setState((was) => ({ ...was, busy: true }));
    latest.current(stop.signal).then(
      (data) => stop.signal.aborted || setState({ data, error: undefined, busy: false }),
      (error) => stop.signal.aborted || setState((was) => ({ ...was, error, busy: false })),
    );
    return () => stop.abort();
  }, [...inputs, round]);

  const reload = useCallback(() => setRound((round) => round + 1), []);
  useEffect(() => {
    window.addEventListener("online", reload);
    return () => window.removeEventListener("online", reload);
  }, [reload]);
  return { ...state, reload };
}

/** Calls `again` every `ms` while `when` holds and somebody looks. */
export function useRepeat(when: boolean, ms: number, again: () => void): void {
  const latest = useRef(again);
  latest.current = again;
  useEffect(() => {
    if (!when) return undefined;
    const timer = setInterval(() => document.visibilityState === "visible" && latest.current(), ms);
    return () => clearInterval(timer);
  }, [when, ms]);
}
