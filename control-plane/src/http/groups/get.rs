//! `GET /api/v1/groups/{group}`: one group, by its name or id.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::Uri,
    response::{IntoResponse as _, Response},
};

use super::{GroupInfo, example};
use crate::http::{App, Problem, caller::Caller, names::Names, openapi::Entry};

/// Shows a group.
pub(in crate::http) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    names: Names,
    uri: Uri,
) -> Result<Response, Problem> {
    let (group, _) = app.find_group(&caller, &names, &uri).await?;
    Ok(Json(GroupInfo::of(&group)).into_response())
}

/// How the description shows it.
pub(in crate::http) fn describe() -> Entry {
    Entry::new("Read a group", "By its name or its id.")
        .in_place()
        .answers::<GroupInfo<'_>>(200, "The group.")
        .example(example())
}
