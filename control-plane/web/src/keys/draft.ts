/** What a form about a key holds, as text that somebody types, and the request that comes of it. */

import { type Body, boundsOf, faultOf } from "../api/bounds.ts";
import type { Schemas } from "../api/client.ts";
import type { Key } from "./model.ts";

export interface Draft {
  kind: "service" | "gateway";
  name: string;
  service_id: string;
  environment: "production" | "test" | "development";
  scopes: string[];
  groups: string[];
  /** `never`, `keep`, or a number of days. */
  expires: string;
  rate_limit_per_hour: string;
  monthly_prediction_limit: string;
  allowed_ips: string;
  owner: string;
  billing_plan: string;
  /** One `name=value` a line. */
  metadata: string;
}

export const EMPTY: Draft = {
  kind: "service",
  name: "",
  service_id: "",
  environment: "production",
  scopes: [],
  groups: [],
  expires: "90",
  rate_limit_per_hour: "1000",
  monthly_prediction_limit: "",
  allowed_ips: "",
  owner: "",
  billing_plan: "free",
  metadata: "",
};

export function draftOf(key: Key): Draft {
  return {
    kind: key.service_id === null ? "gateway" : "service",
    name: key.name,
    service_id: key.service_id ?? "",
    environment: key.environment ?? "production",
    scopes: key.scopes,
    groups: key.groups,
    expires: "keep",
    rate_limit_per_hour: String(key.rate_limit_per_hour),
    monthly_prediction_limit: key.monthly_prediction_limit === null ? "" : String(key.monthly_prediction_limit),
    allowed_ips: key.allowed_ips.join("\n"),
    owner: key.owner ?? "",
    billing_plan: key.billing_plan,
    metadata: Object.entries(key.metadata)
      .map(([name, value]) => `${name}=${value}`)
      .join("\n"),
  };
}

export function createBody(draft: Draft): Schemas["CreateKey"] {
  const isService = draft.kind === "service";
  return {
    name: draft.name.trim(),
    ...(isService ? { service_id: draft.service_id, environment: draft.environment } : {}),
    scopes: draft.scopes,
    ...(draft.groups.length ? { groups: draft.groups } : {}),
    expires_in_days: days(draft.expires),
    rate_limit_per_hour: number(draft.rate_limit_per_hour),
    monthly_prediction_limit: number(draft.monthly_prediction_limit),
    allowed_ips: lines(draft.allowed_ips),
    owner: draft.owner.trim() || null,
    billing_plan: draft.billing_plan.trim() || null,
    metadata: pairs(draft.metadata),
  } as Schemas["CreateKey"];
}

/** Only what differs from the key as it is. */
export function updateBody(key: Key, draft: Draft): Schemas["UpdateKey"] {
  const was = draftOf(key);
  const differs = (field: keyof Draft) => JSON.stringify(was[field]) !== JSON.stringify(draft[field]);
  const body: Schemas["UpdateKey"] = {};
  if (differs("name")) body.name = draft.name.trim();
  if (differs("scopes")) body.scopes = draft.scopes;
  if (differs("groups")) body.groups = draft.groups;
  if (differs("rate_limit_per_hour")) body.rate_limit_per_hour = Number(draft.rate_limit_per_hour);
  if (differs("monthly_prediction_limit")) body.monthly_prediction_limit = number(draft.monthly_prediction_limit);
  if (differs("allowed_ips")) body.allowed_ips = lines(draft.allowed_ips);
  if (differs("owner")) body.owner = draft.owner.trim() || null;
  if (differs("billing_plan")) body.billing_plan = draft.billing_plan.trim();
  if (draft.expires !== "keep") body.expires_in_days = days(draft.expires);
  if (differs("metadata")) {
    const now = pairs(draft.metadata);
    const gone = Object.keys(key.metadata).filter((name) => !(name in now));
    body.metadata = { ...now, ...Object.fromEntries(gone.map((name) => [name, null])) };
  }
  return body;
}

export type Faults = Partial<Record<string, string>>;

const LABELS: Record<string, string> = {
  name: "The name",
  service_id: "The service",
  scopes: "Scopes:",
  groups: "Groups:",
  rate_limit_per_hour: "The hourly limit",
  monthly_prediction_limit: "The monthly limit",
  allowed_ips: "Allowed addresses:",
  owner: "The owner",
  billing_plan: "The plan",
  expires_in_days: "The lifetime",
};

/** What is wrong, by field, with the bounds that the server itself describes. */
export function faultsOf(body: Record<string, unknown>, of: Body): Faults {
  const faults: Faults = {};
  for (const [field, value] of Object.entries(body)) {
    const fault = faultOf(boundsOf(of, field), value);
    if (fault) faults[field] = `${LABELS[field] ?? field} ${fault}.`;
  }
  if (of === "CreateKey") {
    if (!body.name) faults.name = "The name is missing.";
    if (body.service_id === "") faults.service_id = "Choose a service.";
    const isGateway = !("service_id" in body);
    if (isGateway && !body.groups) faults.groups = "A gateway key is in one group at least.";
  } else if (body.name === "") {
    faults.name = "The name is missing.";
  }
  return faults;
}

const days = (text: string): number | null => (text === "never" ? null : Number(text));
const number = (text: string): number | null => (text.trim() === "" ? null : Number(text));

function lines(text: string): string[] {
  return text
    .split(/[\s,]+/)
    .map((line) => line.trim())
    .filter(Boolean);
}

function pairs(text: string): Record<string, string> {
  const entries = text.split("\n").filter((line) => line.trim());
  return Object.fromEntries(
    entries.map((line) => {
      const [name = "", ...value] = line.split("=");
      return [name.trim(), value.join("=").trim()];
    }),
  );
}
