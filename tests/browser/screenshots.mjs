// Takes the pictures that the documents show, of an installation that looks lived in: `cargo xtask screenshots`.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { adminToken, api, callEdge, chooseService, createKey, endBrowser, eventually, person, settled, visit } from "./stage.mjs";

const folder = process.argv[2] ?? "docs/images";
await mkdir(folder, { recursive: true });

/** What a test would do when it ends. */
const endings = [];
const stage = { after: (end) => endings.push(end) };

await api("POST", "/groups", { name: "engineering", permissions: ["keys:read", "keys:create"], scopes: ["predict", "read"] });
await api("POST", "/groups", { name: "observers", permissions: ["keys:read", "audit:read"], scopes: ["read"] });
await api("POST", "/organizations", { name: "Research" });
const ana = await person("ana@example.com", "owner");
const li = await person("li.wei@example.com", "developer");
await person("sam@example.com", "viewer");

const service = (name, more = {}) => ({ name, service_id: "prediction", scopes: ["predict", "read"], ...more });
const WORLD = [
  [ana, service("nightly-batch", { expires_in_days: 30 })],
  [li, service("search-indexer", { expires_in_days: 180, owner: "search team" })],
  [li, service("notebooks", { environment: "development", expires_in_days: 7 })],
  [ana, service("partner-acme", { expires_in_days: 365, allowed_ips: ["203.0.113.0/24"], billing_plan: "pro" })],
  [ana, { name: "ci-pipeline", groups: ["engineering"], expires_in_days: 90 }],
  [adminToken, service("staging-smoke-test", { environment: "test" })],
  [ana, { name: "ai-agent-sre", groups: ["admin"] }],
  [li, service("mobile-app", { expires_in_days: 90, owner: "mobile team" })],
];
const made = {};
for (const [token, fields] of WORLD) made[fields.name] = await api("POST", "/keys", fields, token);
const main = await createKey({
  name: "checkout-service",
  scopes: ["predict", "read"],
  owner: "payments@example.com",
  rate_limit_per_hour: 200,
  monthly_prediction_limit: 50_000,
  allowed_ips: ["127.0.0.0/8", "::1"],
  metadata: { ticket: "OPS-1042" },
});
await api("POST", `/keys/${made["staging-smoke-test"].key_info.key_id}/deactivate`);
await api("DELETE", `/keys/${made["nightly-batch"].key_info.key_id}`);
await api("POST", `/keys/${made["partner-acme"].key_info.key_id}/rotate`, { grace_period_seconds: 604_800 });

for (let call = 0; call < 120; call += 1) assert.equal((await callEdge(main.api_key)).status, 200);
await callEdge(made["nightly-batch"].api_key);
for (let call = 0; call < 15; call += 1) await callEdge(made["mobile-app"].api_key);
await eventually(
  async () => assert.ok((await api("GET", `/keys/${main.key_info.key_id}/usage?granularity=hour`)).requests >= 120),
  { within: 150_000, every: 2000 },
);

async function picture(name, where, options = {}, act = async () => {}) {
  const page = await visit(stage, { path: where, reducedMotion: "reduce", ...options });
  await settled(page);
  await act(page);
  await page.waitForTimeout(400);
  await page.screenshot({ path: path.join(folder, `${name}.png`) });
  console.log(`${folder}/${name}.png`);
}

const PHONE = { viewport: { width: 390, height: 844 } };
const wide = (height) => ({ viewport: { width: 1280, height } });

await picture("web-keys", "/keys", wide(760));
await picture("web-keys-phone", "/keys", { ...PHONE, colorScheme: "dark" });
await picture("web-key", `/keys/${main.key_info.key_id}`, { ...wide(980), colorScheme: "dark" }, async (page) => {
  await page.getByRole("button", { name: "24 hours" }).click();
  await settled(page);
});
await picture("web-create", "/keys/new", wide(620), async (page) => {
  await page.getByLabel("Name").fill("payments-automation");
  await chooseService(page);
  await page.getByLabel("Scopes").fill("predict ");
  await page.getByRole("button", { name: "Create key" }).click();
  await page.getByRole("region", { name: "Store this key now" }).waitFor();
});
await picture("web-audit", "/audit", wide(620));
await picture("web-sync", "/sync", wide(560), async (page) => {
  await page.getByRole("button", { name: "Reconcile now" }).click();
  await page.getByText("What the reconcile found").waitFor();
});

for (const end of endings) await end();
await endBrowser();
