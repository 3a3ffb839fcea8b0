//! `GET /api/v1/groups`: by ascending name.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::Uri,
    response::{IntoResponse as _, Response},
};

use super::GroupInfo;
use crate::{
    domain::Group,
    http::{
        App, Problem,
        caller::Caller,
        names::Names,
        paging::{CURSOR, LIMIT, Page, wrong_cursor},
        query::Parameters,
    },
};

/// How many are read at a time when all are listed.
const READ: u32 = 1000;

/// Lists groups.
pub(in crate::http) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    names: Names,
    uri: Uri,
) -> Result<Response, Problem> {
    let parameters = Parameters::of_place(&uri, &names, &[LIMIT, CURSOR])?;
    let (organization, _) = app.place(&caller, &names, &parameters).await?;
    let Some(page) = Page::of(&parameters)? else {
        let mut all: Vec<Group> = Vec::new();
        loop {
            let after = all.last().map(|group| group.name.as_str());
            let more = app.store.groups(organization, after, READ).await?;
            let is_last = more.len() < READ as usize;
            all.extend(more);
            if is_last {
                return Ok(Json(infos(&all)).into_response());
            }
        }
    };
    let after = page.after.as_deref().map(std::str::from_utf8).transpose();
    let after = after.map_err(|_| wrong_cursor())?;
    let mut groups = app.store.groups(organization, after, page.limit + 1).await?;
    let has_more = page.cut(&mut groups);
    let last = groups.last().filter(|_| has_more);
    let last = last.map(|group| group.name.as_bytes());
    page.linked(Json(infos(&groups)), &uri, &parameters, last)
}

fn infos(groups: &[Group]) -> Vec<GroupInfo<'_>> {
    groups.iter().map(GroupInfo::of).collect()
}
