//! `POST /api/v1/leaks`: a member tells of keys that it found where they should not be.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{StatusCode, Uri},
    response::Response,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{
    http::{
        App, Problem, body::Body, caller::Caller, change::Changed, names::Names, openapi::Entry,
        query::Parameters,
    },
    schema::{self, MAX_NOTE},
};

/// The most texts of one report.
const MAX_KEYS: usize = 100;
/// No key is shorter, in bytes; what is may stand in a sentence by chance.
const SHORTEST_KEY: usize = 8;

/// The body. Its fields are checked by hand, so that no fault repeats what is in them.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "LeakReport")]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Fields {
    #[schemars(with = "Vec<String>", length(min = 1, max = MAX_KEYS))]
    keys: Value,
    /// Where they were found, for people.
    #[serde(default)]
    #[schemars(with = "Option<schema::Note>")]
    source: Value,
}

/// The texts, and where they were found. They are credentials, so this does not print.
struct Report {
    keys: Vec<String>,
    source: Option<String>,
}

/// What was done about each text, in the order of the request.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "LeakedKeys")]
struct Told {
    known: usize,
    keys: Vec<Fate>,
}

/// What was done about one. Of a text that is no key's there is nothing to tell.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "LeakedKey")]
struct Fate {
    index: usize,
    known: bool,
    #[schemars(with = "Option<schema::Id>")]
    key_id: Option<String>,
    /// `revoked`, `deactivated`, `recorded` or `already_ended`.
    outcome: Option<&'static str>,
}

impl Report {
    fn read(fields: Fields) -> Result<Self, Problem> {
        let keys = match fields.keys {
            Value::Array(texts) => texts.into_iter().map(|text| match text {
                Value::String(text) => Some(text),
                _ => None,
            }),
            _ => return Err(wrong_keys()),
        };
        let keys: Vec<String> = keys.collect::<Option<_>>().ok_or_else(wrong_keys)?;
        if keys.is_empty() || keys.len() > MAX_KEYS {
            return Err(wrong_keys());
        }
        let source = match fields.source {
            Value::Null => None,
            Value::String(text) if is_source(&text, &keys) => Some(text),
            _ => {
                let rule = format!(
                    "must have at most {MAX_NOTE} visible characters, or be null, and hold none of the keys"
                );
                return Err(Problem::invalid(format!("`source` {rule}.")).of_field("source"));
            }
        };
        Ok(Self { keys, source })
    }
}

fn wrong_keys() -> Problem {
    Problem::invalid(format!("`keys` must be a list of 1 to {MAX_KEYS} texts.")).of_field("keys")
}

fn is_source(text: &str, keys: &[String]) -> bool {
    let is_visible = !text.chars().any(char::is_control) && text.chars().count() <= MAX_NOTE;
    is_visible
        && !keys
            .iter()
            .any(|key| key.len() >= SHORTEST_KEY && text.contains(key.as_str()))
}

/// Takes a report.
pub(in crate::http) async fn report(
    State(app): State<Arc<App>>,
    caller: Caller,
    names: Names,
    uri: Uri,
    Body(fields): Body<Fields>,
) -> Result<Response, Problem> {
    let parameters = Parameters::of_place(&uri, &names, &[])?;
    let organization = app.scope(&caller, &names, &parameters).await?;
    let Report { keys, source } = Report::read(fields)?;
    for _ in &keys {
        let asked = app.questions.take(&caller.owner(), app.clock.now());
        asked.map_err(Problem::too_many_questions)?;
    }
    let mut told = Map::new();
    told.insert("by".to_owned(), json!("member"));
    told.insert("source".to_owned(), json!(source));
    let (mut fates, mut changed) = (Vec::new(), Changed::default());
    for (index, text) in keys.iter().enumerate() {
        let leaked = app.leaked(caller.actor(), organization, text, &told).await?;
        fates.push(Fate {
            index,
            known: leaked.is_some(),
            key_id: leaked.as_ref().map(|leaked| leaked.key.to_string()),
            outcome: leaked.as_ref().map(|leaked| leaked.outcome.as_str()),
        });
        changed
            .dirty
            .extend(leaked.into_iter().flat_map(|leaked| leaked.changed.dirty));
    }
    let body = Told {
        known: fates.iter().filter(|fate| fate.known).count(),
        keys: fates,
    };
    Ok(app.answer(StatusCode::OK, Json(body), &changed).await)
}

/// How the description shows it.
pub(in crate::http) fn describe() -> Entry {
    let leak = json!({
        "keys": ["hk_live_AbCdEfGhIjKlMnOpQrStUvWxYz1234560mLq17AbCdEf"],
        "source": "a public repository",
    });
    let fate = json!({
        "index": 0, "known": true, "key_id": "550e8400-e29b-41d4-a716-446655440000", "outcome": "deactivated",
    });
    Entry::new(
        "Report leaked keys",
        "Each key is revoked, deactivated or only recorded, as its organization wants it. Of a text that is no key's, or another \
         organization's, there is nothing to tell.",
    )
    .in_place()
    .body::<Fields>(vec![("one key", leak)])
    .answers::<Told>(200, "What was done about each, in the order of the request.")
    .example(json!({ "known": 1, "keys": [fate] }))
    .propagates()
}
