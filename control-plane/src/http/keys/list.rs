//! `GET /api/v1/keys`: a JSON array, newest first. With `limit` it pages, without it streams every key.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::Uri,
    response::{IntoResponse as _, Response},
};
use serde_json::json;

use super::{AppState, KeyInfo, info::example};
use crate::{
    domain::Key,
    http::{
        Problem,
        caller::Caller,
        names::Names,
        openapi::Entry,
        paging::{CURSOR, LIMIT, Page},
        query::Parameters,
        streaming::{Form, streamed},
    },
    store::KeyFilter,
};

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
        let read = move |after, limit| {
            let (app, filter) = (Arc::clone(&app), filter.clone());
            async move { app.store.keys(&filter, after, limit).await }
        };
        let write = move |keys: &[Key], is_first, is_last| {
            let infos = keys.iter().map(|key| KeyInfo::of(key, now));
            Form::Array.write(infos, is_first, is_last)
        };
        return Ok(streamed(Form::Array, |key: &Key| key.id, read, write));
    };
    let keys = app.store.keys(&filter, page.after()?, page.one_more()).await?;
    let show = |keys: &[Key]| {
        let infos: Vec<KeyInfo<'_>> = keys.iter().map(|key| KeyInfo::of(key, now)).collect();
        Json(infos).into_response()
    };
    page.answer(&uri, &parameters, keys, |key| key.id, show)
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
