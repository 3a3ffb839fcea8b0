// The Worker as it is deployed. Only its KeyGuard is counted.

import { KeyGuard as Guard } from "./keyward.js";
import { counted } from "./counted.js";

export { default } from "./keyward.js";
export { GuardCalls } from "./counted.js";

export const KeyGuard = counted(Guard);
