import { useState } from "preact/hooks";
import { useLoad, useRepeat } from "../api/load.ts";
import { may, organization } from "../session/rights.ts";
import { Heading } from "../shell/heading.tsx";
import { Pager, usePages } from "../ui/pager.tsx";
import { Empty, Failure, Skeleton } from "../ui/state.tsx";
import { BulkBar } from "./bulk.tsx";
import { Export } from "./export.tsx";
import { Filters } from "./filters.tsx";
import { type Act, KeyDialog } from "./act.tsx";
import type { Key } from "./model.ts";
import { clearFilters, fetchCount, fetchPage, isFiltered, PAGE_SIZE, question } from "./query.ts";
import { KeyTable } from "./table.tsx";

export default function KeyList() {
  const asked = question();
  const identity = JSON.stringify(asked);
  const pages = usePages(identity);
  const page = useLoad((signal) => fetchPage(asked, pages.cursor, signal), [identity, pages.cursor]);
  const count = useLoad((signal) => fetchCount(asked, signal), [identity]);
  const [chosen, setChosen] = useState<ReadonlyMap<string, Key>>(new Map());
  const [act, setAct] = useState<Act | null>(null);
  useRepeat(Boolean(page.data?.items.some((key) => key.edge?.state === "pending")), 3000, page.reload);

  const isEmpty = page.data?.items.length === 0 && pages.before === 0;
  return (
    <>
      <Heading title="API keys">
        {!isEmpty && <Export question={asked} />}
        {may("keys:create") && (
          <a class="button primary" href="/keys/new">
            Create new API key
          </a>
        )}
      </Heading>
      {!(isEmpty && !isFiltered()) && (
        <div class="toolbar">
          <Filters />
        </div>
      )}
      {page.error !== undefined && <Failure error={page.error} retry={page.reload} />}
      {!page.data && page.error === undefined && <Skeleton lines={10} />}
      {page.data && isEmpty && <NoKeys />}
      {page.data && !isEmpty && (
        <section aria-busy={page.busy} aria-label="API keys">
          <BulkBar
            chosen={chosen}
            onClear={() => setChosen(new Map())}
            onDone={() => {
              setChosen(new Map());
              page.reload();
            }}
          />
          <KeyTable keys={page.data.items} chosen={chosen} onChoose={setChosen} onAct={setAct} />
          <Pager pages={pages} size={PAGE_SIZE} shown={page.data.items.length} next={page.data.next} total={count.busy ? null : count.data} busy={page.busy} />
        </section>
      )}
      {act && <KeyDialog act={act} onClose={() => setAct(null)} onDone={page.reload} />}
    </>
  );
}

function NoKeys() {
  if (isFiltered()) {
    return (
      <Empty title="No key matches">
        <button type="button" class="button" onClick={clearFilters}>
          Clear search and filters
        </button>
      </Empty>
    );
  }
  return (
    <Empty title={organization.value ? "No API keys yet" : "You are in no organization yet"}>
      {may("keys:create") ? (
        <>
          <p>A key lets a client call your API through the edge, or this control plane. You can limit, rotate and revoke it at any time.</p>
          <a class="button primary" href="/keys/new">
            Create the first one
          </a>
        </>
      ) : (
        <p>{organization.value ? "Nobody has created one." : "Ask an Owner to add you, or create an organization."}</p>
      )}
    </Empty>
  );
}
