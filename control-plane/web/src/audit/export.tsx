import { useState } from "preact/hooks";
import { api, type Schemas } from "../api/client.ts";
import { sentenceOf } from "../api/problem.ts";
import { csvOf, download } from "../ui/download.ts";
import { Menu } from "../ui/menu.tsx";
import { toast } from "../ui/toast.tsx";

const HEADER = ["event_id", "at", "organization_id", "actor", "action", "target_type", "target_id", "request_id", "detail"];

/** The events that the filters let through, all pages: as they are for programs, or as a table for a spreadsheet. */
export function ExportEvents(props: { question: Record<string, string> }) {
  const [isBusy, setBusy] = useState(false);
  const run = async (format: "csv" | "ndjson") => {
    setBusy(true);
    try {
      const events = await fetchAll(props.question);
      if (format === "ndjson") download("keyward-audit.ndjson", "application/x-ndjson", events.map((event) => `${JSON.stringify(event)}\n`).join(""));
      else download("keyward-audit.csv", "text/csv", csvOf(HEADER, events.map(row)));
    } catch (error) {
      toast(sentenceOf(error), "danger");
    }
    setBusy(false);
  };
  return (
    <span class="export" aria-busy={isBusy}>
      <button type="button" class="button" onClick={() => run("csv")} disabled={isBusy}>
        Export CSV
      </button>
      <Menu label="Other formats">
        <button type="button" onClick={() => run("ndjson")}>
          Export NDJSON
        </button>
      </Menu>
    </span>
  );
}

async function fetchAll(question: Record<string, string>): Promise<Schemas["AuditEvent"][]> {
  const { data } = await api.GET("/api/v1/audit", { params: { query: question } });
  return Array.isArray(data) ? data : [];
}

function row(event: Schemas["AuditEvent"]): unknown[] {
  const { event_id, at, organization_id, actor, action, target, request_id, detail } = event;
  return [event_id, at, organization_id, actor, action, target?.type, target?.id, request_id, JSON.stringify(detail)];
}
