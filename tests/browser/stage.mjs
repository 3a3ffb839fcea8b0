// What every test of the web page needs: a running stack, a browser, and somebody who signs in.
//
// The stack is started by `cargo xtask test --step browser`, which says in variables where it is.

import assert from "node:assert/strict";
import process from "node:process";
import { SignJWT } from "jose";
import { chromium } from "playwright-core";

function variable(name) {
  const value = process.env[name];
  assert.ok(value, `${name} is not set; run \`cargo xtask test --step browser\``);
  return value;
}

export const url = variable("KEYWARD_URL");
export const edgeUrl = process.env.KEYWARD_EDGE_URL;
export const adminToken = variable("KEYWARD_ADMIN_TOKEN");

/** How long the busiest machine may take for what should be there at once. */
export const PATIENCE = 30_000;

let running;

/** One browser for all tests of a file. */
async function browser() {
  running ??= await chromium.launch({
    executablePath: variable("KEYWARD_CHROMIUM"),
    // Chromium has no sandbox for root, who runs the tests in a container.
    args: process.getuid?.() === 0 ? ["--no-sandbox", "--disable-gpu"] : ["--disable-gpu"],
  });
  return running;
}

export async function endBrowser() {
  await running?.close();
}

/**
 * A fresh browser profile with the page open, signed in with `token` unless there is none. What breaks the content
 * security policy or throws fails the test.
 */
export async function visit(t, { token = adminToken, path = "/keys", ...options } = {}) {
  const context = await (await browser()).newContext({ viewport: { width: 1280, height: 800 }, ...options });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  const faults = [];
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("console", (message) => message.text().includes("Content Security Policy") && faults.push(message.text()));
  t.after(async () => {
    await context.close();
    assert.deepEqual(faults, []);
  });
  await page.goto(url + path);
  if (token) await signIn(page, token);
  return page;
}

export async function signIn(page, token) {
  await page.getByLabel("Token").fill(token);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.locator("#main").waitFor();
}

/** Says which service a new key is for: out of those that the server names, or by hand where it names none. */
export async function chooseService(page, service = "prediction") {
  const field = page.getByLabel("Service", { exact: true });
  if (await field.evaluate((element) => element.tagName === "SELECT")) await field.selectOption(service);
  else await field.fill(service);
}

/** Waits until the page shows all that it has asked for. */
export async function settled(page) {
  await page.waitForFunction(() => document.querySelector("h1") && !document.querySelector(".skeleton, [aria-busy=true]"));
}

/** A call of the API as the platform admin, or whoever `token` is. */
export async function api(method, path, body, token = adminToken) {
  const response = await fetch(`${url}/api/v1${path}`, {
    method,
    headers: { Authorization: `Bearer ${token}`, ...(body ? { "Content-Type": "application/json" } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  const text = await response.text();
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
  return text ? JSON.parse(text) : null;
}

export const createKey = (fields = {}) =>
  api("POST", "/keys", { name: unique("key"), service_id: "prediction", scopes: ["predict"], ...fields });

/** The token of a person, who is made a member of the default organization where a role is named. */
export async function person(subject, role) {
  const secret = new TextEncoder().encode(variable("KEYWARD_JWT_SECRET"));
  const token = await new SignJWT({})
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(subject)
    .setIssuer(variable("KEYWARD_JWT_ISSUER"))
    .setAudience(variable("KEYWARD_JWT_AUDIENCE"))
    .setIssuedAt()
    .setExpirationTime("1h")
    .sign(secret);
  if (role) {
    const { org_id } = await api("GET", "/userinfo");
    await api("PUT", `/organizations/${org_id}/members/${encodeURIComponent(subject)}`, { role });
  }
  return token;
}

/** What the edge answers to a request with a key: its status, and the code of a refusal. */
export async function callEdge(key) {
  const response = await fetch(`${edgeUrl}/v1/predict`, {
    method: "POST",
    headers: { Authorization: `Bearer ${key}` },
    body: "{}",
  });
  const body = await response.json();
  return { status: response.status, code: body.code };
}

/** Tries until `attempt` passes its assertions. */
export async function eventually(attempt, { within = PATIENCE, every = 300 } = {}) {
  const end = Date.now() + within;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, every));
    }
  }
}

let last = 0;
/** A name that nothing else has. */
export const unique = (what) => `${what}-${process.pid}-${++last}`;
