import { useEffect, useState } from "preact/hooks";
import { sentenceOf } from "../api/problem.ts";
import { path, query } from "../routing/router.ts";
import { Mark } from "../shell/frame.tsx";
import { Field } from "../ui/field.tsx";
import { Notice } from "../ui/state.tsx";
import { type Options, options, signIn } from "./session.ts";

/** What the server says when a sign-in with the issuer has not worked. */
const OIDC_FAULTS: Record<string, string> = {
  denied: "The issuer did not sign you in.",
  expired: "This sign-in took too long, or has been used already. Try again.",
  unavailable: "The issuer cannot be reached just now. Try again, or paste a token.",
  failed: "What the issuer said of you could not be verified. The log of the control plane says why.",
};

export function SignIn(props: { ended: boolean }) {
  const [token, setToken] = useState("");
  const [fault, setFault] = useState<string | null>(() => oidcFault());
  const [isBusy, setBusy] = useState(false);
  const [offers, setOffers] = useState<Options>({ oidc: null });

  useEffect(() => {
    document.title = "Sign in · Keyward";
    options().then(setOffers, () => undefined);
  }, []);

  const submit = async (event: Event) => {
    event.preventDefault();
    if (!token.trim()) return setFault("Paste a token or an API key.");
    setBusy(true);
    setFault(null);
    try {
      await signIn(token.trim());
    } catch (error) {
      setFault(sentenceOf(error));
      setBusy(false);
    }
  };
  const returnTo = path.value.startsWith("/keys") || path.value !== "/" ? path.value : "/keys";
  return (
    <main class="alone sign-in">
      <p class="brand">
        <Mark />
        Keyward
      </p>
      <h1>Sign in</h1>
      {props.ended && <Notice tone="warning">Your session has ended. Sign in again to go on where you were.</Notice>}
      {offers.oidc && (
        <>
          <a class="button primary block" href={`/api/v1/session/oidc/start?return_to=${encodeURIComponent(returnTo)}`}>
            Sign in with {offers.oidc.name}
          </a>
          <p class="or">or</p>
        </>
      )}
      <form onSubmit={submit} class="stack">
        <Field label="Token" fault={fault} hint="The admin token, an API key in a group (hpk_…), or a user token. It is sent once and kept nowhere in this browser.">
          {(field) => (
            <input
              {...field}
              type="password"
              name="token"
              value={token}
              onInput={(event) => setToken(event.currentTarget.value)}
              autocomplete="off"
              autocapitalize="none"
              spellcheck={false}
            />
          )}
        </Field>
        <button type="submit" class={offers.oidc ? "button block" : "button primary block"} disabled={isBusy} aria-busy={isBusy}>
          Sign in
        </button>
      </form>
    </main>
  );
}

function oidcFault(): string | null {
  const code = query.value.get("sign_in_error");
  return code && (OIDC_FAULTS[code] ?? "The sign-in with the issuer did not work. Try again.");
}
