/** What the person may do in the chosen organization, so that no button is shown that would fail. */

import { computed, signal } from "@preact/signals";
import type { Schemas } from "../api/client.ts";
import { me } from "./session.ts";

export type Permission = Schemas["UserInfo"]["permissions"][number];
type Role = NonNullable<Schemas["CallerPlace"]["role"]>;

const REMEMBERED = "keyward.organization";
const chosen = signal<string | null>(localStorage.getItem(REMEMBERED));

/** The organization that the pages are about. */
export const organization = computed<string | null>(() => {
  const who = me.value;
  if (!who) return null;
  const known = who.organizations.map((place) => place.organization_id);
  const isKnown = chosen.value !== null && (isPlatformAdmin.value || known.includes(chosen.value));
  return isKnown ? chosen.value : (who.org_id ?? known[0] ?? null);
});

export function choose(id: string): void {
  localStorage.setItem(REMEMBERED, id);
  chosen.value = id;
}

export const isPlatformAdmin = computed(() => me.value?.kind === "platform_admin");

/** Only persons own and create organizations. */
export const isPerson = computed(() => me.value?.kind === "user" || isPlatformAdmin.value);

export const role = computed<Role | null>(() => placeOf(organization.value)?.role ?? null);

/** As the server says of the chosen organization; the platform admin may do the same in all. */
const permissions = computed<ReadonlySet<Permission>>(() => {
  const place = isPlatformAdmin.value ? me.value : placeOf(organization.value);
  return new Set(place?.permissions ?? []);
});

export const may = (permission: Permission): boolean => permissions.value.has(permission);

/** A Developer manages the keys it owns, an Admin all. */
export function mayManage(key: { user_id: string }): boolean {
  return may("keys:manage") || (may("keys:create") && key.user_id === me.value?.id);
}

const RANK: readonly Role[] = ["viewer", "developer", "admin", "owner"];

/** The roles that the person may give and take: none above its own. */
export function grantableRoles(): readonly Role[] {
  if (isPlatformAdmin.value) return RANK;
  if (!may("members:manage")) return [];
  return role.value ? RANK.slice(0, RANK.indexOf(role.value) + 1) : me.value?.is_admin ? RANK.slice(0, 3) : RANK.slice(0, 1);
}

function placeOf(id: string | null) {
  return me.value?.organizations.find((place) => place.organization_id === id);
}
