import { api, bodyOf } from "../api/client.ts";
import { useLoad } from "../api/load.ts";
import { choose, isPlatformAdmin, organization } from "../session/rights.ts";
import { me } from "../session/session.ts";

/** How many the platform admin can choose from here; the page of organizations has all. */
const OFFERED = 200;

/** Which organization the pages are about, where there are several to choose from. */
export function OrganizationChoice() {
  const own = me.value?.organizations ?? [];
  const isAdmin = isPlatformAdmin.value;
  const all = useLoad(
    async (signal) =>
      isAdmin ? bodyOf(api.GET("/api/v1/organizations", { params: { query: { limit: OFFERED } }, signal })) : [],
    [isAdmin],
  );
  const offered = isAdmin && all.data?.length ? all.data : own;
  if (offered.length < 2) {
    return offered[0] ? <p class="organization-name" title={offered[0].name}>{offered[0].name}</p> : null;
  }
  const isAmong = offered.some((one) => one.organization_id === organization.value);
  return (
    <label class="organization-choice">
      <span class="visually-hidden">Organization</span>
      <select value={organization.value ?? ""} onChange={(event) => choose(event.currentTarget.value)}>
        {!isAmong && <option value={organization.value ?? ""}>{organization.value?.slice(0, 8)}…</option>}
        {offered.map(({ organization_id, name }) => (
          <option key={organization_id} value={organization_id}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}
