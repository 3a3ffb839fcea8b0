// The Durable Object that the runtime knows. The guard itself is Rust's, and as short-lived as the instance it lives in: whatever it answers is
// stored first, so a guard made by the next instance goes on from there.

import { DurableObject } from "cloudflare:workers";
import { KeyGuard as Guard } from "../build/index.js";
import { callAsync, generation } from "./instance.ts";

export class KeyGuard extends DurableObject {
  #guard: Guard | undefined;
  #generation = -1;

  fetch(request: Request): Promise<Response> {
    return callAsync(() => this.#present().fetch(request));
  }

  /** The runtime rings again if this throws. */
  async alarm(): Promise<void> {
    await callAsync(() => this.#present().alarm());
  }

  /** The guard of the present instance. */
  #present(): Guard {
    if (this.#guard === undefined || this.#generation !== generation) {
      this.#guard = new Guard(this.ctx, this.env);
      this.#generation = generation;
    }
    return this.#guard;
  }
}
