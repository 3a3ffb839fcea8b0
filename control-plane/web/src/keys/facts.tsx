import type { ComponentChildren } from "preact";
import { Time } from "../ui/time.tsx";
import { Words } from "./badges.tsx";
import { isGatewayKey, type Key } from "./model.ts";

/** What the key is and may do. */
export function Facts({ of: key }: { of: Key }) {
  const metadata = Object.entries(key.metadata);
  return (
    <section class="card" aria-labelledby="facts">
      <h2 id="facts">Configuration</h2>
      <dl class="facts">
        <Fact label="Service">{isGatewayKey(key) ? "Gateway: this control plane, and the edge in every environment" : key.service_id}</Fact>
        {key.environment && <Fact label="Environment">{key.environment}</Fact>}
        <Fact label="Scopes">
          <Words of={key.scopes} most={64} none="None" />
        </Fact>
        <Fact label="Groups">
          <Words of={key.groups} most={8} none="None" />
        </Fact>
        <Fact label="Requests per hour">{key.rate_limit_per_hour.toLocaleString()}</Fact>
        <Fact label="Requests per month">{key.monthly_prediction_limit?.toLocaleString() ?? "No limit"}</Fact>
        <Fact label="Client addresses">
          <Words of={key.allowed_ips.map(String)} most={100} none="Anywhere" />
        </Fact>
        <Fact label="Plan">{key.billing_plan}</Fact>
        <Fact label="Created">
          <Time at={key.created_at} exact /> by {key.created_by}
        </Fact>
        {key.user_id !== key.created_by && <Fact label="Managed by">{key.user_id}</Fact>}
        {key.owner && <Fact label="Owner">{key.owner}</Fact>}
        <Fact label="Expires">
          <Time at={key.expires_at} exact none="Never" />
        </Fact>
        <Fact label="Last used">
          <Time at={key.last_used_at} none="Never" />
        </Fact>
        {key.rotated_from && (
          <Fact label="Rotated from">
            <a href={`/keys/${key.rotated_from}`}>its predecessor</a>
          </Fact>
        )}
        {metadata.map(([name, value]) => (
          <Fact key={name} label={name}>
            {value}
          </Fact>
        ))}
        <Fact label="Key id">
          <code class="breakable">{key.key_id}</code>
        </Fact>
        <Fact label="Revision">{key.revision}</Fact>
      </dl>
    </section>
  );
}

export function Fact(props: { label: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{props.label}</dt>
      <dd>{props.children}</dd>
    </div>
  );
}
