//! `GET /api/v1/session`: who is signed in, for a page that has just been loaded.

use std::sync::Arc;

use axum::{Json, extract::State};

use super::SessionInfo;
use crate::http::{App, Problem, caller::Caller, openapi::Entry};

/// Tells the page of its session.
pub(in crate::http) async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<Json<SessionInfo>, Problem> {
    let info = app.session_info(caller.principal(), caller.session()?).await?;
    Ok(Json(info))
}

/// How the description shows it.
pub(in crate::http) fn describe() -> Entry {
    Entry::new("Show the session of the web page", "").answers::<SessionInfo>(200, "The session.")
}
