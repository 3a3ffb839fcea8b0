// With the edge down the page says that a change is pending, and when it has arrived after all.

import assert from "node:assert/strict";
import process from "node:process";
import { after, test } from "node:test";
import { callEdge, createKey, endBrowser, eventually, url, visit } from "./stage.mjs";

after(endBrowser);

/** The Worker's processes are stopped: it takes connections and answers nothing. */
function edge(signal) {
  process.kill(-Number(process.env.KEYWARD_EDGE_PROCESS), signal);
}

test("what the edge has not confirmed is pending, until it has", async (t) => {
  const { api_key, key_info } = await createKey({ name: "changed in an outage" });
  assert.equal((await callEdge(api_key)).status, 200);
  const page = await visit(t, { path: `/keys/${key_info.key_id}` });
  t.after(() => edge("SIGCONT"));
  edge("SIGSTOP");
  await page.getByRole("button", { name: "Deactivate" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Deactivate" }).click();
  await page.getByText(/is deactivated\. Not confirmed at the edge yet/).waitFor();
  await page.locator(".lead").getByText("Pending").waitFor();
  await page.goto(`${url}/keys?search=${encodeURIComponent("changed in an outage")}`);
  await page.locator("tbody").getByText("Pending").waitFor();
  await page.goto(`${url}/sync`);
  await page.getByText("Changes are on their way").waitFor();

  edge("SIGCONT");
  await page.goto(`${url}/keys/${key_info.key_id}`);
  await eventually(async () => assert.ok(await page.locator(".lead").getByText("Confirmed").isVisible()), { within: 120_000 });
  assert.deepEqual(await callEdge(api_key), { status: 401, code: "deactivated" });
});
