// The life of a key, all of it in the page: create → copy → call the edge → see usage → rotate → deactivate → 401 → activate → revoke.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { after, test } from "node:test";
import { adminToken, api, callEdge, chooseService, createKey, endBrowser, eventually, person, unique, url, visit } from "./stage.mjs";

after(endBrowser);

for (const [who, token] of [
  ["the platform admin", async () => adminToken],
  ["an Admin of the organization", () => person("browser|admin", "admin")],
]) {
  test(`the life of a key, by ${who}`, async (t) => {
    const page = await visit(t, { token: await token(), permissions: ["clipboard-read", "clipboard-write"] });
    const name = unique("life");
    const { key, leave } = await create(page, name);
    await leave();

    // Revoking waits for usage, which takes up to a minute on its way; so the calls come first.
    assert.deepEqual(await callEdge(key), { status: 200, code: undefined });
    await eventually(async () => {
      await page.reload();
      const used = page.locator(".meter").filter({ hasText: "This hour" });
      assert.match(await used.innerText(), /[1-9]\d* of 1,000/);
    }, { within: 150_000, every: 2000 });
    await page.getByText("As a table").click();
    assert.ok(await page.getByRole("region", { name: /Requests admitted by day/ }).isVisible());

    const rotated = await rotate(page);
    assert.notEqual(rotated, key);
    assert.deepEqual(await callEdge(key), { status: 401, code: "superseded" });
    assert.equal((await callEdge(rotated)).status, 200);

    await page.getByRole("button", { name: "Deactivate" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Deactivate" }).click();
    await page.getByText(/is deactivated\. Confirmed at the edge/).waitFor();
    assert.deepEqual(await callEdge(rotated), { status: 401, code: "deactivated" });

    await page.getByRole("button", { name: "Activate" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Activate" }).click();
    await page.getByText(/is active again/).waitFor();
    assert.equal((await callEdge(rotated)).status, 200);

    await revoke(page, name);
    assert.deepEqual(await callEdge(rotated), { status: 401, code: "revoked" });
    await page.getByText("Revoked").first().waitFor();
    assert.equal(await page.getByRole("button", { name: /Rotate|Activate|Configure|Revoke/ }).count(), 0);
    for (const action of ["key.deactivated", "key.activated", "key.revoked"]) {
      assert.ok(await page.locator(".events").getByText(action).first().isVisible(), action);
    }
  });
}

test("a form says at the field what the server would refuse, before it is sent", async (t) => {
  const taken = unique("gateway");
  await api("POST", "/keys", { name: taken, groups: ["admin"] });
  const page = await visit(t, { path: "/keys/new" });
  const sent = [];
  page.on("request", (request) => request.method() === "POST" && sent.push(request.url()));
  await page.getByRole("radio", { name: /Gateway key/ }).check();
  await page.getByRole("checkbox", { name: /^admin/ }).check();
  const name = page.getByLabel("Name", { exact: true });
  await name.fill(taken);
  await page.getByText("Another gateway key of this organization that has not ended has this name.").waitFor();
  assert.equal(await name.getAttribute("aria-invalid"), "true");
  await name.fill(`${taken}-2`);
  await page.getByText("Another gateway key").waitFor({ state: "detached" });
  assert.equal(await name.getAttribute("aria-invalid"), "false");
  assert.ok(sent.length > 0 && sent.every((url) => url.includes("validate_only=true")), `${sent}`);
  const keys = await api("GET", `/keys?search=${taken}`);
  assert.equal(keys.length, 1, "nothing is written");

  // The same where a key is changed.
  const other = await api("POST", "/keys", { name: unique("gateway"), groups: ["admin"] });
  await page.goto(`${url}/keys/${other.key_info.key_id}`);
  await page.getByRole("button", { name: "Configure" }).click();
  await page.getByRole("dialog").getByLabel("Name", { exact: true }).fill(taken);
  await page.getByRole("dialog").getByText("Another gateway key").waitFor();
});

test("a key is configured and renamed, and goes on with its secret", async (t) => {
  const { api_key, key_info } = await createKey();
  const page = await visit(t, { path: `/keys/${key_info.key_id}` });
  await page.getByRole("button", { name: "Configure" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("renamed");
  await dialog.getByLabel("Requests per hour").fill("5");
  await dialog.getByText("The hourly limit must be 10 to 100,000.").waitFor();
  await dialog.getByLabel("Requests per hour").fill("500");
  await dialog.getByRole("button", { name: "Save" }).click();
  await page.getByRole("heading", { name: "renamed", level: 1 }).waitFor();
  assert.equal((await callEdge(api_key)).status, 200);
});

test("a rotation with grace leaves both secrets good", async (t) => {
  const { api_key, key_info } = await createKey();
  const page = await visit(t, { path: `/keys/${key_info.key_id}` });
  const rotated = await rotate(page, "In an hour");
  assert.equal((await callEdge(api_key)).status, 200);
  assert.equal((await callEdge(rotated)).status, 200);
  await page.goto(`${url}/keys/${key_info.key_id}`);
  await page.getByText("In its grace period").waitFor();
});

test("a gateway key comes with a command that works", async (t) => {
  const page = await visit(t, { path: "/keys/new" });
  await page.getByLabel("Gateway key").check();
  await page.getByLabel("Name").fill(unique("agent"));
  await page.getByRole("button", { name: "Create key" }).click();
  await page.getByText("A gateway key is in one group at least.").waitFor();
  await page.getByRole("checkbox", { name: /^admin/ }).check();
  await page.getByRole("button", { name: "Create key" }).click();
  const line = await page.getByRole("region", { name: "Store this key now" }).locator("pre").innerText();
  const answer = JSON.parse(execFileSync("/bin/sh", ["-c", line], { encoding: "utf8" }));
  assert.equal(answer.kind, "api_key");
  // And it signs in here.
  const key = line.match(/hpk_[0-9A-Za-z]{44}/)[0];
  const own = await visit(t, { token: key });
  await own.getByRole("link", { name: "Create new API key" }).waitFor();
});

test("several keys are deactivated at once", async (t) => {
  const prefix = unique("bulk");
  for (const number of [1, 2, 3]) await createKey({ name: `${prefix}-${number}` });
  const page = await visit(t, { path: `/keys?search=${prefix}` });
  await page.getByLabel("Select all active keys on this page").check();
  await page.getByText("3 keys selected").waitFor();
  await page.getByRole("button", { name: "Deactivate…" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Deactivate", exact: true }).click();
  await page.getByText("3 deactivated.").waitFor();
  await eventually(async () => assert.equal(await page.locator("tbody .badge", { hasText: "Deactivated" }).count(), 3));
});

/** Fills the form and returns the key's text, and what says that it is stored. */
async function create(page, name) {
  await page.getByRole("link", { name: "Create new API key" }).click();
  await page.getByRole("button", { name: "Create key" }).click();
  await page.getByText("The name is missing.").waitFor();
  await page.getByLabel("Name").fill(name);
  await chooseService(page);
  await page.getByLabel("Scopes").fill("predict ");
  await page.getByRole("button", { name: "Create key" }).click();

  const panel = page.getByRole("region", { name: "Store this key now" });
  const key = await panel.getByRole("status", { name: "API key" }).innerText();
  assert.match(key, /^hk_live_[0-9A-Za-z]{44}$/);
  await panel.getByText("You will not see it again.").waitFor();
  await panel.getByRole("button", { name: "Copy key" }).click();
  await panel.getByText("Copied").waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), key);

  const download = page.waitForEvent("download");
  await panel.getByRole("button", { name: "Download .env" }).click();
  const file = await (await download).path();
  assert.equal(await readFile(file, "utf8"), `KEYWARD_API_KEY=${key}\n`);

  const line = await panel.locator("pre").innerText();
  assert.match(execFileSync("/bin/sh", ["-c", `${line} -s -o /dev/null -w '%{http_code}'`], { encoding: "utf8" }), /200/);

  // Whoever leaves is asked, and stays.
  await page.getByRole("link", { name: "Groups" }).click();
  await page.getByRole("dialog", { name: "Leave without storing the key?" }).getByRole("button", { name: "Stay" }).click();
  assert.equal(await panel.getByRole("status", { name: "API key" }).innerText(), key);
  const leave = async () => {
    await panel.getByRole("button", { name: "I have stored it" }).click();
    await panel.waitFor({ state: "detached" });
    assert.ok(!(await page.content()).includes(key), "the key is still in the page");
  };
  return { key, leave };
}

async function rotate(page, when = "At once") {
  await page.getByRole("button", { name: "Rotate" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel(when).check();
  await dialog.getByRole("button", { name: "Rotate" }).click();
  const panel = page.getByRole("region", { name: "Store this key now" });
  const text = await panel.getByRole("status", { name: "API key" }).innerText();
  await panel.getByRole("button", { name: "I have stored it" }).click();
  return text;
}

async function revoke(page, name) {
  await page.getByRole("button", { name: "Revoke" }).click();
  const dialog = page.getByRole("dialog");
  const button = dialog.getByRole("button", { name: "Revoke for ever" });
  assert.ok(await button.isDisabled());
  await dialog.getByLabel(/to confirm/).fill("something else");
  assert.ok(await button.isDisabled());
  await dialog.getByLabel(/to confirm/).fill(name);
  await button.click();
  await dialog.getByText(/Confirmed at the edge, /).waitFor();
  await dialog.getByRole("button", { name: "Close" }).last().click();
}
