//! The names in paths, each described once.

use serde_json::{Value, json};

use super::schemas::Schemas;
use crate::schema;

/// The names between braces in a path.
pub(super) fn names_in(path: &str) -> impl Iterator<Item = &str> {
    path.split('/')
        .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
}

/// What a name in a path stands for.
pub(super) fn of_path(name: &str, schemas: &mut Schemas) -> Value {
    let (meaning, schema) = match name {
        "key_id" => ("The id of a key.", schemas.read::<schema::Id>()),
        "org_id" => ("The id of an organization.", schemas.read::<schema::Id>()),
        "group" => (
            "The name or the id of a group.",
            schemas.read::<schema::GroupName>(),
        ),
        "subject" => (
            "The `sub` of a person's tokens, percent-encoded.",
            schemas.read::<schema::Subject>(),
        ),
        // A test sees to it that every name has its line above.
        _ => ("", schemas.read::<String>()),
    };
    json!({ "name": name, "in": "path", "required": true, "description": meaning, "schema": schema })
}

/// The header that makes a request repeatable.
pub(super) fn idempotency_key(schemas: &mut Schemas) -> Value {
    json!({
        "name": "Idempotency-Key",
        "in": "header",
        "description": "Names the request: sent again with the same value, it is done once and answered alike.",
        "schema": schemas.read::<schema::IdempotencyKey>(),
    })
}
