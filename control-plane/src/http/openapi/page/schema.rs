//! Schemas in words.

use serde_json::Value;

use super::{escaped, members, text};

/// The fields of an object, or what else it is.
pub(super) fn table(schema: &Value) -> String {
    let required = schema["required"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let fields: String = members(&schema["properties"])
        .map(|(name, field)| {
            let may_lack = if required.iter().any(|known| known == name) {
                ""
            } else {
                ", optional"
            };
            let (name, kind, meaning) = (escaped(name), kind(field), text(&field["description"]));
            format!("<tr><td><code>{name}</code><td>{kind}{may_lack}<td>{meaning}</tr>")
        })
        .collect();
    let meaning = text(&schema["description"]);
    if fields.is_empty() {
        return format!("<p>{meaning}</p><p>{}</p>", kind(schema));
    }
    format!("<p>{meaning}</p><table><tr><th>Field<th>Type<th></tr>{fields}</table>")
}

/// What a value looks like, in a few words.
pub(super) fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"]
        .as_str()
        .and_then(|reference| reference.rsplit('/').next())
    {
        let name = escaped(name);
        return format!("<a href=\"#schema-{name}\">{name}</a>");
    }
    if let Some(values) = schema["enum"].as_array() {
        return values
            .iter()
            .map(|value| format!("<code>{}</code>", escaped(&value.to_string())))
            .collect::<Vec<_>>()
            .join(" or ");
    }
    if let (Some(kinds), None) = (schema["anyOf"].as_array(), schema.get("type")) {
        return kinds.iter().map(kind).collect::<Vec<_>>().join(" or ");
    }
    let types = match &schema["type"] {
        Value::Array(types) => types
            .iter()
            .filter_map(Value::as_str)
            .collect::<Vec<_>>()
            .join(" or "),
        one => one.as_str().unwrap_or_default().to_owned(),
    };
    let mut shown = escaped(&types);
    if schema.get("items").is_some() {
        shown.push_str(&format!(" of {}", kind(&schema["items"])));
    }
    for (name, word) in [
        ("format", ""),
        ("minimum", "at least "),
        ("maximum", "at most "),
        ("maxItems", "entries: at most "),
        ("minLength", "characters: at least "),
        ("maxLength", "characters: at most "),
        ("pattern", "as in "),
    ] {
        match &schema[name] {
            Value::Null => {}
            Value::String(value) => shown.push_str(&format!(", {word}<code>{}</code>", escaped(value))),
            value => shown.push_str(&format!(", {word}{value}")),
        }
    }
    shown
}
