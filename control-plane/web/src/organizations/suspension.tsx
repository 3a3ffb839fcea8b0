import { api, type Schemas } from "../api/client.ts";
import { propagationOf } from "../keys/operations.ts";
import { Confirm } from "../ui/confirm.tsx";
import { toast } from "../ui/toast.tsx";

interface Props {
  of: Schemas["OrganizationInfo"];
  onClose: () => void;
  onDone: () => void;
}

/** Suspends an organization, or resumes one that is suspended. */
export function Suspension({ of: organization, onClose, onDone }: Props) {
  const isSuspended = organization.suspended_at !== null;
  const confirm = async () => {
    const params = { path: { org_id: organization.organization_id } };
    const { response } = isSuspended
      ? await api.POST("/api/v1/organizations/{org_id}/resume", { params })
      : await api.POST("/api/v1/organizations/{org_id}/suspend", { params });
    const { tone, sentence } = propagationOf(response);
    const rest = response.status === 202 ? "Some of its keys follow in the background." : sentence;
    toast(`“${organization.name}” is ${isSuspended ? "resumed" : "suspended"}. ${rest}`, tone);
    onDone();
  };
  return isSuspended ? (
    <Confirm title="Resume organization" action="Resume" typed={organization.name} onClose={onClose} onConfirm={confirm}>
      <p>Its keys are again what they were before. Keys that were deactivated or revoked stay so.</p>
    </Confirm>
  ) : (
    <Confirm title="Suspend organization" action="Suspend" danger typed={organization.name} onClose={onClose} onConfirm={confirm}>
      <p>
        Every key of <strong class="breakable">{organization.name}</strong> is refused, here and at the edge, and none can be made, rotated or activated until it is resumed.
      </p>
    </Confirm>
  );
}
