//! `GET /api/v1/keys`: a JSON array, newest first or as it is asked for. With `limit` it pages, without it streams every key.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{HeaderName, HeaderValue, Uri},
    response::{IntoResponse as _, Response},
};
use serde_json::json;

use super::{
    AppState, KeyInfo,
    info::example,
    narrowing::{self, KNOWN},
};
use crate::{
    domain::Key,
    http::{
        Problem,
        caller::Caller,
        names::Names,
        openapi::Entry,
        paging::{CURSOR, LIMIT, Page, wrong_cursor},
        query::Parameters,
        streaming::{Form, streamed},
    },
    store::KeyPlace,
};

/// Asks how many keys there are on all pages.
const COUNT: &str = "count";
/// Says so.
const TOTAL_COUNT: HeaderName = HeaderName::from_static("keyward-total-count");

/// Lists keys.
pub(in crate::http) async fn list(
    State(app): AppState,
    caller: Caller,
    names: Names,
    uri: Uri,
) -> Result<Response, Problem> {
    let known = [KNOWN.as_slice(), &[COUNT, LIMIT, CURSOR]].concat();
    let parameters = Parameters::of_place(&uri, &names, &known)?;
    let (organization, _) = app.place(&caller, &names, &parameters).await?;
    let look = app.look_at(organization).await?;
    let filter = narrowing::filter(&app, &parameters, organization, look)?;
    let order = filter.order;
    let count = parameters.boolean(COUNT)?;
    let Some(page) = Page::of(&parameters)? else {
        if count {
            return Err(Problem::invalid("`count` goes with `limit`.").of_field(COUNT));
        }
        let read = move |after: Option<KeyPlace>, limit| {
            let (app, filter) = (Arc::clone(&app), filter.clone());
            async move { app.store.keys(&filter, after.as_ref(), limit).await }
        };
        let write = move |keys: &[Key], is_first, is_last| {
            let infos = keys.iter().map(|key| KeyInfo::of(key, look));
            Form::Array.write(infos, is_first, is_last)
        };
        let place = move |key: &Key| KeyPlace::of(key, order);
        return Ok(streamed(Form::Array, place, read, write).await?);
    };
    let after: Option<KeyPlace> = page.after()?;
    if after.as_ref().is_some_and(|after| !after.is_in(order)) {
        return Err(wrong_cursor());
    }
    let keys = app.store.keys(&filter, after.as_ref(), page.one_more()).await?;
    let is_all = after.is_none() && keys.len() < page.one_more() as usize;
    let total = match (count, is_all) {
        (false, _) => None,
        (true, true) => Some(keys.len() as u64),
        (true, false) => Some(app.store.count_keys(&filter).await?),
    };
    let edge = app.edge_of(&keys).await?;
    let show = |keys: &[Key]| {
        let infos = keys.iter().zip(&edge);
        let infos: Vec<KeyInfo<'_>> = infos
            .map(|(key, edge)| KeyInfo::of(key, look).with_edge(*edge))
            .collect();
        Json(infos).into_response()
    };
    let place = |key: &Key| KeyPlace::of(key, order);
    let mut response = page.answer(&uri, &parameters, keys.clone(), place, show)?;
    if let Some(total) = total {
        response
            .headers_mut()
            .insert(TOTAL_COUNT, HeaderValue::from(total));
    }
    Ok(response)
}

/// How the description shows it.
pub(in crate::http) fn describe() -> Entry {
    let entry = Entry::new(
        "List keys",
        "Newest first, or as `sort` says. Without `limit` the array holds every key, streamed; with it each key says in `edge` how far it \
         has come on its way to the edge.",
    );
    narrowing::described(entry)
        .query::<bool>(
            COUNT,
            "Whether the header `Keyward-Total-Count` is to say how many keys there are on all pages. Goes with `limit`.",
        )
        .paged()
        .in_place()
        .answers::<Vec<KeyInfo<'_>>>(200, "The keys.")
        .example(json!([example()]))
}
