//! The description of the API against the API.

use std::collections::BTreeSet;

use axum::http::header;
use keyward_control_plane::domain::Operation;
use serde_json::Value;

use crate::{
    cast::{Stage, Who},
    keys::DEFAULT,
    service::Service,
    table::{Things, request},
};

/// The document, as it is served to somebody without a credential.
async fn document(service: &Service) -> Value {
    let answer = service.send("GET", "/api/openapi.json", &[], None).await;
    assert_eq!(answer.headers[header::CONTENT_TYPE], "application/json");
    answer.expect(200)
}

/// The operation that the document has for a request.
fn described<'a>(document: &'a Value, method: &str, path: &str) -> &'a Value {
    let path = path.split('?').next().unwrap();
    let matches = |template: &str| {
        let (given, known) = (path.split('/'), template.split('/'));
        given.clone().count() == known.clone().count()
            && given
                .zip(known)
                .all(|(given, known)| known.starts_with('{') || given == known)
    };
    let paths = document["paths"].as_object().unwrap();
    // Of several the one with the fewest names.
    let found = paths
        .iter()
        .filter(|(template, _)| matches(template))
        .min_by_key(|(template, _)| template.matches('{').count());
    let (template, methods) = found.unwrap_or_else(|| panic!("{path} is not described"));
    methods
        .get(method.to_lowercase())
        .unwrap_or_else(|| panic!("{method} {template} is not described"))
}

/// A handler that reads its query says which parameters it knows; the others read none.
#[tokio::test]
async fn the_query_parameters_are_those_that_handlers_know() {
    let stage = Stage::set().await;
    let document = document(&stage.service).await;
    for operation in Operation::ALL {
        let things = Things::new(&stage, DEFAULT, "dev").await;
        let (method, path, body) = request(operation, &things);
        let operation_of = described(&document, method, &path);
        let parameters = operation_of["parameters"].as_array().into_iter().flatten();
        let told: BTreeSet<_> = parameters
            .filter(|parameter| parameter["in"] == "query")
            .map(|parameter| parameter["name"].as_str().unwrap().to_owned())
            .collect();
        let path = path.split('?').next().unwrap();
        let answer = stage
            .ask(Who::Platform, method, &format!("{path}?zzz=1"), body.as_ref())
            .await;
        let detail = answer.body["detail"].as_str().unwrap_or_default();
        let known: BTreeSet<_> = match detail.split_once("expected ") {
            Some((_, known)) if answer.status == 400 => known
                .trim_end_matches('.')
                .split(", ")
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
                .collect(),
            _ => BTreeSet::new(),
        };
        assert_eq!(told, known, "{operation:?}: {answer:?}");
    }
}

/// What the document says of a body is what handlers check: each required field is missed, each unknown one refused.
#[tokio::test]
async fn bodies_are_read_as_described() {
    let stage = Stage::set().await;
    let document = document(&stage.service).await;
    for operation in Operation::ALL {
        let things = Things::new(&stage, DEFAULT, "dev").await;
        let (method, path, body) = request(operation, &things);
        let described = &described(&document, method, &path)["requestBody"];
        let Some(schema) = described["content"]["application/json"]["schema"]["$ref"].as_str() else {
            assert!(body.is_none(), "{operation:?} has a body that is not described");
            continue;
        };
        let schema = document.pointer(&schema[1..]).unwrap();
        // Whoever signs in sends its credential in the body alone.
        let who = match operation {
            Operation::StartSession => Who::Anonymous,
            _ => Who::Platform,
        };
        let mut with_more = body.clone().unwrap_or_else(|| serde_json::json!({}));
        with_more["zzz"] = 1.into();
        let answer = stage.ask(who, method, &path, Some(&with_more)).await;
        answer.expect_problem(400, "invalid_request");
        assert_eq!(
            (answer.body["field"].as_str(), &schema["additionalProperties"]),
            (Some("zzz"), &false.into()),
            "{operation:?}"
        );
        for required in schema["required"].as_array().into_iter().flatten() {
            let mut with_less = body.clone().unwrap();
            with_less
                .as_object_mut()
                .unwrap()
                .remove(required.as_str().unwrap());
            let answer = stage.ask(who, method, &path, Some(&with_less)).await;
            assert_eq!(
                (answer.status, &answer.body["field"]),
                (400, required),
                "{operation:?}"
            );
        }
    }
}

#[tokio::test]
async fn the_page_is_for_everybody_and_may_load_nothing() {
    let service = Service::start().await;
    let (status, headers, page) = service.text("/api/docs").await;
    assert_eq!(
        (status, headers[header::CONTENT_TYPE].as_bytes()),
        (200, &b"text/html; charset=utf-8"[..])
    );
    let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(
        policy.starts_with("default-src 'none'; style-src 'sha256-") && !policy.contains("unsafe"),
        "{policy}"
    );
    assert!(page.contains("POST /api/v1/keys"));
}
