import { useState } from "preact/hooks";
import { api } from "../api/client.ts";
import { useLoad } from "../api/load.ts";
import { pageOf } from "../api/page.ts";
import { query, setQuery } from "../routing/router.ts";
import { isPlatformAdmin, may, organization } from "../session/rights.ts";
import { Heading } from "../shell/heading.tsx";
import { Pager, usePages } from "../ui/pager.tsx";
import { Notice, Show } from "../ui/state.tsx";
import { ChainCheck } from "./chain.tsx";
import { EventList } from "./events.tsx";
import { ExportEvents } from "./export.tsx";
import { EventFilters, FILTERS } from "./filters.tsx";

const PAGE_SIZE = 50;

export default function Audit() {
  const [isChecking, setChecking] = useState(false);
  const isEverywhere = isPlatformAdmin.value && query.value.get("everywhere") === "1";
  const asked = question(isEverywhere);
  const identity = JSON.stringify(asked);
  const pages = usePages(identity);
  const events = useLoad(
    (signal) =>
      pageOf(api.GET("/api/v1/audit", { params: { query: { ...asked, limit: PAGE_SIZE, ...(pages.cursor ? { cursor: pages.cursor } : {}) } }, signal })),
    [identity, pages.cursor],
  );
  if (!may("audit:read")) {
    return (
      <>
        <Heading title="Audit" />
        <Notice tone="warning">The audit trail is for Owners and Admins.</Notice>
      </>
    );
  }
  return (
    <>
      <Heading title="Audit" lead="Every change and every refused call of a known caller is one event, chained to the one before it.">
        {isPlatformAdmin.value && (
          <button type="button" class="button" onClick={() => setChecking(true)}>
            Check the chain
          </button>
        )}
        <ExportEvents question={asked} />
      </Heading>
      <div class="toolbar">
        <EventFilters>
          {isPlatformAdmin.value && (
            <label>
              <input type="checkbox" checked={isEverywhere} onChange={(event) => setQuery({ everywhere: event.currentTarget.checked ? "1" : null })} />
              All organizations
            </label>
          )}
        </EventFilters>
      </div>
      {isChecking && <ChainCheck onClose={() => setChecking(false)} />}
      <section aria-busy={events.busy} aria-label="Events" class="card flush">
        <Show of={events} lines={10}>
          {(page) => (
            <>
              <EventList events={page.items} withTarget />
              <Pager pages={pages} size={PAGE_SIZE} shown={page.items.length} next={page.next} busy={events.busy} />
            </>
          )}
        </Show>
      </section>
    </>
  );
}

function question(isEverywhere: boolean): Record<string, string> {
  const parameters: Record<string, string> = {};
  for (const name of FILTERS) {
    const value = query.value.get(name)?.trim();
    if (value) parameters[name] = value;
  }
  if (organization.value && !isEverywhere) parameters.organization_id = organization.value;
  return parameters;
}
