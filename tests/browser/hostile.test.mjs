// Hostile names, hostile pages, and what a thief would look for.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { after, test } from "node:test";
import { adminToken, api, createKey, endBrowser, settled, unique, url, visit } from "./stage.mjs";

after(endBrowser);

const NAMES = [
  `<img src=x onerror="window.isPwned=1">`,
  `"><script>window.isPwned=1</script>`,
  `javascript:window.isPwned=1`,
  `=HYPERLINK("http://attacker.example","x")`,
  "+1+1",
  "-2+3",
  "@SUM(A1)",
];

test("names are text, wherever they are shown", async (t) => {
  const made = await Promise.all(NAMES.map((name) => createKey({ name, owner: name, metadata: { note: name } })));
  const page = await visit(t);
  const { org_id } = await api("GET", "/userinfo");
  const paths = ["/keys", "/audit", `/organizations/${org_id}`, ...made.map(({ key_info }) => `/keys/${key_info.key_id}`)];
  for (const path of paths) {
    await page.goto(url + path);
    await settled(page);
    assert.equal(await page.evaluate(() => window.isPwned), undefined, path);
    assert.equal(await page.locator("main :is(img, script, iframe)").count(), 0, path);
  }
  await page.goto(`${url}/keys?search=${encodeURIComponent("<img src=x")}`);
  await page.getByRole("link", { name: NAMES[0] }).first().waitFor();
});

test("an export holds no formula", async (t) => {
  await Promise.all(NAMES.map((name) => createKey({ name, owner: name })));
  for (const path of ["/keys", "/audit"]) {
    const page = await visit(t, { path });
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: "Export CSV" }).click();
    const text = await readFile(await (await download).path(), "utf8");
    assert.ok(text.includes("HYPERLINK"), path);
    const cells = text.split("\r\n").flatMap((line) => line.split(","));
    assert.deepEqual(cells.filter((cell) => /^"?\s*[=+\-@]/.test(cell)), [], path);
  }
});

test("another page changes nothing in somebody's name, and shows nothing of ours", async (t) => {
  const page = await visit(t);
  const name = unique("forged");
  const attacker = createServer((_, response) => {
    response.setHeader("Content-Type", "text/html");
    response.end(`<iframe src="${url}/keys"></iframe>
      <form method="post" enctype="text/plain" action="${url}/api/v1/keys">
        <input name='{"name":"${name}","service_id":"prediction","metadata":{"a":"' value='"}}'></form>`);
  });
  await new Promise((resolve) => attacker.listen(0, "127.0.0.1", resolve));
  t.after(() => attacker.close());
  // Another port of the same host: the same site to a browser, so that the cookie does come along.
  const own = `http://127.0.0.1:${attacker.address().port}/`;
  const tab = await page.context().newPage();
  await tab.goto(own);
  const frame = tab.frames().find((frame) => frame !== tab.mainFrame());
  assert.ok(!frame.url().startsWith(url), `our page is framed: ${frame.url()}`);

  const seen = [];
  tab.on("response", (response) => response.url().startsWith(`${url}/api`) && seen.push(response.status()));
  for (const type of ["text/plain", "application/x-www-form-urlencoded"]) {
    await tab.evaluate(
      // Whether the other page can tell what became of it is the browser's matter.
      ([to, type, body]) => fetch(to, { method: "POST", mode: "no-cors", credentials: "include", headers: { "Content-Type": type }, body }).catch(() => null),
      [`${url}/api/v1/keys`, type, JSON.stringify({ name, service_id: "prediction" })],
    );
  }
  await Promise.all([tab.waitForResponse((response) => response.url().endsWith("/api/v1/keys")), tab.evaluate(() => document.forms[0].submit())]);
  assert.ok(seen.every((status) => status === 403), `answered ${seen}`);
  const keys = await api("GET", "/keys");
  assert.ok(!keys.some((key) => key.name === name), "a key was made in somebody's name");
});

test("our own origin without the token of the session is refused as well", async (t) => {
  const page = await visit(t);
  const answer = await page.evaluate(async () => {
    const response = await fetch("/api/v1/organizations", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ name: "forged" }),
    });
    return { status: response.status, code: (await response.json()).code };
  });
  assert.deepEqual(answer, { status: 403, code: "csrf" });
});

test("the token is nowhere in the browser, and signing out ends the session on the server", async (t) => {
  const page = await visit(t);
  const kept = await page.evaluate(async () =>
    JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, await indexedDB.databases(), document.documentElement.outerHTML]),
  );
  assert.ok(!kept.includes(adminToken));
  const [cookie, ...others] = await page.context().cookies();
  assert.deepEqual(others, []);
  assert.ok(cookie.httpOnly && cookie.sameSite === "Strict" && !cookie.value.includes(adminToken));

  const ask = () => fetch(`${url}/api/v1/session`, { headers: { Cookie: `${cookie.name}=${cookie.value}` } });
  assert.equal((await ask()).status, 200);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  assert.equal((await ask()).status, 401);
});

test("a wrong token is refused with a sentence", async (t) => {
  const page = await visit(t, { token: null });
  await page.getByLabel("Token").fill("hpk_wrong");
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.locator(".fault").waitFor();
  assert.equal(await page.getByLabel("Token").getAttribute("aria-invalid"), "true");
});
