//! The forms of single values in the API's description, made of the bounds that the values are checked by.
//!
//! A field whose Rust type says less than it means names one of these: `#[schemars(with = "schema::Name")]`.

use std::borrow::Cow;

use keyward_shared::{Environment as Environments, record::Status, scope::MAX_SCOPE_BYTES};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::{
    domain::{
        Action as Actions, Permission as Permissions, Role as Roles,
        bounds::{
            EXPIRES_IN_DAYS, GRACE_PERIOD_SECONDS, MAX_PREVIEW_SHOWN, MAX_UNUSED_AFTER_DAYS, MONTHLY_LIMIT,
            NAME_CHARACTERS, PLAN_CHARACTERS, PREVIEW_CHARACTERS, RATE_LIMIT_PER_HOUR,
        },
        group::MAX_NAME as MAX_GROUP_NAME,
        job::Task as Tasks,
        leak::LeakPolicy as LeakPolicies,
        metadata::{MAX_HOLDER, MAX_NAME as MAX_PAIR_NAME, MAX_PAIRS, MAX_VALUE},
    },
    http::{MAX_LIMIT, MAX_SEARCH},
    oidc::MAX_SUBJECT_BYTES,
    store::{KeyState, SortedBy},
};

/// A form under a name, written where it is used.
macro_rules! forms {
    ($($(#[$meta:meta])* $name:ident = $schema:expr;)+) => {$(
        $(#[$meta])*
        pub struct $name;

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    )+};
}

/// Text that shows something and holds no control character.
const VISIBLE: &str =
    r"^[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*$";

/// Text without a control character.
const NO_CONTROLS: &str = r"^[^\u0000-\u001f\u007f-\u009f]+$";
/// The most characters of a note.
pub const MAX_NOTE: usize = 200;
/// Text without NUL.
const NO_NUL: &str = r"^[^\u0000]*$";

forms! {
    /// What somebody says to something, for people.
    Note = json_schema!({ "type": "string", "maxLength": MAX_NOTE, "pattern": r"^[^\u0000-\u001f\u007f-\u009f]*$" });
    /// A UUID.
    Id = json_schema!({ "type": "string", "format": "uuid" });
    /// A name given by people.
    Name = json_schema!({
        "type": "string", "minLength": NAME_CHARACTERS.start(), "maxLength": NAME_CHARACTERS.end(), "pattern": VISIBLE,
    });
    /// The name of a group.
    GroupName = json_schema!({ "type": "string", "pattern": format!("^[A-Za-z0-9._-]{{1,{MAX_GROUP_NAME}}}$") });
    /// The SHA-256 of a key.
    Hash = json_schema!({ "type": "string", "pattern": "^[0-9A-Fa-f]{64}$" });
    /// What may be shown of a key made elsewhere.
    Preview = json_schema!({
        "type": "string", "pattern": format!("^\\**([ -)+-~]\\**){{0,{MAX_PREVIEW_SHOWN}}}$"),
        "minLength": PREVIEW_CHARACTERS.start(), "maxLength": PREVIEW_CHARACTERS.end(),
    });
    /// The name of a service.
    ServiceName = json_schema!({ "type": "string", "pattern": "^[a-z][a-z0-9_-]{0,63}$" });
    /// The address of a client.
    Address = json_schema!({ "type": "string", "anyOf": [{ "format": "ipv4" }, { "format": "ipv6" }] });
    /// A scope token of RFC 6749 §3.3.
    Scope = json_schema!({ "type": "string", "pattern": format!(r"^[!#-\[\]-~]{{1,{MAX_SCOPE_BYTES}}}$") });
    /// Days until a key expires.
    ExpiresInDays = json_schema!({
        "type": "integer", "minimum": EXPIRES_IN_DAYS.start(), "maximum": EXPIRES_IN_DAYS.end(),
    });
    /// Requests in an hour.
    RateLimitPerHour = json_schema!({
        "type": "integer", "minimum": RATE_LIMIT_PER_HOUR.start(), "maximum": RATE_LIMIT_PER_HOUR.end(),
    });
    /// Metered requests in a month.
    MonthlyLimit = json_schema!({
        "type": "integer", "minimum": MONTHLY_LIMIT.start(), "maximum": MONTHLY_LIMIT.end(),
    });
    /// A billing plan.
    Plan = json_schema!({ "type": "string", "pattern": format!("^[A-Za-z0-9._-]{{1,{}}}$", PLAN_CHARACTERS.end()) });
    /// An address, or a network in CIDR notation without bits beyond its prefix.
    Network = json_schema!({
        "type": "string",
        "description": "An IPv4 or IPv6 address, or a network in CIDR notation without bits beyond its prefix.",
        "anyOf": [{ "format": "ipv4" }, { "format": "ipv6" }, { "pattern": "/[0-9]{1,3}$" }],
    });
    /// The value of `Idempotency-Key`: a string of RFC 8941, or the same without its quotes.
    IdempotencyKey = json_schema!({
        "type": "string",
        "pattern": r#"^("([ !#-\[\]-~]|\\["\\]){1,255}"|[!#-+\--:<-\[\]-~]{1,255})$"#,
    });
    /// An environment.
    Environment = one_of(&Environments::ALL.map(Environments::as_str));
    /// Whether a key may be used.
    KeyStatus = json_schema!({
        "type": "string", "enum": [Status::Active, Status::Deactivated, Status::Revoked, Status::Superseded],
    });
    /// What a key is for.
    KeyKind = one_of(&["service", "gateway"]);
    /// States of keys, joined by commas.
    KeyStates = {
        let state = format!("({})", KeyState::ALL.map(KeyState::as_str).join("|"));
        json_schema!({ "type": "string", "pattern": format!("^{state}(,{state})*$") })
    };
    /// What a list of keys is sorted by.
    KeySort = one_of(&SortedBy::ALL.iter().flat_map(|by| [by.as_str().to_owned(), format!("-{}", by.as_str())]).collect::<Vec<_>>());
    /// What is searched for.
    Search = json_schema!({ "type": "string", "minLength": 1, "maxLength": MAX_SEARCH, "pattern": NO_NUL });
    /// After how many days without use keys are flagged; 0: never.
    UnusedAfterDays = json_schema!({ "type": "integer", "minimum": 0, "maximum": MAX_UNUSED_AFTER_DAYS });
    /// What becomes of leaked keys.
    LeakPolicy = one_of(&LeakPolicies::ALL.map(LeakPolicies::as_str));
    /// What is done with many keys.
    Task = one_of(&Tasks::ALL.map(Tasks::as_str));
    /// A permission.
    Permission = one_of(&Permissions::ALL.map(Permissions::as_str));
    /// The `sub` of a person's tokens.
    Subject = json_schema!({ "type": "string", "minLength": 1, "maxLength": MAX_SUBJECT_BYTES, "pattern": VISIBLE });
    /// How many entries there are on a page.
    PageLimit = json_schema!({ "type": "integer", "minimum": 1, "maximum": MAX_LIMIT });
    /// Who holds a key.
    Holder = json_schema!({ "type": "string", "minLength": 1, "maxLength": MAX_HOLDER, "pattern": NO_CONTROLS });
    /// Pairs of texts.
    Metadata = json_schema!({
        "type": "object", "maxProperties": MAX_PAIRS,
        "propertyNames": { "minLength": 1, "maxLength": MAX_PAIR_NAME, "pattern": NO_CONTROLS },
        "additionalProperties": { "type": "string", "maxLength": MAX_VALUE, "pattern": NO_NUL },
    });
    /// Changes of pairs: null takes one away.
    MetadataChanges = json_schema!({
        "type": "object",
        "propertyNames": { "minLength": 1, "maxLength": MAX_PAIR_NAME, "pattern": NO_CONTROLS },
        "additionalProperties": { "type": ["string", "null"], "maxLength": MAX_VALUE, "pattern": NO_NUL },
    });
    /// A moment.
    Moment = json_schema!({ "type": "string", "format": "date-time" });
    /// Seconds for which a rotated key lives on.
    GracePeriod = json_schema!({
        "type": "integer", "minimum": GRACE_PERIOD_SECONDS.start(), "maximum": GRACE_PERIOD_SECONDS.end(),
    });
    /// A moment, or a date, which stands for its first moment in UTC.
    MomentOrDate = json_schema!({ "type": "string", "anyOf": [{ "format": "date-time" }, { "format": "date" }] });
    /// What an event of the audit trail says was done.
    Action = one_of(&Actions::ALL.iter().map(|action| action.as_str()).collect::<Vec<_>>());
    /// How an export is written.
    ExportFormat = one_of(&["json", "ndjson"]);
    /// A role.
    Role = one_of(&Roles::ALL.map(Roles::as_str));
}

/// One of these texts.
fn one_of<T: serde::Serialize>(texts: &[T]) -> Schema {
    json_schema!({ "type": "string", "enum": texts })
}
