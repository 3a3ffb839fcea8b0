import { api } from "../api/client.ts";
import { useLoad } from "../api/load.ts";
import { pageOf } from "../api/page.ts";
import { EventList } from "../audit/events.tsx";
import { organization } from "../session/rights.ts";
import { Pager, usePages } from "../ui/pager.tsx";
import { Show } from "../ui/state.tsx";

const PAGE_SIZE = 10;

/** What was done with one thing, the latest first. */
export function Trail(props: { target: string; revision: number }) {
  const { target } = props;
  const pages = usePages(target);
  const events = useLoad(
    (signal) => {
      const at = { ...(pages.cursor ? { cursor: pages.cursor } : {}), ...(organization.value ? { organization_id: organization.value } : {}) };
      return pageOf(api.GET("/api/v1/audit", { params: { query: { target, limit: PAGE_SIZE, ...at } }, signal }));
    },
    [target, pages.cursor, props.revision],
  );
  return (
    <section class="card" aria-labelledby="trail" aria-busy={events.busy}>
      <h2 id="trail">Audit trail</h2>
      <Show of={events} lines={4}>
        {(page) => (
          <>
            <EventList events={page.items} />
            <Pager pages={pages} size={PAGE_SIZE} shown={page.items.length} next={page.next} busy={events.busy} />
          </>
        )}
      </Show>
    </section>
  );
}
