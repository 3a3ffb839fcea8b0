//! The REST API of the control plane, seen from outside. Each test has a control plane of its own, without an edge.

use libtest_mimic::Trial;
use serde_json::{Map, Value};

use crate::actors::Answer;

mod authentication;
mod create;
mod errors;
mod list;
mod update;

pub(super) fn all() -> Vec<Trial> {
    let parts = [
        create::all(),
        update::all(),
        list::all(),
        errors::all(),
        authentication::all(),
    ];
    parts.into_iter().flatten().collect()
}

/// Checks the problem document of an error.
#[track_caller]
fn check_problem(answer: &Answer, status: u16, code: &str) {
    assert!(answer.refuses(status, code), "not {status} {code}: {answer}");
    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json"),
        "{answer}"
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer}");
    let problem = answer.json();
    assert!(
        problem["detail"].as_str().is_some_and(|detail| detail.len() > 10),
        "{answer}"
    );
    assert_eq!(problem["status"], status);
    assert_eq!(problem["type"], format!("urn:keyward:problem:{code}"));
    assert_eq!(
        problem["request_id"].as_str(),
        answer.header("keyward-request-id")
    );
    assert!(problem["title"].is_string());
}

/// Checks that a request was refused for this field, and says so in its sentence.
#[track_caller]
fn check_field(answer: &Answer, field: &str) {
    check_problem(answer, 400, "invalid_request");
    let problem = answer.json();
    assert_eq!(problem["field"], field, "{answer}");
    let name = field.split('[').next().unwrap_or_default();
    assert!(
        problem["detail"]
            .as_str()
            .is_some_and(|detail| detail.contains(&format!("`{name}"))),
        "{answer}"
    );
}

/// An object with some of its fields replaced or added.
fn with(object: &Value, changes: &[(&str, Value)]) -> Value {
    let mut fields: Map<String, Value> = object.as_object().unwrap().clone();
    for (name, value) in changes {
        fields.insert((*name).to_owned(), value.clone());
    }
    Value::Object(fields)
}

/// An object without one of its fields.
fn without(object: &Value, name: &str) -> Value {
    let mut fields: Map<String, Value> = object.as_object().unwrap().clone();
    fields.remove(name);
    Value::Object(fields)
}
