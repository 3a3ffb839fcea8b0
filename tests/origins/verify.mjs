import { createRemoteJWKSet, jwtVerify } from "jose";

// Fetched when needed, kept for five minutes, and fetched again for an unknown key id, every five seconds at most.
const keys = createRemoteJWKSet(new URL("https://api.example.com/.keyward/jwks.json"), { cacheMaxAge: 300_000, cooldownDuration: 5_000 });

/** Who calls, by the request's `Keyward-Assertion`. Answer 401 when this throws. */
export async function whoCalls(assertion) {
  const { payload } = await jwtVerify(assertion, keys, {
    algorithms: ["EdDSA"],
    typ: "keyward-assertion+jwt",
    issuer: "urn:keyward:deployment:main",
    audience: "https://origin.example.com",
    requiredClaims: ["exp"],
    clockTolerance: 5,
  });
  return payload;
}
