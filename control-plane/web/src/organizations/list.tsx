import { useState } from "preact/hooks";
import { api, type Schemas } from "../api/client.ts";
import { useLoad } from "../api/load.ts";
import { pageOf } from "../api/page.ts";
import { Problem, sentenceOf } from "../api/problem.ts";
import { navigate } from "../routing/router.ts";
import { isPerson, organization } from "../session/rights.ts";
import { resume } from "../session/session.ts";
import { Heading } from "../shell/heading.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { Field } from "../ui/field.tsx";
import { Pager, usePages } from "../ui/pager.tsx";
import { Badge, Empty, Notice, Show } from "../ui/state.tsx";
import { Time } from "../ui/time.tsx";

const PAGE_SIZE = 50;

export default function Organizations() {
  const pages = usePages("");
  const [isCreating, setCreating] = useState(false);
  const list = useLoad(
    (signal) =>
      pageOf(api.GET("/api/v1/organizations", { params: { query: { limit: PAGE_SIZE, ...(pages.cursor ? { cursor: pages.cursor } : {}) } }, signal })),
    [pages.cursor],
  );
  return (
    <>
      <Heading title="Organizations">
        {isPerson.value && (
          <button type="button" class="button primary" onClick={() => setCreating(true)}>
            Create organization
          </button>
        )}
      </Heading>
      <Show of={list}>
        {(page) =>
          page.items.length === 0 ? (
            <Empty title="You are in no organization">
              <p>Ask an Owner to add you{isPerson.value ? ", or create one" : ""}.</p>
            </Empty>
          ) : (
            <>
              <div class="table-frame">
                <table class="cards" role="table">
                  <thead role="rowgroup">
                    <tr role="row">
                      <th role="columnheader">Name</th>
                      <th role="columnheader">Your role</th>
                      <th role="columnheader">Created</th>
                    </tr>
                  </thead>
                  <tbody role="rowgroup">
                    {page.items.map((one) => (
                      <tr role="row" key={one.organization_id}>
                        <th role="rowheader" scope="row" class="name">
                          <span>
                            <a href={`/organizations/${one.organization_id}`}>{one.name}</a>{" "}
                            {one.organization_id === organization.value && <Badge tone="accent">Chosen</Badge>}
                            {one.suspended_at !== null && <Badge tone="danger">Suspended</Badge>}
                          </span>
                        </th>
                        <td role="cell" data-label="Your role">{one.role ?? "–"}</td>
                        <td role="cell" data-label="Created">
                          <Time at={one.created_at} />
                          <small class="muted clipped">{one.created_by}</small>
                        </td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
              <Pager pages={pages} size={PAGE_SIZE} shown={page.items.length} next={page.next} busy={list.busy} />
            </>
          )
        }
      </Show>
      {isCreating && <Create onClose={() => setCreating(false)} />}
    </>
  );
}

function Create(props: { onClose: () => void }) {
  const [name, setName] = useState("");
  const [error, setError] = useState<unknown>();
  const [isBusy, setBusy] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    try {
      const { data } = await api.POST("/api/v1/organizations", { body: { name: name.trim() } });
      const created = data as Schemas["OrganizationInfo"];
      // Where the person belongs has changed.
      await resume();
      props.onClose();
      await navigate(`/organizations/${created.organization_id}`);
    } catch (error) {
      setError(error);
      setBusy(false);
    }
  };
  const isOfName = error instanceof Problem && error.field === "name";
  return (
    <Dialog title="Create organization" onClose={() => isBusy || props.onClose()}>
      <form class="stack" onSubmit={submit} noValidate>
        <Field label="Name" hint="You become its Owner." fault={isOfName ? sentenceOf(error) : null}>
          {(field) => <input {...field} value={name} onInput={(event) => setName(event.currentTarget.value)} autocomplete="off" />}
        </Field>
        {error !== undefined && !isOfName && <Notice tone="danger">{sentenceOf(error)}</Notice>}
        <footer class="actions">
          <button type="button" class="button" onClick={props.onClose} disabled={isBusy}>
            Cancel
          </button>
          <button type="submit" class="button primary" disabled={isBusy || !name.trim()} aria-busy={isBusy}>
            Create
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
