//! `GET /api/v1/audit`: the latest event first. With `limit` it pages, without it streams every event; as one JSON array, or as one
//! JSON document a line.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, Uri, header},
    response::Response,
};
use uuid::Uuid;

use super::EventInfo;
use crate::{
    domain::{OrganizationId, Principal, audit::ChainedEvent},
    http::{
        App, Problem,
        caller::Caller,
        names::Names,
        openapi::Entry,
        paging::{CURSOR, LIMIT, Page},
        query::Parameters,
        streaming::{Form, streamed},
    },
    schema,
    store::AuditFilter,
};

/// Lists events.
pub(in crate::http) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    names: Names,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let known = ["actor", "action", "target", "from", "to", "format", LIMIT, CURSOR];
    let parameters = Parameters::of_place(&uri, &names, &known)?;
    let form = match wants_lines(&parameters, &headers)? {
        true => Form::Lines,
        false => Form::Array,
    };
    let with_link = *caller.principal() == Principal::PlatformAdmin;
    let organization = app.scope(&caller, &names, &parameters).await?;
    let filter = filter(&parameters, organization)?;
    let write = move |events: &[ChainedEvent], is_first, is_last| {
        let infos = events.iter().map(|event| EventInfo::of(event, with_link));
        form.write(infos, is_first, is_last)
    };
    let Some(page) = Page::of(&parameters)? else {
        let read = move |after, limit| {
            let (app, filter) = (Arc::clone(&app), filter.clone());
            async move { app.store.audit_events(&filter, after, limit).await }
        };
        return Ok(streamed(form, place, read, write).await?);
    };
    let events = app
        .store
        .audit_events(&filter, page.after()?, page.one_more())
        .await?;
    let show = |events: &[ChainedEvent]| form.answer(Body::from(write(events, true, true)));
    page.answer(&uri, &parameters, events, place, show)
}

fn filter(parameters: &Parameters, organization: Option<OrganizationId>) -> Result<AuditFilter, Problem> {
    let action = parameters.text("action").map(str::parse).transpose();
    let action = action.map_err(|error| {
        let detail = format!("`action` {error} of the audit trail, such as key.created.");
        Problem::invalid(detail).of_field("action")
    })?;
    let text = |name| parameters.text(name).map(str::to_owned);
    Ok(AuditFilter {
        organization,
        actor: text("actor"),
        action,
        target: text("target"),
        from: parameters.moment("from")?,
        to: parameters.moment("to")?,
    })
}

/// Whether the answer is one document a line. The parameter goes before the header.
fn wants_lines(parameters: &Parameters, headers: &HeaderMap) -> Result<bool, Problem> {
    match parameters.text("format") {
        Some("ndjson") => Ok(true),
        Some("json") => Ok(false),
        Some(_) => Err(Problem::invalid("`format` must be json or ndjson.").of_field("format")),
        None => {
            let accepted = headers.get_all(header::ACCEPT).iter();
            let mut kinds = accepted
                .filter_map(|value| value.to_str().ok())
                .flat_map(|value| value.split(','));
            Ok(kinds.any(|kind| {
                let essence = kind.split(';').next().unwrap_or_default();
                essence.trim().eq_ignore_ascii_case(Form::Lines.media_type())
            }))
        }
    }
}

/// Where an event stands in a list. One whose id is none has no place, and nothing comes after it.
fn place(event: &ChainedEvent) -> Uuid {
    Uuid::from_slice(&event.id).unwrap_or_default()
}

/// How the description shows it.
pub(in crate::http) fn describe() -> Entry {
    Entry::new(
        "Read the audit trail",
        "The latest event first. Without `limit` all of them are streamed. The platform admin, who names no organization, reads those \
         of all.",
    )
    .query::<String>("actor", "Only events of this caller, by its `id` of `userinfo`.")
    .query::<schema::Action>("action", "Only events of this kind.")
    .query::<String>("target", "Only events about this key, group or organization, by its id, or member, by its subject.")
    .query::<schema::MomentOrDate>("from", "The first moment.")
    .query::<schema::MomentOrDate>("to", "The moment after the last.")
    .query::<schema::ExportFormat>("format", "An array, or one document a line. It goes before `Accept`.")
    .paged()
    .in_place()
    .answers::<Vec<EventInfo<'_>>>(200, "The events.")
    .or_lines(Form::Lines.media_type())
}
