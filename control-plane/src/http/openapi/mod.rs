//! The description of the API: OpenAPI 3.1, made of the same table and types that answer.
//!
//! `keyward openapi` prints it, `openapi.json` beside the sources is what it printed last, and a test compares the two.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::operations::endpoint;
use crate::domain::Operation;

mod entries;
mod entry;
mod page;
mod parameters;
mod refusals;
mod schemas;
mod service;

use schemas::Schemas;

pub(super) use entry::Entry;
pub(super) use service::router;

/// The whole description.
pub fn document() -> Value {
    let mut schemas = Schemas::new();
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for operation in Operation::ALL {
        let (of_operation, verb) = endpoint(operation);
        for (index, path) in of_operation.iter().enumerate() {
            let described = describe(operation, index, path, &mut schemas);
            paths
                .entry(path)
                .or_default()
                .insert(verb.method.to_owned(), described);
        }
    }
    for (path, described) in service::described(&mut schemas) {
        paths.entry(path).or_default().insert("get".into(), described);
    }
    let _problem = schemas.written::<super::problem::Document<'_>>();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Keyward",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "API keys, issued here and enforced at the edge.",
            "description": "JSON in, JSON out. Every call carries one credential; two at once are a 400. Unknown fields \
                            are refused. Times are UTC in whole seconds. Errors are problem documents (RFC 9457).",
        },
        "servers": [{ "url": "/" }],
        "security": [{ "bearer": [] }, { "static_key": [] }, { "session": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The admin token, a user token (JWT) of the configured issuer, or an API key in a group.",
                },
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "__Host-keyward_session",
                    "description": "The web page's, from POST /api/v1/session. Requests that change something carry `X-CSRF-Token` besides, and \
                                    come from the page's own origin.",
                },
                "static_key": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Api-Key",
                    "description": "The legacy static key, `<organization id>|<random>`. Deprecated, and off unless it is configured.",
                },
            },
            "headers": refusals::headers(),
            "responses": refusals::components(),
            "schemas": schemas.components(),
        },
    })
}

fn describe(operation: Operation, index: usize, path: &str, schemas: &mut Schemas) -> Value {
    let entry = entries::entry(operation);
    let mut described = json!({
        "operationId": operation_id(operation, index),
        "tags": [tag(path)],
        "summary": entry.summary,
        "responses": responses(path, &entry, schemas),
    });
    if !entry.takes_credential {
        described["security"] = json!([]);
    }
    if !entry.detail.is_empty() {
        described["description"] = entry.detail.into();
    }
    let mut parameters: Vec<Value> = parameters::names_in(path)
        .map(|name| parameters::of_path(name, schemas))
        .collect();
    // What the path says, the query need not say again.
    let has_place = path.contains("{org_id}");
    for parameter in &entry.query {
        if !(has_place && parameter.name == super::query::ORGANIZATION) {
            let schema = (parameter.schema)(schemas);
            let (name, meaning) = (parameter.name, parameter.meaning);
            parameters.push(json!({ "name": name, "in": "query", "description": meaning, "schema": schema }));
        }
    }
    if entry.repeats {
        parameters.push(parameters::idempotency_key(schemas));
    }
    if !parameters.is_empty() {
        described["parameters"] = parameters.into();
    }
    if let Some(body) = &entry.body {
        let examples = body.examples.iter();
        let examples: Map<String, Value> = examples
            .map(|(name, value)| ((*name).to_owned(), json!({ "value": value })))
            .collect();
        let mut content = json!({ "schema": (body.schema)(schemas) });
        if !examples.is_empty() {
            content["examples"] = examples.into();
        }
        described["requestBody"] =
            json!({ "required": body.is_required, "content": { "application/json": content } });
    }
    described
}

fn responses(path: &str, entry: &Entry, schemas: &mut Schemas) -> Map<String, Value> {
    let mut responses: Map<String, Value> = refusals::of(path, entry)
        .map(|status| (status.to_string(), refusals::reference(status)))
        .collect();
    for answer in &entry.answers {
        let mut headers = json!({ "Keyward-Request-Id": refusals::header("Keyward-Request-Id") });
        if entry.propagates {
            headers["Keyward-Propagation"] = refusals::header("Keyward-Propagation");
        }
        if entry.repeats {
            headers["Idempotency-Replayed"] = refusals::header("Idempotency-Replayed");
        }
        if entry
            .query
            .iter()
            .any(|parameter| parameter.name == super::paging::LIMIT)
        {
            headers["Link"] = refusals::header("Link");
        }
        let Some(schema) = answer.schema else {
            let response = json!({ "description": answer.meaning, "headers": headers });
            responses.insert(answer.status.to_string(), response);
            continue;
        };
        let mut content = json!({ "schema": schema(schemas) });
        if let Some(example) = &answer.example {
            content["example"] = example.clone();
        }
        let mut content = json!({ answer.media_type: content });
        if let Some(lines) = answer.lines {
            content[lines] = json!({ "schema": { "type": "string" } });
        }
        let response = json!({ "description": answer.meaning, "headers": headers, "content": content });
        responses.insert(answer.status.to_string(), response);
    }
    responses
}

/// An operation at a second path needs a second name.
fn operation_id(operation: Operation, index: usize) -> String {
    let name = operation.name();
    if index > 0 {
        format!("{name}_{}", index + 1)
    } else {
        name
    }
}

/// What an operation stands under: the last collection that its path names.
fn tag(path: &str) -> &'static str {
    const TAGS: [(&str, &str); 9] = [
        ("/api-keys", "Keys of an organization"),
        ("/members", "Members"),
        ("/keys", "Keys"),
        ("/groups", "Groups"),
        ("/audit", "Audit"),
        ("/leaks", "Leaks"),
        ("/organizations", "Organizations"),
        ("/userinfo", "Caller"),
        ("/session", "Session"),
    ];
    let found = TAGS.into_iter().find(|(part, _)| path.contains(part));
    found.map_or("Service", |(_, tag)| tag)
}

#[cfg(test)]
mod tests;
