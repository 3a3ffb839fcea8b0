import { useLoad } from "../api/load.ts";
import { api, bodyOf } from "../api/client.ts";
import { may, organization } from "../session/rights.ts";
import { me } from "../session/session.ts";
import { services } from "../settings/installation.ts";
import { Choice, Field } from "../ui/field.tsx";
import { WordsField } from "../ui/words-field.tsx";
import type { Draft, Faults } from "./draft.ts";

interface Props {
  draft: Draft;
  faults: Faults;
  /** A key that is there: its kind, service and environment stay as they are. */
  isNew: boolean;
  onChange: (changes: Partial<Draft>) => void;
}

const LIFETIMES = ["7", "30", "60", "90", "180", "365"];

export function KeyForm({ draft, faults, isNew, onChange }: Props) {
  const mayGroup = may("keys:assign_groups") && may("groups:read");
  const groups = useLoad(
    async (signal) => {
      const query = organization.value ? { organization_id: organization.value } : {};
      return mayGroup ? bodyOf(api.GET("/api/v1/groups", { params: { query }, signal })) : [];
    },
    [mayGroup, organization.value],
  );
  const text = (field: "name" | "owner" | "billing_plan" | "rate_limit_per_hour" | "monthly_prediction_limit") => ({
    value: draft[field],
    onInput: (event: Event) => onChange({ [field]: (event.currentTarget as HTMLInputElement).value }),
    autocomplete: "off",
  });
  const isService = draft.kind === "service";
  return (
    <>
      {isNew && mayGroup && (
        <Choice
          label="Kind"
          value={draft.kind}
          onChange={(kind) => onChange({ kind })}
          options={[
            { value: "service", label: "Service key", hint: "Calls your protected APIs through the edge." },
            { value: "gateway", label: "Gateway key", hint: "Calls this control plane with the permissions of its groups (hpk_)." },
          ]}
        />
      )}
      <Field label="Name" hint="Identifies the key in lists and in the audit trail." fault={faults.name}>
        {(field) => <input {...field} {...text("name")} placeholder={isService ? "payments-automation" : "ai-agent-sre"} required />}
      </Field>
      {isNew && isService && (
        <div class="columns">
          <Field label="Service" fault={faults.service_id}>
            {(field) => services.value.length === 0 ? (
              <input {...field} value={draft.service_id} onInput={(event) => onChange({ service_id: event.currentTarget.value.trim() })} autocomplete="off" />
            ) : (
              <select {...field} value={draft.service_id} onChange={(event) => onChange({ service_id: event.currentTarget.value })}>
                <option value="">Choose…</option>
                {services.value.map((service) => (
                  <option key={service} value={service}>
                    {service}
                  </option>
                ))}
              </select>
            )}
          </Field>
          <Field label="Environment" fault={faults.environment}>
            {(field) => (
              <select {...field} value={draft.environment} onChange={(event) => onChange({ environment: event.currentTarget.value as Draft["environment"] })}>
                <option value="production">Production (hk_live_)</option>
                <option value="test">Test (hk_test_)</option>
                <option value="development">Development (hk_dev_)</option>
              </select>
            )}
          </Field>
        </div>
      )}
      <WordsField
        label="Scopes"
        hint="What its requests may do. Enter, space or comma adds one."
        fault={faults.scopes}
        words={draft.scopes}
        suggestions={me.value?.scopes ?? []}
        onChange={(scopes) => onChange({ scopes })}
      />
      {mayGroup && (
        <fieldset class="checks">
          <legend>Groups</legend>
          {groups.data?.map((group) => (
            <label key={group.name}>
              <input
                type="checkbox"
                checked={draft.groups.includes(group.name)}
                onChange={(event) =>
                  onChange({
                    groups: event.currentTarget.checked ? [...draft.groups, group.name] : draft.groups.filter((name) => name !== group.name),
                  })
                }
              />
              <span>
                {group.name}
                <small class="muted">{group.built_in ? "everything an Admin may do" : [...group.permissions, ...group.scopes].join(", ") || "nothing yet"}</small>
              </span>
            </label>
          ))}
          {faults.groups && <p class="fault">{faults.groups}</p>}
        </fieldset>
      )}
      <div class="columns">
        <Field label="Expires" fault={faults.expires_in_days}>
          {(field) => (
            <select {...field} value={draft.expires} onChange={(event) => onChange({ expires: event.currentTarget.value })}>
              {!isNew && <option value="keep">As it is</option>}
              {LIFETIMES.map((days) => (
                <option key={days} value={days}>
                  In {days} days
                </option>
              ))}
              <option value="never">Never</option>
            </select>
          )}
        </Field>
        <Field label="Requests per hour" fault={faults.rate_limit_per_hour}>
          {(field) => <input {...field} {...text("rate_limit_per_hour")} inputMode="numeric" />}
        </Field>
        <Field label="Requests per month" hint="Empty: no limit." fault={faults.monthly_prediction_limit}>
          {(field) => <input {...field} {...text("monthly_prediction_limit")} inputMode="numeric" />}
        </Field>
      </div>
      <details class="more" open={["allowed_ips", "owner", "billing_plan", "metadata"].some((field) => faults[field]) || undefined}>
        <summary>Addresses, owner and metadata</summary>
        <div class="stack">
          <Field label="Allowed client addresses" hint="IPv4 or IPv6 addresses or networks (203.0.113.0/24), one a line. Empty: anywhere." fault={faults.allowed_ips}>
            {(field) => <textarea {...field} rows={3} value={draft.allowed_ips} onInput={(event) => onChange({ allowed_ips: event.currentTarget.value })} spellcheck={false} />}
          </Field>
          <div class="columns">
            <Field label="Owner" hint="Who holds it, for people." fault={faults.owner}>
              {(field) => <input {...field} {...text("owner")} />}
            </Field>
            <Field label="Plan" fault={faults.billing_plan}>
              {(field) => <input {...field} {...text("billing_plan")} />}
            </Field>
          </div>
          <Field label="Metadata" hint="One name=value a line. The edge never hears of it." fault={faults.metadata}>
            {(field) => <textarea {...field} rows={3} value={draft.metadata} onInput={(event) => onChange({ metadata: event.currentTarget.value })} spellcheck={false} />}
          </Field>
        </div>
      </details>
    </>
  );
}
