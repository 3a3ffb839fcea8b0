import { useState } from "preact/hooks";
import { sentenceOf } from "../api/problem.ts";
import { csvOf, download } from "../ui/download.ts";
import { toast } from "../ui/toast.tsx";
import { lifeOf } from "./model.ts";
import { fetchAll } from "./query.ts";

const HEADER = ["key_id", "name", "preview", "service", "environment", "scopes", "groups", "status", "owner", "created_by", "created_at", "last_used_at", "expires_at"];

/** The keys that the filters let through, all pages, as a table for a spreadsheet. */
export function Export(props: { question: Record<string, string> }) {
  const [isBusy, setBusy] = useState(false);
  const run = async () => {
    setBusy(true);
    try {
      const keys = await fetchAll(props.question);
      const rows = keys.map((key) => [
        key.key_id,
        key.name,
        key.key_prefix,
        key.service_id,
        key.environment,
        key.scopes.join(" "),
        key.groups.join(" "),
        lifeOf(key),
        key.owner,
        key.created_by,
        key.created_at,
        key.last_used_at,
        key.expires_at,
      ]);
      download("keyward-keys.csv", "text/csv", csvOf(HEADER, rows));
    } catch (error) {
      toast(sentenceOf(error), "danger");
    }
    setBusy(false);
  };
  return (
    <button type="button" class="button" onClick={run} disabled={isBusy} aria-busy={isBusy}>
      Export CSV
    </button>
  );
}
