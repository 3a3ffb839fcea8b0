//! The description as a page: one HTML document without a script, which asks no other host for anything.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

mod schema;

const STYLE: &str = include_str!("style.css");

/// What a browser may do with the page: show it, in the style that stands in it.
pub(super) fn policy() -> String {
    let style = STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

/// The page.
pub(super) fn render(document: &Value) -> String {
    let mut tags: Vec<(&str, String)> = Vec::new();
    for (path, methods) in members(&document["paths"]) {
        for (method, operation) in members(methods) {
            let tag = operation["tags"][0].as_str().unwrap_or_default();
            let shown = operation_of(path, method, operation, document);
            match tags.iter_mut().find(|(known, _)| *known == tag) {
                Some((_, operations)) => operations.push_str(&shown),
                None => tags.push((tag, shown)),
            }
        }
    }
    let operations: String = tags
        .iter()
        .map(|(tag, operations)| format!("<h2>{}</h2>{operations}", escaped(tag)))
        .collect();
    let schemas: String = members(&document["components"]["schemas"])
        .map(|(name, schema)| {
            let name = escaped(name);
            format!(
                "<details id=\"schema-{name}\"><summary><code>{name}</code></summary>{}</details>",
                schema::table(schema)
            )
        })
        .collect();
    let info = &document["info"];
    let schemes: String = members(&document["components"]["securitySchemes"])
        .map(|(name, scheme)| {
            format!(
                "<li><code>{}</code>: {}</li>",
                escaped(name),
                text(&scheme["description"])
            )
        })
        .collect();
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title} API</title><style>{STYLE}</style></head>\
         <body><h1>{title} API {version}</h1><p>{description}</p><p>For programs: \
         <a href=\"/api/openapi.json\">openapi.json</a></p><h2>Credentials</h2><ul>{schemes}</ul>{operations}\
         <h2>Schemas</h2>{schemas}</body></html>",
        title = text(&info["title"]),
        version = text(&info["version"]),
        description = text(&info["description"]),
    )
}

fn operation_of(path: &str, method: &str, operation: &Value, document: &Value) -> String {
    let parameters: String = operation["parameters"]
        .as_array()
        .into_iter()
        .flatten()
        .map(parameter)
        .collect();
    let parameters = if parameters.is_empty() {
        parameters
    } else {
        format!("<table><tr><th>Parameter<th>In<th>Type<th></tr>{parameters}</table>")
    };
    let answers: String = members(&operation["responses"])
        .map(|(status, answer)| answer_of(status, resolved(answer, document)))
        .collect();
    format!(
        "<details id=\"{id}\"><summary><code>{method} {path}</code> {summary}</summary><p>{description}</p>{parameters}{body}\
         <table><tr><th>Status<th>Body<th></tr>{answers}</table></details>",
        id = text(&operation["operationId"]),
        method = escaped(&method.to_uppercase()),
        path = escaped(path),
        summary = text(&operation["summary"]),
        description = text(&operation["description"]),
        body = body_of(&operation["requestBody"]),
    )
}

fn parameter(parameter: &Value) -> String {
    format!(
        "<tr><td><code>{}</code><td>{}<td>{}<td>{}</tr>",
        text(&parameter["name"]),
        text(&parameter["in"]),
        schema::kind(&parameter["schema"]),
        text(&parameter["description"]),
    )
}

fn body_of(body: &Value) -> String {
    let content = &body["content"]["application/json"];
    if content.is_null() {
        return String::new();
    }
    let optional = if body["required"] == true {
        ""
    } else {
        ", which may be left out"
    };
    let examples: String = members(&content["examples"])
        .map(|(name, example)| format!("<p>Example: {}</p>{}", escaped(name), code(&example["value"])))
        .collect();
    format!(
        "<p>Body: {}{optional}</p>{examples}",
        schema::kind(&content["schema"])
    )
}

fn answer_of(status: &str, answer: &Value) -> String {
    let content: String = members(&answer["content"])
        .map(|(_, content)| {
            let example = content.get("example").map(code).unwrap_or_default();
            format!("{}{example}", schema::kind(&content["schema"]))
        })
        .collect();
    let meaning = text(&answer["description"]);
    format!("<tr><td>{}<td>{content}<td>{meaning}</tr>", escaped(status))
}

/// What a reference within the document leads to.
fn resolved<'a>(value: &'a Value, document: &'a Value) -> &'a Value {
    let pointer = value["$ref"]
        .as_str()
        .and_then(|reference| reference.strip_prefix('#'));
    pointer
        .and_then(|pointer| document.pointer(pointer))
        .unwrap_or(value)
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

fn code(value: &Value) -> String {
    format!("<pre>{}</pre>", escaped(&format!("{value:#}")))
}

fn text(value: &Value) -> String {
    escaped(value.as_str().unwrap_or_default())
}

/// Text that no reader takes for markup.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
