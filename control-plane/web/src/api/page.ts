/** Pages of a list, which the server links to each other with opaque cursors. */

export interface Page<T> {
  items: T[];
  /** Leads to the next page. */
  next: string | null;
  /** How many there are on all pages, where that was asked for. */
  total: number | null;
}

export async function pageOf<T>(answer: Promise<{ data?: T[] | string; response: Response }>): Promise<Page<T>> {
  const { data, response } = await answer;
  const total = response.headers.get("Keyward-Total-Count");
  return { items: Array.isArray(data) ? data : [], next: cursorIn(response.headers.get("Link")), total: total === null ? null : Number(total) };
}

/** The cursor of the link to the next page (RFC 8288). */
export function cursorIn(link: string | null): string | null {
  const next = link?.match(/<([^>]*)>\s*;\s*rel="?next"?/)?.[1];
  return next ? new URL(next, "http://here").searchParams.get("cursor") : null;
}
