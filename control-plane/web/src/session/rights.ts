/** What the person may do in the chosen organization, so that no button is shown that would fail. */

import { computed, signal } from "@preact/signals";
import type { Schemas } from "../api/client.ts";
import { me } from "./session.ts";

export type Permission = Schemas["UserInfo"]["permissions"][number];
type Role = NonNullable<Schemas["CallerPlace"]["role"]>;

/** What each role may do, as the table in docs/api.md says. The server decides; this only chooses what is shown. */
const OF_ROLE: Record<Role, readonly Permission[]> = (() => {
  const viewer: Permission[] = ["keys:read", "members:read", "groups:read"];
  const developer: Permission[] = [...viewer, "keys:create"];
  const admin: Permission[] = [
    ...developer,
    "keys:manage",
    "keys:assign_groups",
    "members:manage",
    "groups:manage",
    "audit:read",
  ];
  return { viewer, developer, admin, owner: admin };
})();

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

const permissions = computed<ReadonlySet<Permission>>(() => {
  const who = me.value;
  if (!who) return new Set();
  if (isPlatformAdmin.value) return new Set(OF_ROLE.owner);
  if (role.value) return new Set(OF_ROLE[role.value]);
  return new Set(who.org_id === organization.value ? who.permissions : []);
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
