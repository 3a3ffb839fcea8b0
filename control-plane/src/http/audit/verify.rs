//! `GET /api/v1/audit/verify`: whether every event follows the one before it.

use std::sync::Arc;

use axum::{Json, extract::State, http::Uri};
use schemars::JsonSchema;
use serde::Serialize;

use super::{EventInfo, info};
use crate::{
    audit::{self, Verification},
    domain::audit::{Anchor, Fault, Head, from_hex, hex},
    http::{App, Problem, caller::Caller, openapi::Entry, query::Parameters},
    schema,
};

/// The answer.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AuditVerification")]
pub(in crate::http) struct Verified {
    valid: bool,
    /// The last event that was pruned, behind which the chain begins. Null: none was.
    anchor: Option<AnchorInfo>,
    /// How many events follow each other.
    events: u64,
    /// The last of them. Whoever notes its hash elsewhere can ask later whether it is still there.
    head: Option<HeadInfo>,
    fault: Option<FaultInfo>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AuditHead")]
struct HeadInfo {
    event_id: String,
    position: i64,
    chain: String,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AuditAnchor")]
struct AnchorInfo {
    position: i64,
    chain: String,
}

/// Where the chain breaks.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AuditFault")]
struct FaultInfo {
    event_id: Option<String>,
    position: Option<i64>,
    /// The position of the event before it.
    after_position: i64,
    /// `content`, `hash`, `link`, `last`, `noted` or `anchor`.
    difference: &'static str,
    detail: &'static str,
    /// The event as the database has it.
    #[schemars(with = "Option<EventInfo<'static>>")]
    event: Option<serde_json::Value>,
}

/// Checks the chain.
pub(in crate::http) async fn verify(
    State(app): State<Arc<App>>,
    _caller: Caller,
    uri: Uri,
) -> Result<Json<Verified>, Problem> {
    let parameters = Parameters::of(&uri, &["noted"])?;
    let noted = parameters.text("noted").map(|text| {
        from_hex(text).ok_or_else(|| {
            Problem::invalid("`noted` must be the `chain` of an event: 64 hexadecimal digits.")
                .of_field("noted")
        })
    });
    let found = audit::verify(app.store.as_ref(), noted.transpose()?).await?;
    if let Some(fault) = &found.fault {
        tracing::error!(
            difference = fault.difference.as_str(),
            after_position = fault.after,
            "the audit trail was tampered with"
        );
    }
    Ok(Json(found.into()))
}

impl From<Verification> for Verified {
    fn from(found: Verification) -> Self {
        Self {
            valid: found.fault.is_none(),
            anchor: (found.anchor != Anchor::START).then(|| found.anchor.into()),
            events: found.events,
            head: found.head.map(HeadInfo::from),
            fault: found.fault.map(FaultInfo::from),
        }
    }
}

impl From<Anchor> for AnchorInfo {
    fn from(anchor: Anchor) -> Self {
        Self {
            position: anchor.position,
            chain: hex(&anchor.chain),
        }
    }
}

impl From<Head> for HeadInfo {
    fn from(head: Head) -> Self {
        Self {
            event_id: info::id(&head.id),
            position: head.position,
            chain: hex(&head.chain),
        }
    }
}

impl From<Fault> for FaultInfo {
    fn from(fault: Fault) -> Self {
        let event = fault.event.as_ref();
        Self {
            event_id: event.map(|event| info::id(&event.id)),
            position: event.map(|event| event.position),
            after_position: fault.after,
            difference: fault.difference.as_str(),
            detail: fault.difference.explanation(),
            event: event.and_then(|event| serde_json::to_value(EventInfo::of(event, true)).ok()),
        }
    }
}

/// How the description shows it.
pub(in crate::http) fn describe() -> Entry {
    Entry::new(
        "Check the chain of the audit trail",
        "It goes through all organizations: for the platform admin.",
    )
    .query::<schema::Hash>(
        "noted",
        "The hash of an event that was noted earlier: that event has to be there still.",
    )
    .answers::<Verified>(200, "What was found.")
}
