// What is shown while something loads, when there is nothing, when it cannot be had, and without a network.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { api, endBrowser, person, unique, url, visit } from "./stage.mjs";

after(endBrowser);

test("loading, an error with another try, and being offline", async (t) => {
  const page = await visit(t, { path: "/settings" });
  let answer;
  await page.route("**/api/v1/keys?*", (route) => {
    // How many there are is asked besides, and nothing waits for it.
    if (route.request().url().includes("count=")) return route.abort();
    answer = route;
    return undefined;
  });
  await page.getByRole("link", { name: "API keys" }).click();
  await page.getByRole("status", { name: "Loading" }).waitFor();
  const problem = { type: "urn:keyward:problem:internal", title: "x", status: 500, code: "internal", detail: "A fault of ours.", request_id: "r" };
  await answer.fulfill({ status: 500, contentType: "application/problem+json", body: JSON.stringify(problem) });
  await page.getByRole("alert").getByText("A fault of ours.").waitFor();
  await page.unroute("**/api/v1/keys?*");
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByRole("heading", { name: "API keys" }).waitFor();
  await page.getByRole("alert").waitFor({ state: "detached" });

  await page.context().setOffline(true);
  await page.getByText("You are offline.").waitFor();
  await page.getByRole("link", { name: "Groups" }).click();
  await page.getByText("The control plane cannot be reached.").waitFor();
  await page.context().setOffline(false);
  await page.getByRole("rowheader", { name: /admin/ }).waitFor();
});

test("nothing yet, and nothing that matches", async (t) => {
  const token = await person(unique("browser|owner"));
  const organization = await api("POST", "/organizations", { name: "Empty" }, token);
  const page = await visit(t, { token });
  await page.getByText("No API keys yet").waitFor();
  await page.getByRole("link", { name: "Create the first one" }).waitFor();
  await api("POST", `/organizations/${organization.organization_id}/api-keys`, { name: "the only one", service_id: "prediction" }, token);
  await page.goto(`${url}/keys?search=nothing-like-it`);
  await page.getByText("No key matches").waitFor();
  await page.getByRole("button", { name: "Clear search and filters" }).click();
  await page.getByRole("link", { name: "the only one" }).waitFor();
});

test("a session that has ended leads to the sign-in, and back to the same page", async (t) => {
  const page = await visit(t, { path: "/groups" });
  await page.context().clearCookies();
  await page.getByRole("link", { name: "Organizations" }).click();
  await page.getByText("Your session has ended.").waitFor();
  assert.ok(page.url().endsWith("/organizations"));
});
