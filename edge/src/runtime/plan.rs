//! Plans on their way to the entry, and what TypeScript calls them.

use serde::Serialize;
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use crate::plan::{Forward, Plan};

/// [`Plan`] and what it is made of, as the entry sees them. The documentation is there.
#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r"
export type Fields = [name: string, value: string][];

export type Plan = { answer: Answer } | Refuse | Forward;

export interface Answer {
    status: number;
    headers: Fields;
    body: string;
}

export interface Refuse {
    refused: Refused;
    requestId: string;
}

export interface Refused {
    status: number;
    headers: Headers;
    idField: string;
    problem: [before: string, after: string] | null;
}

export interface Forward {
    way: Way;
    requestId: string;
    limits: string;
    path: string;
}

export interface Way {
    base: string;
    set: Fields;
    idField: string;
    hasBody: boolean;
    noStore: boolean;
    timeoutMs: number;
    streamMaxAgeMs: number;
    answer: AnswerEdits;
}

export interface AnswerEdits {
    removed: string[];
    removedPrefix: string | null;
    set: Fields;
    appended: Fields;
    private: string | null;
    limitsField: string;
}
";

#[wasm_bindgen(module = "/src/runtime/plan.js")]
extern "C" {
    fn way(json: &str) -> JsValue;
    fn refused(json: &str) -> JsValue;
    fn answer(json: &str) -> JsValue;
    fn refuse(refused: &JsValue, request_id: &str) -> JsValue;
    fn forward(way: &JsValue, texts: &str, limits_at: usize, path_at: usize) -> JsValue;
}

/// Hands a plan over.
pub(super) fn hand_over(plan: &Plan) -> JsValue {
    match plan {
        Plan::Answer(whole) => answer(&json(whole)),
        Plan::Refuse(common, request_id) => {
            let made = || refused(&json(&**common));
            let id = request_id.to_string();
            common.handed_over.with(made, |made| refuse(made, &id))
        }
        Plan::Forward(Forward {
            way: common,
            request_id,
            limits,
            path,
        }) => {
            // Id and limits are ASCII, so that the script counts them as we do.
            let mut texts = request_id.to_string();
            let limits_at = texts.len();
            texts += limits;
            let path_at = texts.len();
            texts += path;
            let made = || way(&json(&**common));
            common
                .handed_over
                .with(made, |made| forward(made, &texts, limits_at, path_at))
        }
    }
}

/// As one text, since each part by itself would cost a call.
fn json(value: &impl Serialize) -> String {
    // Names, numbers and texts: nothing of a plan can fail to serialise.
    serde_json::to_string(value).unwrap_or_default()
}
