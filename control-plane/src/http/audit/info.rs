//! How answers show an event.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    domain::{
        Action,
        audit::{ChainedEvent, hex},
    },
    schema,
};

/// An event of the audit trail.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AuditEvent")]
pub(super) struct EventInfo<'a> {
    event_id: String,
    /// When, in milliseconds: that is how it is chained.
    #[schemars(with = "Option<schema::Moment>")]
    at: Option<String>,
    /// Null: of the installation as a whole.
    organization_id: Option<String>,
    actor: &'a str,
    action: &'a str,
    target: Option<TargetInfo>,
    request_id: &'a str,
    detail: Value,
    /// Where it stands in the chain, which goes through all organizations: shown to the platform admin alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<i64>,
    /// Its hash. The same.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::Hash>")]
    chain: Option<String>,
}

/// What was done something to.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AuditTarget")]
struct TargetInfo {
    /// `key`, `organization`, `member` or `group`.
    r#type: Option<String>,
    id: String,
}

impl<'a> EventInfo<'a> {
    /// An event as whoever may read it sees it.
    pub(super) fn of(event: &'a ChainedEvent, with_link: bool) -> Self {
        Self {
            event_id: id(&event.id),
            at: Timestamp::from_millisecond(event.at_ms)
                .ok()
                .map(|at| at.to_string()),
            organization_id: event.organization.as_deref().map(id),
            actor: &event.actor,
            action: &event.action,
            target: target(event),
            request_id: &event.request_id,
            detail: event.detail_value(),
            position: with_link.then_some(event.position),
            chain: with_link.then(|| hex(&event.chain)),
        }
    }
}

/// A UUID. What is none was made by nobody here, and is shown all the same.
pub(super) fn id(bytes: &[u8]) -> String {
    Uuid::from_slice(bytes).map_or_else(|_| hex(bytes), |id| id.to_string())
}

fn target(event: &ChainedEvent) -> Option<TargetInfo> {
    if event.target.is_empty() {
        return None;
    }
    let kind = match event.action.parse().ok().map(Action::target_kind) {
        Some("any") => event.detail_value()["target_type"].as_str().map(str::to_owned),
        kind => kind.map(str::to_owned),
    };
    let id = match (kind.as_deref(), str::from_utf8(&event.target)) {
        (Some("member"), Ok(subject)) => subject.to_owned(),
        _ => id(&event.target),
    };
    Some(TargetInfo { r#type: kind, id })
}
