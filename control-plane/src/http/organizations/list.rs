//! `GET /api/v1/organizations`: those in which the caller has a place, newest first. The platform admin sees all.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::Uri,
    response::{IntoResponse as _, Response},
};
use uuid::Uuid;

use super::OrganizationInfo;
use crate::{
    domain::{Organization, OrganizationId},
    http::{
        App, Problem,
        caller::Caller,
        paging::{CURSOR, LIMIT, Page, wrong_cursor},
        query::Parameters,
    },
};

/// How many are read at a time when all are listed.
const READ: u32 = 1000;

/// Lists organizations.
pub(in crate::http) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    uri: Uri,
) -> Result<Response, Problem> {
    let parameters = Parameters::of(&uri, &[LIMIT, CURSOR])?;
    let reach = caller.principal().reach();
    let Some(page) = Page::of(&parameters)? else {
        let mut all = Vec::new();
        loop {
            let after = all.last().map(|organization: &Organization| organization.id);
            let more = app.store.organizations(&reach, after, READ).await?;
            let is_last = more.len() < READ as usize;
            all.extend(more);
            if is_last {
                return Ok(Json(infos(&caller, &all)).into_response());
            }
        }
    };
    let after = page.after.as_deref().map(organization_id).transpose()?;
    let mut organizations = app.store.organizations(&reach, after, page.limit + 1).await?;
    let has_more = page.cut(&mut organizations);
    let last = organizations.last().filter(|_| has_more);
    let last = last.map(|organization| organization.id.0.as_bytes().as_slice());
    page.linked(Json(infos(&caller, &organizations)), &uri, &parameters, last)
}

fn infos<'a>(caller: &Caller, organizations: &'a [Organization]) -> Vec<OrganizationInfo<'a>> {
    let info =
        |organization: &'a Organization| OrganizationInfo::of(organization, caller.role_in(organization.id));
    organizations.iter().map(info).collect()
}

fn organization_id(bytes: &[u8]) -> Result<OrganizationId, Problem> {
    Uuid::from_slice(bytes)
        .map(OrganizationId)
        .map_err(|_| wrong_cursor())
}
