// Everything works without a mouse, and the focus is never lost.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { adminToken, createKey, endBrowser, eventually, unique, visit } from "./stage.mjs";

after(endBrowser);

const focused = (page) => page.evaluate(() => {
    const element = document.activeElement;
    return element?.getAttribute("aria-label") ?? element?.labels?.[0]?.textContent?.trim() ?? element?.textContent?.trim().slice(0, 60) ?? "";
  });

/** Presses Tab until `name` has the focus. */
async function tabTo(page, name) {
  for (let presses = 0; presses < 80; presses += 1) {
    if ((await focused(page)) === name) return;
    await page.keyboard.press("Tab");
  }
  assert.fail(`Tab does not lead to “${name}”; it is at “${await focused(page)}”`);
}

test("signing in, searching and creating by keyboard alone", async (t) => {
  const page = await visit(t, { token: null });
  await page.getByLabel("Token").waitFor();
  await page.keyboard.press("Tab");
  await page.keyboard.type(adminToken);
  await page.keyboard.press("Enter");
  await page.getByRole("link", { name: "Create new API key" }).waitFor();

  await tabTo(page, "Create new API key");
  await page.keyboard.press("Enter");
  await eventually(async () => assert.equal(await focused(page), "Create API key"));
  await tabTo(page, "Name");
  const name = unique("typed");
  await page.keyboard.type(name);
  await tabTo(page, "Service");
  await page.keyboard.type("prediction");
  await tabTo(page, "Create key");
  await page.keyboard.press("Enter");
  await page.getByRole("region", { name: "Store this key now" }).waitFor();
  await tabTo(page, "I have stored it");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name, level: 1 }).waitFor();
});

test("menus and dialogs give the focus back", async (t) => {
  const { key_info } = await createKey({ name: unique("menu") });
  const page = await visit(t, { path: `/keys?search=${key_info.name}` });
  await page.getByRole("link", { name: key_info.name }).waitFor();
  await tabTo(page, `Actions for ${key_info.name}`);
  await page.keyboard.press("Enter");
  await eventually(async () => assert.equal(await focused(page), "Open"));
  for (const expected of ["Configure", "Rotate…", "Deactivate API key…"]) {
    await page.keyboard.press("ArrowDown");
    assert.equal(await focused(page), expected);
  }
  await page.keyboard.press("Enter");
  await page.getByRole("dialog", { name: "Deactivate API key" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await eventually(async () => assert.equal(await focused(page), `Actions for ${key_info.name}`));
  await page.keyboard.press("/");
  assert.equal(await page.evaluate(() => document.activeElement?.getAttribute("type")), "search");
});
