//! The vectors of `shared/vectors/vectors.json`, which an independent implementation made. The same test runs natively
//! and inside WebAssembly: `cargo test -p keyward-shared [--target wasm32-wasip1]`.

use keyward_shared::{Environment, Family};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

mod decisions;
mod forwarding;
mod imported;
mod keys;
mod messages;
mod networks;
mod records;
mod requests;
mod times;

/// The file's parts. A part or a field that no test reads is an error, so that no vector goes unnoticed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(rename = "about")]
    _about: String,
    keys: Value,
    imported: Value,
    records: Value,
    networks: Value,
    credentials: Value,
    routes: Value,
    decisions: Value,
    reasons: Value,
    forwarding: Value,
    times: Value,
    messages: Value,
}

/// Reads one part of the file.
fn part<T: DeserializeOwned>(choose: impl FnOnce(Document) -> Value) -> T {
    let document = serde_json::from_str(include_str!("../../vectors/vectors.json"));
    let part = document.map(choose).and_then(serde_json::from_value);
    part.unwrap_or_else(|error| panic!("vectors.json is not what this test reads: {error}"))
}

/// Tries every case, and then fails with all that went wrong rather than the first of it.
fn check_all<T>(cases: &[T], check: impl Fn(&T) -> Result<(), String>) {
    assert!(!cases.is_empty(), "there is nothing to check");
    let wrong: Vec<String> = cases.iter().filter_map(|case| check(case).err()).collect();
    assert!(
        wrong.is_empty(),
        "{} of {} cases are wrong:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}

/// Compares what a case says with what the code says.
fn expect<T: PartialEq + core::fmt::Debug>(what: &str, vector: &T, ours: &T) -> Result<(), String> {
    if vector == ours {
        Ok(())
    } else {
        Err(format!("{what}: the vector has {vector:?}, the code {ours:?}"))
    }
}

/// A family as the vectors name it: `gateway`, or the environment of a service key.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum FamilyName {
    Gateway,
    #[serde(untagged)]
    Service(Environment),
}

impl From<FamilyName> for Family {
    fn from(name: FamilyName) -> Self {
        match name {
            FamilyName::Gateway => Self::Gateway,
            FamilyName::Service(environment) => Self::Service(environment),
        }
    }
}
