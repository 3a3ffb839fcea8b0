//! `GET /api/v1/keys`: a JSON array, newest first. With `limit` it pages, without it streams every key.

use std::sync::Arc;

use axum::{
    Json,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderValue, Uri, header},
    response::{IntoResponse as _, Response},
};
use futures_util::stream;
use jiff::Timestamp;
use serde_json::json;

use super::{AppState, KeyInfo, info::example};
use crate::{
    domain::{Key, KeyId},
    http::{
        App, Problem,
        caller::Caller,
        names::Names,
        openapi::Entry,
        paging::{CURSOR, LIMIT, Page},
        query::Parameters,
    },
    store::{KeyFilter, StoreError},
};

/// How many keys are read at a time when all are streamed.
const STREAM_PAGE: u32 = 500;

/// Lists keys.
pub(in crate::http) async fn list(
    State(app): AppState,
    caller: Caller,
    names: Names,
    uri: Uri,
) -> Result<Response, Problem> {
    let known = ["service_id", "active_only", "user_id", "owner", LIMIT, CURSOR];
    let parameters = Parameters::of_place(&uri, &names, &known)?;
    let (organization, _) = app.place(&caller, &names, &parameters).await?;
    let now = app.clock.now();
    let filter = KeyFilter {
        organization,
        owner: parameters.text("user_id").map(str::to_owned),
        holder: parameters.text("owner").map(str::to_owned),
        service: parameters.text("service_id").map(str::to_owned),
        active_at: parameters.boolean("active_only")?.then_some(now),
    };
    let Some(page) = Page::of(&parameters)? else {
        return Ok(stream_all(app, filter, now));
    };
    let keys = app.store.keys(&filter, page.after()?, page.one_more()).await?;
    let show = |keys: &[Key]| {
        let infos: Vec<KeyInfo<'_>> = keys.iter().map(|key| KeyInfo::of(key, now)).collect();
        Json(infos).into_response()
    };
    page.answer(&uri, &parameters, keys, |key| key.id, show)
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

/// How the description shows it.
pub(in crate::http) fn describe() -> Entry {
    Entry::new(
        "List keys",
        "Newest first. Without `limit` the array holds every key, streamed.",
    )
    .query::<String>("service_id", "Only keys of this service.")
    .query::<String>("user_id", "Only keys that this one manages.")
    .query::<String>("owner", "Only keys that this one holds.")
    .query::<bool>("active_only", "Only keys that may be used now.")
    .paged()
    .in_place()
    .answers::<Vec<KeyInfo<'_>>>(200, "The keys.")
    .example(json!([example()]))
}
