// What the entry uses of the Workers runtime. The few lines here spare a package of types many times the size of the entry.

declare module "cloudflare:workers" {
  /** The base of a class of Durable Objects, each with its state and the bindings. */
  export abstract class DurableObject {
    constructor(ctx: unknown, env: unknown);
    protected readonly ctx: unknown;
    protected readonly env: unknown;
  }
}
