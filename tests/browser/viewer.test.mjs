// A Viewer sees everything and changes nothing: no button is there that would fail.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { api, createKey, endBrowser, person, settled, url, visit } from "./stage.mjs";

after(endBrowser);

/** Every button that a Viewer may have, on whichever page. Every person may create an organization of its own, and leave one. */
const HARMLESS = /^(Menu|Sign out|Export CSV|Name ?[↑↓]?|Created ?[↑↓]?|Last used ?[↑↓]?|Expires ?[↑↓]?|Previous|Next|24 hours|30 days|12 months|Clear search and filters|Create organization|Leave…)$/;

test("a Viewer is offered nothing that would fail, and nothing that is shown fails", async (t) => {
  const { key_info } = await createKey({ name: "seen by a viewer" });
  const { org_id } = await api("GET", "/userinfo");
  const page = await visit(t, { token: await person("browser|viewer", "viewer") });
  const refused = [];
  page.on("response", (response) => [401, 403].includes(response.status()) && refused.push(`${response.status()} ${response.url()}`));

  const entries = await page.getByRole("navigation", { name: "Main" }).getByRole("link").allInnerTexts();
  assert.deepEqual(entries, ["API keys", "Groups", "Organizations", "Settings"]);
  for (const path of ["/keys", `/keys/${key_info.key_id}`, "/groups", "/organizations", `/organizations/${org_id}`, "/settings"]) {
    await page.goto(url + path);
    await page.getByRole("heading", { level: 1 }).waitFor();
    await settled(page);
    const buttons = await page.locator("main").getByRole("button").evaluateAll((all) => all.map((one) => (one.getAttribute("aria-label") ?? one.textContent).trim()));
    const harmful = buttons.filter((label) => label && !HARMLESS.test(label));
    // What opens a key's menu is harmless, as there is nothing but a link in it: see below.
    assert.deepEqual(harmful.filter((label) => !label.startsWith("Actions for")), [], path);
    assert.equal(await page.locator("main input[type=checkbox]").count(), 0, path);
    assert.equal(await page.locator(".menu button").filter({ hasNotText: "Leave…" }).count(), 0, path);
  }
  assert.deepEqual(refused, []);

  await page.goto(`${url}/keys/new`);
  await page.getByText("You may look at keys here, not create them.").waitFor();
  assert.equal(await page.getByRole("button", { name: "Create key" }).count(), 0);
});

test("what the page does not offer a Viewer, the server refuses", async (t) => {
  const { key_info } = await createKey();
  const page = await visit(t, { token: await person("browser|viewer", "viewer") });
  const status = await page.evaluate(async (id) => {
    const { csrf_token } = await (await fetch("/api/v1/session")).json();
    const headers = { "X-CSRF-Token": csrf_token };
    return (await fetch(`/api/v1/keys/${id}/deactivate`, { method: "POST", headers })).status;
  }, key_info.key_id);
  assert.equal(status, 403);
});

test("a Developer manages its own keys and no others", async (t) => {
  const other = await createKey({ name: "somebody else's" });
  const token = await person("browser|developer", "developer");
  const own = await api("POST", "/keys", { name: "its own", service_id: "prediction" }, token);
  const page = await visit(t, { token });
  await page.goto(`${url}/keys/${own.key_info.key_id}`);
  await page.getByRole("button", { name: "Deactivate" }).waitFor();
  await page.goto(`${url}/keys/${other.key_info.key_id}`);
  await page.getByRole("heading", { name: "somebody else's" }).waitFor();
  assert.equal(await page.getByRole("button", { name: /Deactivate|Configure|Rotate|Revoke/ }).count(), 0);
});


