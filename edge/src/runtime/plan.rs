//! Plans on their way to the entry, and what TypeScript calls them.

use wasm_bindgen::{JsValue, prelude::wasm_bindgen};
use worker::js_sys::JSON;

use crate::plan::Plan;

/// [`Plan`] and what it is made of, as the entry sees them. The documentation is there.
#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r"
export type Fields = [name: string, value: string][];

export type Plan = { answer: Answer; forward?: never } | { forward: Forward; answer?: never };

export interface Answer {
    status: number;
    headers: Fields;
    body: string;
}

export interface Forward {
    url: string;
    removed: string[];
    set: Fields;
    hasBody: boolean;
    noStore: boolean;
    timeoutMs: number;
    streamMaxAgeMs: number;
    answer: AnswerEdits;
    requestId: string;
}

export interface AnswerEdits {
    removed: string[];
    removedPrefix: string | null;
    set: Fields;
    appended: Fields;
    isPrivate: boolean;
}
";

/// Hands a plan over: as one text, since each part by itself would cost a call.
pub(super) fn hand_over(plan: &Plan) -> JsValue {
    // Names, numbers and texts: nothing in a plan can fail to serialise, or to be read as JSON again.
    JSON::parse(&serde_json::to_string(plan).unwrap_or_default()).unwrap_or_default()
}
