//! `POST /api/v1/organizations`: a new organization. Who creates it owns it.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::{OrganizationInfo, example};
use crate::{
    domain::{Action, DirectoryWrite, Organization, Principal, Role, Target, bounds},
    http::{
        App, Problem,
        body::Body,
        caller::Caller,
        change::Work,
        members::{MAX_MEMBERSHIPS, too_many_memberships},
        openapi::Entry,
    },
    schema,
};

/// An organization that is asked for.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct CreateOrganization {
    #[schemars(with = "schema::Name")]
    name: String,
}

/// Creates an organization.
pub(in crate::http) async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(body): Body<CreateOrganization>,
) -> Result<Response, Problem> {
    let name = bounds::name(&body.name)?;
    let now = app.clock.now();
    let organization = Organization::create(name, caller.actor(), now, app.entropy.as_ref());
    let owner = match caller.principal() {
        Principal::User(user) if user.memberships.len() >= MAX_MEMBERSHIPS => {
            return Err(too_many_memberships());
        }
        Principal::User(user) => {
            Some(organization.member(user.subject.clone(), Role::Owner, caller.actor(), now))
        }
        // The platform admin owns everything already, and is no person.
        _ => None,
    };
    let role = owner.as_ref().map(|owner| owner.role);
    let mut directory = vec![DirectoryWrite::AddOrganization(organization.clone())];
    directory.extend(owner.map(|member| DirectoryWrite::PutMember { member, before: None }));
    let work = Work {
        directory,
        detail: json!({ "name": organization.name }),
        ..Work::on(
            Action::OrganizationCreated,
            organization.id,
            Target::Organization(organization.id),
        )
    };
    app.commit(&caller, work, now).await?;
    let info = OrganizationInfo::of(&organization, role);
    Ok((StatusCode::CREATED, Json(info)).into_response())
}

/// How the description shows it.
pub(in crate::http) fn describe() -> Entry {
    Entry::new(
        "Create an organization",
        "Who creates it owns it. For persons and the platform admin.",
    )
    .body::<CreateOrganization>(vec![("research", json!({ "name": "Research" }))])
    .answers::<OrganizationInfo<'_>>(201, "The organization.")
    .example(example())
    .conflicts()
}
