//! `GET /api/v1/keys`: a JSON array, newest first. With `limit` it pages, without it streams every key.

use std::sync::Arc;

use axum::{
    Json,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderValue, Uri, header},
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::stream;
use jiff::Timestamp;
use uuid::Uuid;

use super::{AppState, KeyInfo};
use crate::{
    domain::{Key, KeyId},
    http::{App, Problem, caller::Caller, query::Parameters},
    store::{KeyFilter, StoreError},
};

/// The most keys on a page.
const MAX_LIMIT: u32 = 1000;
/// How many keys are read at a time when all are streamed.
const STREAM_PAGE: u32 = 500;
/// The first byte of a cursor: the version of its form.
const CURSOR_VERSION: u8 = 1;

/// Lists keys.
pub(in crate::http) async fn list(
    State(app): AppState,
    caller: Caller,
    uri: Uri,
) -> Result<Response, Problem> {
    let known = ["organization_id", "service_id", "active_only", "limit", "cursor"];
    let parameters = Parameters::of(&uri, &known)?;
    let organization = caller.organization(&app, parameters.text("organization_id"))?;
    caller.check_in(organization)?;
    let now = app.clock.now();
    let filter = KeyFilter {
        organization,
        service: parameters.text("service_id").map(str::to_owned),
        active_at: parameters.boolean("active_only")?.then_some(now),
    };
    let after = parameters.text("cursor").map(read_cursor).transpose()?;
    match parameters.text("limit") {
        Some(limit) => page(&app, &filter, after, read_limit(limit)?, &parameters, now).await,
        None if after.is_some() => Err(Problem::invalid("`cursor` goes with `limit`.").of_field("cursor")),
        None => Ok(stream_all(app, filter, now)),
    }
}

/// One page, with a link to the next if there is one.
async fn page(
    app: &App,
    filter: &KeyFilter,
    after: Option<KeyId>,
    limit: u32,
    parameters: &Parameters,
    now: Timestamp,
) -> Result<Response, Problem> {
    let mut keys = app.store.keys(filter, after, limit + 1).await?;
    let has_more = keys.len() > limit as usize;
    keys.truncate(limit as usize);
    let infos: Vec<KeyInfo<'_>> = keys.iter().map(|key| KeyInfo::of(key, now)).collect();
    let mut response = Json(infos).into_response();
    if let Some(last) = keys.last().filter(|_| has_more) {
        let link = next_link(parameters, limit, last.id);
        let link = HeaderValue::from_str(&link).map_err(|error| Problem::internal(&error))?;
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
}

/// RFC 8288: the same query, further on. The path is relative to the request's own.
fn next_link(parameters: &Parameters, limit: u32, last: KeyId) -> String {
    let mut link = format!("</api/v1/keys?limit={limit}&cursor={}", write_cursor(last));
    for name in ["organization_id", "service_id", "active_only"] {
        if let Some(value) = parameters.text(name) {
            link.push_str(&format!("&{name}={}", escaped(value)));
        }
    }
    link.push_str(">; rel=\"next\"");
    link
}

fn escaped(value: &str) -> String {
    let escape = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    value.bytes().map(escape).collect()
}

fn read_limit(text: &str) -> Result<u32, Problem> {
    text.parse()
        .ok()
        .filter(|limit| (1..=MAX_LIMIT).contains(limit))
        .ok_or_else(|| {
            Problem::invalid(format!("`limit` must be a whole number from 1 to {MAX_LIMIT}."))
                .of_field("limit")
        })
}

fn write_cursor(last: KeyId) -> String {
    let mut bytes = vec![CURSOR_VERSION];
    bytes.extend_from_slice(last.0.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

fn read_cursor(text: &str) -> Result<KeyId, Problem> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok();
    let id = bytes.as_deref().and_then(|bytes| match bytes {
        [CURSOR_VERSION, id @ ..] => Uuid::from_slice(id).ok(),
        _ => None,
    });
    let detail = "`cursor` is not one that this API gave out; start again without it.";
    id.map(KeyId)
        .ok_or_else(|| Problem::invalid(detail).of_field("cursor"))
}

/// Every key as one JSON array, read page by page while it is sent, so that memory stays flat. Should the database fail
/// on the way, the connection breaks off: half a list never looks whole.
fn stream_all(app: Arc<App>, filter: KeyFilter, now: Timestamp) -> Response {
    enum Next {
        After(Option<KeyId>),
        Done,
    }
    let pages = stream::try_unfold(Next::After(None), move |next| {
        let (app, filter) = (Arc::clone(&app), filter.clone());
        async move {
            let Next::After(after) = next else {
                return Ok::<_, StoreError>(None);
            };
            let keys = app.store.keys(&filter, after, STREAM_PAGE).await?;
            let mut text = rows(&keys, after.is_none(), now);
            let next = match keys.last() {
                Some(last) if keys.len() == STREAM_PAGE as usize => Next::After(Some(last.id)),
                _ => Next::Done,
            };
            if matches!(next, Next::Done) {
                text.push(b']');
            }
            Ok(Some((Bytes::from(text), next)))
        }
    });
    let content_type = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    ([content_type], Body::from_stream(pages)).into_response()
}

/// One page's rows, with what joins them to those before.
fn rows(keys: &[Key], is_first: bool, now: Timestamp) -> Vec<u8> {
    let mut text = Vec::new();
    if is_first {
        text.push(b'[');
    }
    for (index, key) in keys.iter().enumerate() {
        if !(is_first && index == 0) {
            text.push(b',');
        }
        // Strings, numbers and lists, written to memory: nothing here can fail.
        let _ = serde_json::to_writer(&mut text, &KeyInfo::of(key, now));
    }
    text
}
