declare module "virtual:bounds" {
  const schemas: Record<string, import("./api/bounds.ts").ObjectSchema>;
  export default schemas;
  export const actions: readonly string[];
}
