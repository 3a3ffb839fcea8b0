// axe finds nothing on any page, in both colour schemes, on a wide and on a narrow screen.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { after, test } from "node:test";
import { api, callEdge, createKey, endBrowser, settled, url, visit } from "./stage.mjs";

after(endBrowser);

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

async function check(page, what) {
  await settled(page);
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  const told = violations.map(({ id, impact, nodes }) => `${impact} ${id}: ${nodes.map((node) => node.html).slice(0, 3).join(" | ")}`);
  assert.deepEqual(told, [], what);
  const isTooWide = await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
  assert.ok(!isTooWide, `${what} scrolls sideways`);
}

for (const colorScheme of ["light", "dark"]) {
  for (const [size, viewport] of [["wide", { width: 1280, height: 800 }], ["narrow", { width: 390, height: 844 }]]) {
    test(`every page, ${colorScheme} and ${size}`, async (t) => {
      const { api_key, key_info } = await createKey({ name: "looked at", groups: ["admin"] });
      await callEdge(api_key);
      const ended = await createKey({ name: "revoked" });
      await api("DELETE", `/keys/${ended.key_info.key_id}`);
      const { org_id } = await api("GET", "/userinfo");
      const outside = await visit(t, { token: null, colorScheme, viewport });
      await outside.getByLabel("Token").waitFor();
      await check(outside, "sign-in");

      const page = await visit(t, { colorScheme, viewport });
      const paths = ["/keys", "/keys/new", `/keys/${key_info.key_id}`, `/keys/${ended.key_info.key_id}`, "/groups", "/organizations", `/organizations/${org_id}`, "/audit", "/sync", "/settings", "/nowhere"];
      for (const path of paths) {
        await page.goto(url + path);
        await page.getByRole("heading", { level: 1 }).waitFor();
        await check(page, path);
      }
      await page.goto(`${url}/keys/${key_info.key_id}`);
      for (const action of ["Configure", "Rotate", "Revoke"]) {
        await page.getByRole("button", { name: action, exact: true }).click();
        await page.getByRole("dialog").waitFor();
        await check(page, action);
        await page.keyboard.press("Escape");
      }
    });
  }
}
