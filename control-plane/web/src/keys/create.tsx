import { useEffect, useState } from "preact/hooks";
import { api, type Schemas } from "../api/client.ts";
import { Problem } from "../api/problem.ts";
import { navigate } from "../routing/router.ts";
import { may, organization } from "../session/rights.ts";
import { services } from "../settings/installation.ts";
import { Heading } from "../shell/heading.tsx";
import { Failure, Notice } from "../ui/state.tsx";
import { useServerChecks } from "./checks.ts";
import { createBody, type Draft, EMPTY, type Faults, faultsOf } from "./draft.ts";
import { KeyForm } from "./form.tsx";
import { showOnce } from "./fresh.ts";
import { propagationOf } from "./operations.ts";

export default function CreateKey() {
  const [draft, setDraft] = useState<Draft>(EMPTY);
  // Only what somebody has come past is complained about, until the form is sent.
  const [touched, setTouched] = useState<ReadonlySet<string> | "all">(new Set());
  const [refused, setRefused] = useState<unknown>();
  const [isBusy, setBusy] = useState(false);
  // For as long as it is the same request, however often it has to be sent.
  const [attempt, setAttempt] = useState(() => crypto.randomUUID());

  useEffect(() => {
    const [only, ...others] = services.value;
    if (only && !others.length) setDraft((draft) => ({ ...draft, service_id: draft.service_id || only }));
  }, [services.value]);

  const body = createBody(draft);
  const found = faultsOf(body as Record<string, unknown>, "CreateKey");
  const query = organization.value ? { organization_id: organization.value } : {};
  const isWorthAsking = may("keys:create") && !isBusy && !Object.keys(found).length;
  const checked = useServerChecks(isWorthAsking ? { ...body, query } : null, (signal) =>
    api.POST("/api/v1/keys", { params: { query: { ...query, validate_only: true } }, body: body as never, signal }),
  );
  const ofServer: Faults = refused instanceof Problem && refused.field ? { [refused.field]: refused.message } : {};
  const shown = Object.fromEntries(
    Object.entries({ ...found, ...checked, ...ofServer }).filter(([field]) => touched === "all" || touched.has(field) || field in ofServer),
  );

  const change = (changes: Partial<Draft>) => {
    setDraft({ ...draft, ...changes });
    setAttempt(crypto.randomUUID());
    setRefused(undefined);
    if (touched !== "all") setTouched(new Set([...touched, ...Object.keys(changes)]));
  };
  const submit = async (event: Event) => {
    event.preventDefault();
    setTouched("all");
    if (Object.keys(found).length) {
      const form = event.currentTarget as HTMLFormElement;
      return requestAnimationFrame(() => form.querySelector<HTMLElement>("[aria-invalid=true]")?.focus());
    }
    setBusy(true);
    setRefused(undefined);
    try {
      const { data, response } = await api.POST("/api/v1/keys", {
        params: {
          query,
          header: { "Idempotency-Key": `"${attempt}"` },
        },
        // The client's types lose the nulls of a choice between shapes.
        body: body as never,
      });
      const created = data as Schemas["APIKeyResponse"];
      showOnce(created, propagationOf(response));
      await navigate(`/keys/${created.key_info.key_id}`, { replace: true });
    } catch (error) {
      setRefused(error);
      setBusy(false);
    }
  };
  if (!may("keys:create")) {
    return (
      <>
        <Heading title="Create API key" back={{ to: "/keys", label: "API keys" }} />
        <Notice tone="warning">You may look at keys here, not create them. An Admin of the organization can change that.</Notice>
      </>
    );
  }
  return (
    <>
      <Heading title="Create API key" back={{ to: "/keys", label: "API keys" }} />
      <form class="card form stack" onSubmit={submit} noValidate>
        <KeyForm draft={draft} faults={shown} isNew onChange={change} />
        {refused !== undefined && !(refused instanceof Problem && refused.field) && <Failure error={refused} />}
        <footer class="actions">
          <a class="button" href="/keys">
            Cancel
          </a>
          <button type="submit" class="button primary" disabled={isBusy} aria-busy={isBusy}>
            {isBusy ? "Creating…" : "Create key"}
          </button>
        </footer>
      </form>
    </>
  );
}
