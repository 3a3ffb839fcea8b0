/** Where in the page somebody is. A router of its own, because leaving a key that is shown once has to be asked about. */

import { computed, signal } from "@preact/signals";

const here = () => location.pathname + location.search;

export const address = signal(here());
const url = computed(() => new URL(address.value, "http://here"));
export const path = computed(() => url.value.pathname);
export const query = computed(() => url.value.searchParams);

/** Asks whether the present page may be left. */
type Guard = () => Promise<boolean>;
let guard: Guard | null = null;

/** Whoever leaves is asked, until what is returned is called. */
export function guardLeaving(ask: Guard): () => void {
  guard = ask;
  const warn = (event: BeforeUnloadEvent) => event.preventDefault();
  window.addEventListener("beforeunload", warn);
  return () => {
    guard = null;
    window.removeEventListener("beforeunload", warn);
  };
}

export async function navigate(to: string, { replace = false } = {}): Promise<void> {
  if (to === address.value) return;
  const isSamePage = new URL(to, "http://here").pathname === path.value;
  if (guard && !isSamePage && !(await guard())) return;
  if (!isSamePage) guard = null;
  history[replace ? "replaceState" : "pushState"](null, "", to);
  address.value = here();
  if (!isSamePage) window.scrollTo(0, 0);
}

/** Changes parameters of the present page; null takes one away. */
export function setQuery(changes: Record<string, string | null>): void {
  const next = new URLSearchParams(query.value);
  for (const [name, value] of Object.entries(changes)) {
    if (value) next.set(name, value);
    else next.delete(name);
  }
  const text = next.toString();
  void navigate(path.value + (text && `?${text}`), { replace: true });
}

window.addEventListener("popstate", async () => {
  const wanted = here();
  if (guard) {
    // The browser has moved on already; what is asked about is still shown.
    history.pushState(null, "", address.value);
    return void navigate(wanted);
  }
  address.value = wanted;
});

/** Links within the page change what is shown and load nothing. */
export function followLink(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = (event.target as Element).closest("a");
  if (!link || link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
  if (link.pathname.startsWith("/api/") || link.hash) return;
  event.preventDefault();
  void navigate(link.pathname + link.search);
}

/** The parameters in `path` if it looks like `pattern`, such as `/keys/:id`. */
export function match(pattern: string, path: string): Record<string, string> | null {
  const wanted = pattern.split("/");
  const given = path.replace(/\/$/, "").split("/");
  if (wanted.length !== given.length) return null;
  const parameters: Record<string, string> = {};
  for (const [place, part] of wanted.entries()) {
    const text = given[place] ?? "";
    if (part.startsWith(":")) parameters[part.slice(1)] = decodeURIComponent(text);
    else if (part !== text) return null;
  }
  return parameters;
}
