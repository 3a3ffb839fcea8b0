// The one WebAssembly instance of this isolate, and what happens when it ends.
//
// A panic in Rust aborts: the instance traps, and its memory may be half-written, so nothing in it may run again. Every call into the
// instance goes through this file. When one ends the instance, a fresh instance takes its place at once, and every call that still waited
// for the old one rejects with `InstanceLost`; none of those would ever settle by itself.

import { __wbg_reset_state as replaceInstance } from "../build/index.js";

/** The instance ended before this call was finished. The next call runs on a fresh one. */
export class InstanceLost extends Error {
  override readonly name = "InstanceLost";
}

/** Counts the instances. An object made by an earlier one is of no use to this one. */
export let generation = 0;

/** Rejects the calls that the present instance has not finished. */
const unfinished = new Set<(lost: InstanceLost) => void>();

/** Runs a call that answers at once. Rust returns its errors as values, so whatever is thrown has torn through Rust's frames: an end. */
export function call<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw endInstance(cause);
  }
}

/** Runs a call that answers with a promise. */
export function callAsync<T>(work: () => Promise<T>): Promise<T> {
  return settled(call(work));
}

/** Waits for a promise that a call has returned. */
export function settled<T>(promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    unfinished.add(reject);
    promise.then(resolve, reject).finally(() => unfinished.delete(reject));
  });
}

// After its first `await` a Rust future is polled by the runtime's queue, and a panic there reaches no caller but this listener. It heeds traps
// and exhausted stacks only: a timer that an ended instance had set also comes here, as a plain error, and must not end the present instance.
addEventListener("error", ({ error }) => {
  if (error instanceof WebAssembly.RuntimeError || error instanceof RangeError) endInstance(error);
});

function endInstance(cause: unknown): InstanceLost {
  const lost = new InstanceLost("the WebAssembly instance ended", { cause });
  replaceInstance();
  generation += 1;
  for (const reject of unfinished) reject(lost);
  unfinished.clear();
  return lost;
}
