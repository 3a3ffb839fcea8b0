// Signing in with an issuer: a small one, and a control plane that knows it, beside the stack.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { createServer as createPort } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, test } from "node:test";
import { SignJWT, exportJWK, generateKeyPair } from "jose";
import { PATIENCE, endBrowser, eventually, visit } from "./stage.mjs";

after(endBrowser);

const CLIENT = { id: "keyward", secret: "s e:cret" };

/** An issuer whose page has one button. It signs with RS256, and knows PKCE. */
async function issuer(t) {
  const { publicKey, privateKey } = await generateKeyPair("RS256");
  const codes = new Map();
  const server = createServer(async (request, response) => {
    const address = `http://127.0.0.1:${server.address().port}`;
    const url = new URL(request.url, address);
    const json = (body, status = 200) => response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
    switch (url.pathname) {
      case "/.well-known/openid-configuration":
        return json({ issuer: address, authorization_endpoint: `${address}/authorize`, token_endpoint: `${address}/token`, jwks_uri: `${address}/jwks` });
      case "/jwks":
        return json({ keys: [{ ...(await exportJWK(publicKey)), kid: "1", alg: "RS256", use: "sig" }] });
      case "/authorize": {
        const code = randomBytes(16).toString("hex");
        codes.set(code, Object.fromEntries(url.searchParams));
        const back = (parameters) => {
          const to = new URL(url.searchParams.get("redirect_uri"));
          for (const [name, value] of Object.entries({ state: url.searchParams.get("state"), ...parameters })) to.searchParams.set(name, value);
          return to.href.replaceAll("&", "&amp;");
        };
        response.setHeader("Content-Type", "text/html");
        return response.end(`<title>Issuer</title><a href="${back({ code })}">Yes, it is me</a> <a href="${back({ error: "access_denied" })}">No</a>`);
      }
      case "/token": {
        const chunks = [];
        for await (const chunk of request) chunks.push(chunk);
        const form = new URLSearchParams(Buffer.concat(chunks).toString());
        const asked = codes.get(form.get("code"));
        codes.delete(form.get("code"));
        const shown = Buffer.from(request.headers.authorization?.slice("Basic ".length) ?? "", "base64").toString();
        const challenge = createHash("sha256").update(form.get("code_verifier") ?? "").digest("base64url");
        const isRight = shown === "keyward:s+e%3Acret" && asked?.code_challenge === challenge && asked.redirect_uri === form.get("redirect_uri");
        if (!isRight) return json({ error: "invalid_grant" }, 400);
        const token = new SignJWT({ nonce: asked.nonce }).setProtectedHeader({ alg: "RS256", kid: "1" }).setSubject("ada");
        const id_token = await token.setIssuer(address).setAudience(CLIENT.id).setIssuedAt().setExpirationTime("5m").sign(privateKey);
        return json({ access_token: "a", token_type: "Bearer", id_token });
      }
      default:
        return json({}, 404);
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${server.address().port}` };
}

async function freePort() {
  const server = createPort().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/** A control plane without deployments, where people sign in with this issuer. */
async function controlPlane(t, issuer) {
  const folder = await mkdtemp(join(tmpdir(), "keyward-sign-in-"));
  const port = await freePort();
  const secret = () => `1:${randomBytes(32).toString("base64url")}`;
  const own = { KEYWARD_URL: `http://127.0.0.1:${port}`, token: randomBytes(32).toString("base64url") };
  const child = spawn(process.env.KEYWARD_PROGRAM, ["serve"], {
    cwd: folder,
    stdio: ["ignore", "ignore", "inherit"],
    env: {
      PATH: process.env.PATH,
      KEYWARD_LOG: "error",
      KEYWARD_LISTEN: `127.0.0.1:${port}`,
      KEYWARD_PUBLIC_URL: own.KEYWARD_URL,
      KEYWARD_ADMIN_TOKEN: own.token,
      KEYWARD_SERVICES: "prediction",
      KEYWARD_TAG_SECRETS_PRODUCTION: secret(),
      KEYWARD_OIDC_ISSUER: issuer.url,
      KEYWARD_OIDC_CLIENT_ID: CLIENT.id,
      KEYWARD_OIDC_CLIENT_SECRET: CLIENT.secret,
      KEYWARD_OIDC_NAME: "Example",
    },
  });
  t.after(async () => {
    child.kill();
    if (child.exitCode === null) await once(child, "exit");
    await rm(folder, { recursive: true });
  });
  await eventually(async () => assert.ok((await fetch(`${own.KEYWARD_URL}/healthz`)).ok));
  return { url: own.KEYWARD_URL, token: own.token };
}

/** A browser at the page of that control plane. */
async function visitAt(t, plane, path) {
  const page = await visit(t, { token: null });
  await page.goto(plane.url + path);
  await page.getByRole("link", { name: "Sign in with Example" }).waitFor({ timeout: PATIENCE });
  return page;
}

test("a person signs in with the issuer, lands where it wanted to go, and signs out here", async (t) => {
  const id = await issuer(t);
  const plane = await controlPlane(t, id);
  const ask = (method, path, body) =>
    fetch(`${plane.url}/api/v1${path}`, {
      method,
      headers: { Authorization: `Bearer ${plane.token}`, "Content-Type": "application/json" },
      body: body && JSON.stringify(body),
    }).then((response) => response.json());
  const { org_id } = await ask("GET", "/userinfo");
  await ask("PUT", `/organizations/${org_id}/members/ada`, { role: "viewer" });

  const page = await visitAt(t, plane, "/groups");
  await page.getByRole("link", { name: "Sign in with Example" }).click();
  await page.getByRole("link", { name: "Yes, it is me" }).click();
  await page.getByRole("heading", { name: "Groups" }).waitFor();
  assert.equal(new URL(page.url()).pathname, "/groups");
  assert.equal(await page.evaluate(async () => (await (await fetch("/api/v1/userinfo")).json()).id), "ada");
  const cookies = await page.context().cookies(plane.url);
  assert.deepEqual(cookies.map(({ name, sameSite, httpOnly }) => [name, sameSite, httpOnly]), [["keyward_session", "Strict", true]]);
  // Still there after a reload, and nothing that a Viewer may not do.
  await page.reload();
  await page.getByRole("heading", { name: "Groups" }).waitFor();
  await page.getByRole("link", { name: "API keys" }).click();
  await page.getByText("No API keys yet").waitFor();
  assert.equal(await page.getByRole("link", { name: "Create" }).count(), 0);

  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  const ended = await fetch(`${plane.url}/api/v1/session`, { headers: { Cookie: `keyward_session=${cookies[0].value}` } });
  assert.equal(ended.status, 401);
});

test("what does not work is said in a sentence, and another site begins nothing", async (t) => {
  const id = await issuer(t);
  const plane = await controlPlane(t, id);
  const page = await visitAt(t, plane, "/keys");
  await page.getByRole("link", { name: "Sign in with Example" }).click();
  await page.getByRole("link", { name: "No", exact: true }).click();
  await page.getByText("The issuer did not sign you in.").waitFor();

  // The link of a sign-in, used in another browser.
  await page.getByRole("link", { name: "Sign in with Example" }).click();
  const stolen = await page.getByRole("link", { name: "Yes, it is me" }).getAttribute("href");
  const other = await visitAt(t, plane, "/keys");
  await other.goto(stolen);
  await other.getByText("This sign-in took too long, or has been used already.").waitFor();
  assert.deepEqual(await other.context().cookies(plane.url), []);

  // A page of another origin leads to the start of one.
  const attacker = createServer((_, response) => response.setHeader("Content-Type", "text/html").end(`<a href="${plane.url}/api/v1/session/oidc/start">x</a>`));
  attacker.listen(0, "127.0.0.1");
  await once(attacker, "listening");
  t.after(() => attacker.close());
  await other.goto(`http://127.0.0.1:${attacker.address().port}/`);
  const answer = other.waitForResponse((response) => response.url().includes("/oidc/start"));
  await other.getByRole("link", { name: "x" }).click();
  assert.equal((await answer).status(), 403);
});
