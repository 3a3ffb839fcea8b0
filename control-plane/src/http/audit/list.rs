//! `GET /api/v1/audit`: the latest event first. With `limit` it pages, without it streams every event; as one JSON array, or as one
//! JSON document a line.

use std::sync::Arc;

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, HeaderValue, Uri, header},
    response::{IntoResponse as _, Response},
};
use futures_util::stream;
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
        query::{ORGANIZATION, Parameters},
    },
    schema,
    store::{AuditFilter, StoreError},
};

/// How many events are read at a time when all are streamed.
const STREAM_PAGE: u32 = 500;

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
    let form = Form {
        is_lines: wants_lines(&parameters, &headers)?,
        with_link: *caller.principal() == Principal::PlatformAdmin,
    };
    let of_all = form.with_link && parameters.text(ORGANIZATION).is_none();
    let organization = match of_all {
        true => None,
        false => Some(app.place(&caller, &names, &parameters).await?.0),
    };
    let filter = filter(&parameters, organization)?;
    let Some(page) = Page::of(&parameters)? else {
        return Ok(stream_all(app, filter, form));
    };
    let events = app
        .store
        .audit_events(&filter, page.after()?, page.one_more())
        .await?;
    let show = |events: &[ChainedEvent]| {
        let mut text = form.rows(events, true);
        text.extend_from_slice(form.end());
        form.answer(Body::from(text))
    };
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
                essence.trim().eq_ignore_ascii_case(LINES)
            }))
        }
    }
}

/// One JSON document a line.
const LINES: &str = "application/x-ndjson";

/// How events are written.
#[derive(Clone, Copy)]
struct Form {
    is_lines: bool,
    with_link: bool,
}

impl Form {
    fn answer(self, body: Body) -> Response {
        let kind = if self.is_lines { LINES } else { "application/json" };
        ([(header::CONTENT_TYPE, HeaderValue::from_static(kind))], body).into_response()
    }

    /// Events with what joins them to those before.
    fn rows(self, events: &[ChainedEvent], is_first: bool) -> Vec<u8> {
        let mut text = Vec::new();
        let mut before: &[u8] = if is_first { b"[" } else { b"," };
        if events.is_empty() && is_first && !self.is_lines {
            text.extend_from_slice(before);
        }
        for event in events {
            if !self.is_lines {
                text.extend_from_slice(before);
                before = b",";
            }
            // Strings and JSON that was read before, written to memory: nothing here can fail.
            let _ = serde_json::to_writer(&mut text, &EventInfo::of(event, self.with_link));
            if self.is_lines {
                text.push(b'\n');
            }
        }
        text
    }

    const fn end(self) -> &'static [u8] {
        if self.is_lines { b"" } else { b"]" }
    }
}

/// Where an event stands in a list. One whose id is none has no place, and nothing comes after it.
fn place(event: &ChainedEvent) -> Uuid {
    Uuid::from_slice(&event.id).unwrap_or_default()
}

/// Every event, read page by page while it is sent, so that memory stays flat. Should the database fail on the way, the
/// connection breaks off: half a list never looks whole.
fn stream_all(app: Arc<App>, filter: AuditFilter, form: Form) -> Response {
    enum Next {
        After(Option<Uuid>),
        Done,
    }
    let pages = stream::try_unfold(Next::After(None), move |next| {
        let (app, filter) = (Arc::clone(&app), filter.clone());
        async move {
            let Next::After(after) = next else {
                return Ok::<_, StoreError>(None);
            };
            let events = app.store.audit_events(&filter, after, STREAM_PAGE).await?;
            let mut text = form.rows(&events, after.is_none());
            let next = match events.last() {
                Some(last) if events.len() == STREAM_PAGE as usize => Next::After(Some(place(last))),
                _ => Next::Done,
            };
            if matches!(next, Next::Done) {
                text.extend_from_slice(form.end());
            }
            Ok(Some((Bytes::from(text), next)))
        }
    });
    form.answer(Body::from_stream(pages))
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
    .or_lines(LINES)
}
