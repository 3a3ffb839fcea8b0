// What only the platform admin may do to an organization, and how far work on many keys has come.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { api, callEdge, endBrowser, eventually, person, unique, url, visit } from "./stage.mjs";

after(endBrowser);

test("an organization is suspended and resumed, and its keys with it", async (t) => {
  const token = await person(unique("browser|owner"));
  const name = unique("Suspended");
  const { organization_id: id } = await api("POST", "/organizations", { name }, token);
  const body = { name: unique("key"), service_id: "prediction", scopes: ["predict"] };
  const { api_key } = await api("POST", `/organizations/${id}/api-keys`, body, token);
  assert.equal((await callEdge(api_key)).status, 200);

  const page = await visit(t, { path: `/organizations/${id}` });
  await page.getByRole("button", { name: "Suspend…" }).click();
  const dialog = page.getByRole("dialog");
  const suspend = dialog.getByRole("button", { name: "Suspend", exact: true });
  assert.ok(await suspend.isDisabled(), "the name has to be typed");
  await dialog.getByRole("textbox").fill(name);
  await suspend.click();
  await page.getByText(/is suspended\. Confirmed at the edge/).waitFor();
  assert.deepEqual(await callEdge(api_key), { status: 401, code: "deactivated" });
  await page.getByText("Suspended", { exact: true }).waitFor();

  // Its Owner sees that, and no button to take it back.
  const owner = await visit(t, { token, path: `/organizations/${id}` });
  await owner.getByText("Suspended", { exact: true }).waitFor();
  assert.equal(await owner.getByRole("button", { name: /Suspend|Resume/ }).count(), 0);

  await page.getByRole("button", { name: "Resume…" }).click();
  await dialog.getByRole("textbox").fill(name);
  await dialog.getByRole("button", { name: "Resume", exact: true }).click();
  await page.getByText(/is resumed\./).waitFor();
  await eventually(async () => assert.equal((await callEdge(api_key)).status, 200));
});

test("work on many keys is shown until it is done", async (t) => {
  const token = await person(unique("browser|owner"));
  const { organization_id: id } = await api("POST", "/organizations", { name: unique("Many") }, token);
  const page = await visit(t, { token });
  let ended = null;
  await page.route(`**/organizations/${id}/key-jobs?*`, (route) =>
    route.fulfill({
      json: [{ job_id: id, organization_id: id, task: "revoke", user_id: null, group_id: null, created_by: "ada", keys: 1200, done: ended ? 1200 : 500, started_at: "2026-01-01T00:00:00Z", ended_at: ended }],
    }),
  );
  await page.goto(`${url}/organizations/${id}`);
  await page.getByText("Revoking all keys: 500 of 1,200 keys").waitFor();
  assert.equal(await page.getByRole("progressbar").getAttribute("value"), "500");
  ended = "2026-01-01T00:00:10Z";
  await page.getByText("Revoked all keys: 1,200 of 1,200 keys").waitFor();
  assert.equal(await page.getByRole("progressbar").count(), 0);
});

test("the audit trail is filtered by every kind of event that the server knows", async (t) => {
  const page = await visit(t, { path: "/audit" });
  const kinds = await page.getByLabel("Action").locator("option").allInnerTexts();
  const { paths } = await (await fetch(`${url}/api/openapi.json`)).json();
  const known = paths["/api/v1/audit"].get.parameters.find(({ name }) => name === "action").schema.enum;
  assert.deepEqual(kinds.slice(1), known);
});
