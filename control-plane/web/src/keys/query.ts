/** What the table of keys shows: filters, order and search, kept in the address so that they survive a reload and can be sent to others. */

import { api } from "../api/client.ts";
import { type Page, pageOf } from "../api/page.ts";
import { query, setQuery } from "../routing/router.ts";
import { organization } from "../session/rights.ts";
import type { Key } from "./model.ts";

export const PAGE_SIZE = 50;

export const FILTERS = ["search", "status", "service_id", "environment", "kind", "user_id", "group"] as const;
export type Filter = (typeof FILTERS)[number];

export const SORTS = ["name", "created_at", "last_used_at", "expires_at"] as const;
export type Sort = (typeof SORTS)[number];

const DEFAULT_SORT = "-created_at";

export const filterOf = (name: Filter): string => query.value.get(name) ?? "";
export const setFilter = (name: Filter, value: string): void => setQuery({ [name]: value || null });
export const isFiltered = (): boolean => FILTERS.some((name) => filterOf(name));
export const clearFilters = (): void => setQuery(Object.fromEntries(FILTERS.map((name) => [name, null])));

/** By which column the table is sorted, and whether the greatest comes first. */
export function order(): { by: string; descending: boolean } {
  const sort = query.value.get("sort") ?? DEFAULT_SORT;
  return { by: sort.replace(/^-/, ""), descending: sort.startsWith("-") };
}

/** The other way round where it is sorted by that already. Times begin with the latest, names with A. */
export function sortBy(column: Sort): void {
  const { by, descending } = order();
  const next = by === column ? !descending : column !== "name";
  const sort = (next ? "-" : "") + column;
  setQuery({ sort: sort === DEFAULT_SORT ? null : sort });
}

/** The parameters of the request, all but the place in the list. */
export function question(): Record<string, string> {
  const parameters: Record<string, string> = {};
  for (const name of FILTERS) {
    const value = filterOf(name).trim();
    if (value) parameters[name] = value;
  }
  if (organization.value) parameters.organization_id = organization.value;
  const sort = query.value.get("sort");
  if (sort) parameters.sort = sort;
  return parameters;
}

export function fetchPage(question: Record<string, string>, cursor: string | null, signal: AbortSignal): Promise<Page<Key>> {
  const parameters = { ...question, limit: PAGE_SIZE, ...(cursor ? { cursor } : {}) };
  return pageOf(api.GET("/api/v1/keys", { params: { query: parameters }, signal }));
}

/** How many keys the filters let through. No page waits for that. */
export async function fetchCount(question: Record<string, string>, signal: AbortSignal): Promise<number | null> {
  const { sort: _, ...filters } = question;
  const parameters = { ...filters, limit: 1, count: true };
  return (await pageOf(api.GET("/api/v1/keys", { params: { query: parameters }, signal }))).total;
}

/** Every key that the filters let through. */
export async function fetchAll(question: Record<string, string>): Promise<Key[]> {
  return (await api.GET("/api/v1/keys", { params: { query: question } })).data ?? [];
}
