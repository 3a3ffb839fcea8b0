//! `PUT /api/v1/organizations/{org_id}/members/{subject}`: adds a member, or gives one another role.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{StatusCode, Uri},
    response::{IntoResponse as _, Response},
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::{MAX_MEMBERSHIPS, MemberInfo, example, too_many_memberships};
use crate::{
    domain::{Action, DirectoryWrite, FieldError, Member, OrganizationId, Rights, Role, Target},
    http::{
        App, Problem,
        body::Body,
        caller::Caller,
        change::{MAX_TRIES, Work},
        names::Names,
        openapi::Entry,
        query::Parameters,
    },
    oidc::is_subject,
    schema,
    store::CommitError,
};

/// What the member is to be.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct PutMember {
    #[schemars(with = "schema::Role")]
    role: String,
}

/// Adds or changes a member.
pub(in crate::http) async fn put(
    State(app): State<Arc<App>>,
    caller: Caller,
    names: Names,
    uri: Uri,
    Body(body): Body<PutMember>,
) -> Result<Response, Problem> {
    let (organization, rights) = app.place(&caller, &names, &Parameters::of(&uri, &[])?).await?;
    let subject = names.subject();
    if !is_subject(subject) {
        let problem = "must have 1 to 255 bytes and no control characters";
        return Err(FieldError::new("subject", problem).into());
    }
    let role: Role = body
        .role
        .parse()
        .map_err(|error| FieldError::new("role", format!("{error}")))?;
    for _ in 0..MAX_TRIES {
        let before = app.store.member(organization, subject).await?;
        let roles = before.iter().map(|member| member.role).chain([role]);
        if !roles.map(Rights::of_role).all(|of_role| rights.cover(&of_role)) {
            return Err(Problem::beyond_own_role());
        }
        if let Some(member) = before.as_ref().filter(|member| member.role == role) {
            return Ok(Json(MemberInfo::of(member)).into_response());
        }
        if before.is_none() && app.store.memberships(subject).await?.len() >= MAX_MEMBERSHIPS {
            return Err(too_many_memberships());
        }
        match write(&app, &caller, (organization, subject), role, before).await {
            Err(CommitError::Conflict) => {}
            Err(error) => return Err(error.into()),
            Ok((status, member)) => {
                return Ok((status, Json(MemberInfo::of(&member))).into_response());
            }
        }
    }
    Err(Problem::contended())
}

async fn write(
    app: &App,
    caller: &Caller,
    (organization, subject): (OrganizationId, &str),
    role: Role,
    before: Option<Member>,
) -> Result<(StatusCode, Member), CommitError> {
    let now = app.clock.now();
    let role_before = before.as_ref().map(|member| member.role);
    let (status, member) = match before {
        Some(member) => (StatusCode::OK, Member { role, ..member }),
        None => {
            let member = Member::new(organization, subject.to_owned(), role, caller.actor(), now);
            (StatusCode::CREATED, member)
        }
    };
    let work = Work {
        directory: vec![DirectoryWrite::PutMember {
            member: member.clone(),
            before: role_before,
        }],
        detail: json!({ "role": { "from": role_before.map(Role::as_str), "to": role.as_str() } }),
        ..Work::on(
            Action::MemberChanged,
            organization,
            Target::Member(subject.to_owned()),
        )
    };
    app.commit(caller, work, now).await?;
    Ok((status, member))
}

/// How the description shows it.
pub(in crate::http) fn describe() -> Entry {
    Entry::new(
        "Add a member, or give one another role",
        "Nobody gives or takes a role above its own.",
    )
    .body::<PutMember>(vec![("developer", json!({ "role": "developer" }))])
    .answers::<MemberInfo<'_>>(200, "The member with another role.")
    .example(example())
    .answers::<MemberInfo<'_>>(201, "The new member.")
    .example(example())
    .conflicts()
}
