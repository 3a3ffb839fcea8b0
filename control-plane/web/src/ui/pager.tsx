import { useState } from "preact/hooks";

/** The cursors of the pages so far; the first has none. They belong to a question: another one begins anew. */
export function usePages(question: string) {
  const [state, setState] = useState<{ question: string; cursors: (string | null)[] }>({ question, cursors: [null] });
  const cursors = state.question === question ? state.cursors : [null];
  return {
    cursor: cursors.at(-1) ?? null,
    /** How many pages are before this one. */
    before: cursors.length - 1,
    next: (cursor: string) => setState({ question, cursors: [...cursors, cursor] }),
    previous: () => setState({ question, cursors: cursors.slice(0, -1) }),
  };
}

export function Pager(props: {
  pages: ReturnType<typeof usePages>;
  size: number;
  shown: number;
  next: string | null;
  total?: number | null | undefined;
  busy?: boolean;
}) {
  const { pages, next } = props;
  const first = pages.before * props.size;
  if (first === 0 && !next) {
    return <p class="pager-count muted">{props.shown === 1 ? "1 entry" : `${props.shown.toLocaleString()} entries`}</p>;
  }
  return (
    <nav class="pager" aria-label="Pages of the list">
      <span class="muted" role="status">
        {(first + 1).toLocaleString()}–{(first + props.shown).toLocaleString()}
        {props.total ? ` of ${props.total.toLocaleString()}` : ""}
      </span>
      <span>
        <button type="button" class="button small" disabled={pages.before === 0 || props.busy} onClick={pages.previous}>
          Previous
        </button>
        <button type="button" class="button small" disabled={!next || props.busy} onClick={() => next && pages.next(next)}>
          Next
        </button>
      </span>
    </nav>
  );
}
