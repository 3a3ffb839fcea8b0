//! The answers of the key management API as its reference documents them: every field, with its type. More fields may stand beside them.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

/// What an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Of creating and rotating: the key's text and its configuration.
    CreatedKey,
    /// A key's configuration.
    Key,
    /// Several of them.
    KeyList,
    /// Of revoking.
    Revoked,
}

#[derive(Clone, Copy, Debug)]
enum Type {
    Text,
    Texts,
    Bool,
    Integer,
    IntegerOrNull,
    /// RFC 3339 in UTC, for example `2025-01-15T10:30:00Z`.
    Time,
    TimeOrNull,
}

const KEY_FIELDS: [(&str, Type); 14] = [
    ("key_id", Type::Text),
    ("name", Type::Text),
    ("key_prefix", Type::Text),
    ("user_id", Type::Text),
    ("service_id", Type::Text),
    ("scopes", Type::Texts),
    ("environment", Type::Text),
    ("is_active", Type::Bool),
    ("rate_limit_per_hour", Type::Integer),
    ("monthly_prediction_limit", Type::IntegerOrNull),
    ("billing_plan", Type::Text),
    ("created_at", Type::Time),
    ("expires_at", Type::TimeOrNull),
    ("last_used_at", Type::TimeOrNull),
];

/// # Errors
/// The first field that is missing or of another type. Values are not in the message: one of them is a key.
pub fn check(answer: &Value, shape: Shape) -> Result<()> {
    match shape {
        Shape::Key => check_key(answer),
        Shape::KeyList => answer
            .as_array()
            .context("the answer is no array")?
            .iter()
            .try_for_each(check_key),
        Shape::CreatedKey => {
            check_field(answer, "api_key", Type::Text)?;
            check_key(
                answer
                    .get("key_info")
                    .context("the answer has no field `key_info`")?,
            )
        }
        Shape::Revoked => check_field(answer, "message", Type::Text),
    }
}

fn check_key(key: &Value) -> Result<()> {
    KEY_FIELDS
        .into_iter()
        .try_for_each(|(name, of_type)| check_field(key, name, of_type))
}

fn check_field(object: &Value, name: &str, of_type: Type) -> Result<()> {
    let value = object
        .get(name)
        .with_context(|| format!("the answer has no field `{name}`"))?;
    let is_time = |value: &Value| {
        value
            .as_str()
            .is_some_and(|text| text.contains('T') && text.ends_with('Z'))
    };
    let is_right = match of_type {
        Type::Text => value.is_string(),
        Type::Texts => value
            .as_array()
            .is_some_and(|values| values.iter().all(Value::is_string)),
        Type::Bool => value.is_boolean(),
        Type::Integer => value.is_u64(),
        Type::IntegerOrNull => value.is_u64() || value.is_null(),
        Type::Time => is_time(value),
        Type::TimeOrNull => is_time(value) || value.is_null(),
    };
    ensure!(
        is_right,
        "the field `{name}` is not of the documented type ({of_type:?})"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn key() -> Value {
        json!({
            "key_id": "550e8400-e29b-41d4-a716-446655440000",
            "name": "Production Prediction Key",
            "key_prefix": "hk_live_AbC***",
            "user_id": "admin",
            "service_id": "prediction",
            "scopes": ["predict"],
            "environment": "production",
            "is_active": true,
            "rate_limit_per_hour": 5000,
            "monthly_prediction_limit": null,
            "billing_plan": "free",
            "created_at": "2025-01-15T10:30:00Z",
            "expires_at": "2025-04-15T10:30:00Z",
            "last_used_at": null
        })
    }

    #[test]
    fn the_answers_of_the_reference_pass() {
        check(
            &json!({ "api_key": "hk_live_Ab", "key_info": key() }),
            Shape::CreatedKey,
        )
        .unwrap();
        check(&json!([key()]), Shape::KeyList).unwrap();
        check(
            &json!({ "message": "API key revoked successfully" }),
            Shape::Revoked,
        )
        .unwrap();
    }

    #[test]
    fn a_missing_field_and_a_wrong_type_are_named() {
        let mut answer = key();
        answer["rate_limit_per_hour"] = json!("5000");
        let error = check(&answer, Shape::Key).unwrap_err().to_string();
        assert_eq!(
            error,
            "the field `rate_limit_per_hour` is not of the documented type (Integer)"
        );
        let error = check(&json!({ "detail": "no" }), Shape::CreatedKey)
            .unwrap_err()
            .to_string();
        assert_eq!(error, "the answer has no field `api_key`");
    }
}
