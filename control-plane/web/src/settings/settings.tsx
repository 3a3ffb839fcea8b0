import type { ComponentChildren } from "preact";
import { Fact } from "../keys/facts.tsx";
import { may } from "../session/rights.ts";
import { me, state } from "../session/session.ts";
import { Heading } from "../shell/heading.tsx";
import { Words } from "../keys/badges.tsx";
import { Time } from "../ui/time.tsx";
import { installation } from "./installation.ts";

export default function Settings() {
  const known = installation.value;
  const { services = [], deployments = [], examples = {}, installation: inside, ...rest } = known ?? {};
  const more = { ...rest, ...inside };
  const who = me.value;
  return (
    <>
      <Heading title="Settings" lead="What is configured, to read. It changes with keyward.toml and a restart." />
      <div class="sections">
        {who && (
          <section class="card" aria-labelledby="you">
            <h2 id="you">You</h2>
            <dl class="facts">
              <Fact label="Name">{who.key_name ?? who.id}</Fact>
              <Fact label="Kind">{who.kind.replaceAll("_", " ")}</Fact>
              {who.groups.length > 0 && <Fact label="Groups"><Words of={who.groups} most={8} /></Fact>}
              <Fact label="Permissions"><Words of={who.permissions} most={20} none="None" /></Fact>
              <Fact label="Session ends">{state.value.is === "in" && <Time at={state.value.session.expires_at} exact />}</Fact>
            </dl>
          </section>
        )}
        <section class="card" aria-labelledby="services">
          <h2 id="services">Services</h2>
          <dl class="facts">
            <Fact label="Services"><Words of={services} most={50} none="None" /></Fact>
            {Object.entries(examples).map(([service, example]) => (
              <Fact key={service} label={`Example for ${service}`}><code>{example}</code></Fact>
            ))}
          </dl>
        </section>
        <section class="card" aria-labelledby="deployments">
          <h2 id="deployments">Deployments</h2>
          <dl class="facts">
            {deployments.map((one) => (
              <Fact key={one.id} label={`${one.id} (${one.environment})`}>{one.edge_url ?? "no edge_url"}</Fact>
            ))}
          </dl>
          {deployments.length === 0 && <p class="muted">None: nothing is published.</p>}
        </section>
        {Object.keys(more).length > 0 && (
          <section class="card" aria-labelledby="more">
            <h2 id="more">This control plane</h2>
            <dl class="facts">
              {Object.entries(more).map(([name, value]) => (
                <Fact key={name} label={inWords(name)}>{shown(value)}</Fact>
              ))}
            </dl>
          </section>
        )}
        <section class="card" aria-labelledby="api">
          <h2 id="api">API</h2>
          <p>
            Everything here can be done over REST: <a href="/api/docs" target="_blank" rel="noreferrer">documentation</a>,{" "}
            <a href="/api/openapi.json" target="_blank" rel="noreferrer">OpenAPI</a>.
            {may("keys:assign_groups") && " Automation gets a gateway key of its own."}
          </p>
        </section>
      </div>
    </>
  );
}

const inWords = (name: string) => {
  const words = name.replaceAll("_", " ");
  return words[0]?.toUpperCase() + words.slice(1);
};

/** Whatever a setting is: nested ones as a list of their own. */
function shown(value: unknown): ComponentChildren {
  if (value === null || value === undefined) return <span class="muted">not set</span>;
  if (typeof value === "boolean") return value ? "on" : "off";
  if (Array.isArray(value)) return <Words of={value.map((one) => (typeof one === "object" ? JSON.stringify(one) : String(one)))} most={20} none="None" />;
  if (typeof value === "object") {
    return (
      <dl class="nested">
        {Object.entries(value).map(([name, inner]) => (
          <Fact key={name} label={inWords(name)}>{shown(inner)}</Fact>
        ))}
      </dl>
    );
  }
  return String(value);
}
