//! `DELETE /api/v1/groups/{group}`: a group that gives nothing any more. Its keys follow, and stay what they are besides.

use std::sync::Arc;

use axum::{Json, extract::State, http::Uri, response::Response};
use serde_json::json;

use crate::{
    domain::{Action, DirectoryWrite, Target},
    http::{
        App, Problem,
        caller::Caller,
        change::{MAX_TRIES, Work},
        message::Message,
        names::Names,
        openapi::Entry,
    },
    store::CommitError,
};

/// Deletes a group.
pub(in crate::http) async fn delete(
    State(app): State<Arc<App>>,
    caller: Caller,
    names: Names,
    uri: Uri,
) -> Result<Response, Problem> {
    for _ in 0..MAX_TRIES {
        let (group, _) = app.find_group(&caller, &names, &uri).await?;
        if group.is_admin() {
            return Err(Problem::conflict(
                "built_in",
                "Every organization has the group `admin`; it cannot be deleted.",
            ));
        }
        let work = Work {
            detail: json!({ "name": group.name }),
            directory: vec![DirectoryWrite::DeleteGroup(group.clone())],
            ..Work::on(Action::GroupDeleted, group.organization, Target::Group(group.id))
        };
        match app.commit(&caller, work, app.clock.now()).await {
            Err(CommitError::Conflict) => {}
            Err(error) => return Err(error.into()),
            Ok(_) => {
                let body = Json(Message::new("Group deleted"));
                return Ok(app.answer_with_followers(group.id, body).await);
            }
        }
    }
    Err(Problem::contended())
}

/// How the description shows it.
pub(in crate::http) fn describe() -> Entry {
    Entry::new(
        "Delete a group",
        "Its keys lose what it gave them, and stay what they are besides.",
    )
    .in_place()
    .answers::<Message>(200, "It is deleted.")
    .example(json!({ "message": "Group deleted" }))
    .propagates()
}
