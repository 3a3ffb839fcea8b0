/** The text of a key that was made a moment ago. It is kept in this page alone, until somebody says that it is stored. */

import { signal } from "@preact/signals";
import type { Schemas } from "../api/client.ts";
import type { Propagation } from "./operations.ts";

interface Fresh {
  key_id: string;
  text: string;
  propagation: Propagation;
}

export const fresh = signal<Fresh | null>(null);

export function showOnce(created: Schemas["APIKeyResponse"], propagation: Propagation): void {
  fresh.value = { key_id: created.key_info.key_id, text: created.api_key, propagation };
}
