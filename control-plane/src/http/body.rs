//! JSON bodies: what cannot be read is a 400 that names the field.

use std::{fmt, marker::PhantomData, time::Duration};

use axum::{
    body::Bytes,
    extract::{FromRequest, Request, rejection::BytesRejection},
    http::header,
};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, MapAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::{Map, Value};

use super::Problem;

/// How long a body may take to arrive.
const ARRIVES_WITHIN: Duration = Duration::from_secs(10);

/// A body of JSON.
pub(super) struct Body<T>(pub(super) T);

/// An object of JSON, and nothing else: by themselves our readers would take an array for the fields in their order, which nobody
/// means. Bodies are read as one; so is each object in them, where it is read into a type of ours.
#[derive(Debug)]
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Fields(PhantomData))
    }
}

struct Fields<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(fields)).map(Object)
    }
}

/// Tells a field that is there, `null` or not, from one that is left out.
pub(super) fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A body without fields: nothing, or `{}`. Operations that take none refuse fields instead of ignoring a wish.
#[derive(Debug, Default, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NoFields {}

/// A body that may be left out.
pub(super) struct OptionalBody<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let is_json = says_json(&request);
        let bytes = all_of(request, state).await?;
        if !is_json {
            return Err(Problem::invalid(
                "The body must be JSON, sent with `Content-Type: application/json`.",
            ));
        }
        parse(&bytes).map(Self)
    }
}

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for OptionalBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = all_of(request, state).await?;
        if bytes.is_empty() {
            Ok(Self(T::default()))
        } else {
            parse(&bytes).map(Self)
        }
    }
}

/// A request whose body is in memory, and the body.
pub(super) async fn buffered<S: Send + Sync>(
    request: Request,
    state: &S,
) -> Result<(Request, Bytes), Problem> {
    let (parts, body) = request.into_parts();
    let request = Request::from_parts(parts.clone(), body);
    let bytes = all_of(request, state).await?;
    Ok((Request::from_parts(parts, bytes.clone().into()), bytes))
}

/// The whole body, if it arrives in time.
async fn all_of<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    let bytes = tokio::time::timeout(ARRIVES_WITHIN, Bytes::from_request(request, state)).await;
    bytes
        .map_err(|_elapsed| Problem::too_slow())?
        .map_err(|rejection| unreadable(&rejection))
}

fn says_json(request: &Request) -> bool {
    let content_type = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = content_type
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
        .trim();
    essence.eq_ignore_ascii_case("application/json")
        || (essence.to_ascii_lowercase().starts_with("application/") && essence.ends_with("+json"))
}

fn unreadable(rejection: &BytesRejection) -> Problem {
    if rejection.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE {
        Problem::invalid("The body is too large: 64 KiB are taken, and 1 MiB of an import.")
    } else {
        Problem::invalid("The body broke off before its end.")
    }
}

/// Reads an object of JSON that stands in another one.
pub(super) fn parse_object<T: DeserializeOwned>(fields: Map<String, Value>) -> Result<T, Problem> {
    serde_path_to_error::deserialize(Value::Object(fields)).map_err(|error| {
        let path = error.path().to_string();
        explain(&path, error.inner())
    })
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let Object(parsed) = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        explain(&path, error.inner())
    })?;
    deserializer.end().map_err(|error| explain(".", &error))?;
    Ok(parsed)
}

/// Says which field is wrong. A missing or unknown one is named in the message, not in the path.
fn explain(path: &str, error: &serde_json::Error) -> Problem {
    if error.is_syntax() || error.is_eof() {
        return Problem::invalid(format!("The body is not JSON: {error}."));
    }
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or_default();
    let named = |start: &str| {
        message
            .strip_prefix(start)
            .and_then(|rest| rest.split('`').next())
            .map(str::to_owned)
    };
    if let Some(field) = named("missing field `") {
        return Problem::invalid(format!("`{field}` is missing.")).of_field(field);
    }
    if let Some(field) = named("unknown field `") {
        let known = message
            .split_once(", ")
            .map(|(_, expected)| format!("; {expected}"))
            .unwrap_or_default();
        return Problem::invalid(format!("`{field}` is not a known field{known}.")).of_field(field);
    }
    if path == "." {
        return Problem::invalid(format!("The body has the wrong form: {message}."));
    }
    Problem::invalid(format!("`{path}`: {message}.")).of_field(path)
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;

    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Example {
        #[expect(dead_code, reason = "only read from JSON")]
        name: String,
        #[expect(dead_code, reason = "only read from JSON")]
        scopes: Vec<String>,
        #[serde(default)]
        #[expect(dead_code, reason = "only read from JSON")]
        part: Option<Object<Part>>,
        #[serde(default)]
        #[expect(dead_code, reason = "only read from JSON")]
        parts: Vec<Object<Part>>,
    }

    #[derive(Debug, serde::Deserialize)]
    struct Part {
        #[expect(dead_code, reason = "only read from JSON")]
        label: String,
    }

    async fn answer(json: &str) -> serde_json::Value {
        let response = parse::<Example>(json.as_bytes()).unwrap_err().into_response();
        assert_eq!(response.status(), 400);
        let body = axum::body::to_bytes(response.into_body(), 4096).await.unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    #[tokio::test]
    async fn the_field_at_fault_is_named() {
        for (json, field, detail) in [
            (r#"{"scopes":[]}"#, "name", "`name` is missing."),
            (
                r#"{"name":"a","scopes":[],"nmae":1}"#,
                "nmae",
                "`nmae` is not a known field; expected one of `name`, `scopes`, `part`, `parts`.",
            ),
            (
                r#"{"name":7,"scopes":[]}"#,
                "name",
                "`name`: invalid type: integer `7`, expected a string.",
            ),
            (
                r#"{"name":"a","scopes":["b",1]}"#,
                "scopes[1]",
                "`scopes[1]`: invalid type",
            ),
            (
                r#"{"name":"a","scopes":[],"part":["b"]}"#,
                "part",
                "`part`: invalid type: sequence, expected a JSON object.",
            ),
            (
                r#"{"name":"a","scopes":[],"parts":[{"label":"b"},["b"]]}"#,
                "parts[1]",
                "`parts[1]`: invalid type: sequence, expected a JSON object.",
            ),
            (
                r#"{"name":"a","scopes":[],"parts":[{"label":7}]}"#,
                "parts[0].label",
                "`parts[0].label`: invalid type: integer `7`, expected a string.",
            ),
        ] {
            let answer = answer(json).await;
            assert_eq!(answer["field"], field, "{json}");
            assert!(answer["detail"].as_str().unwrap().starts_with(detail), "{answer}");
        }
        for json in [
            "",
            "{",
            "[]",
            r#"["a", []]"#,
            "nonsense",
            r#"{"name":"a","scopes":[]} x"#,
        ] {
            assert!(
                answer(json).await["detail"]
                    .as_str()
                    .unwrap()
                    .starts_with("The body"),
                "{json}"
            );
        }
    }
}
