import { readFileSync } from "node:fs";
import process from "node:process";
import { defineConfig } from "vite";

/** The schemas of request bodies whose bounds the forms check while somebody types. */
const CHECKED = ["CreateKey", "UpdateKey", "RotateKey", "CreateGroup", "CreateOrganization"];

/** `virtual:bounds`: those schemas, and the kinds of audit events, out of the server's own description of itself. */
function bounds() {
  const name = "virtual:bounds";
  return {
    name: "keyward-bounds",
    resolveId: (id) => (id === name ? `\0${name}` : undefined),
    load(id) {
      if (id !== `\0${name}`) return undefined;
      const file = new URL("../openapi.json", import.meta.url);
      this.addWatchFile(file.pathname);
      const { components, paths } = JSON.parse(readFileSync(file, "utf8"));
      const schemas = Object.fromEntries(CHECKED.map((name) => [name, components.schemas[name]]));
      const { schema } = paths["/api/v1/audit"].get.parameters.find(({ name }) => name === "action");
      return `export default ${JSON.stringify(schemas)}; export const actions = ${JSON.stringify(schema.enum)};`;
    },
  };
}

export default defineConfig({
  plugins: [bounds()],
  build: {
    // What the page relies on: dialogs, popovers, `light-dark()`. Everything newer than spring 2024 has them.
    target: ["chrome123", "firefox125", "safari17.5"],
    // The content security policy has no `data:` but for images, and allows no inline script.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: { proxy: { "/api": process.env.KEYWARD_URL ?? "http://127.0.0.1:8080" } },
});
