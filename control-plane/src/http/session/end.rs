//! `DELETE /api/v1/session`: signs out.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::Value;

use super::{Origin, cookie};
use crate::{
    domain::Action,
    http::{App, Problem, caller::Caller, openapi::Entry},
};

/// Ends the session here, for every control plane, and takes the cookie away.
pub(in crate::http) async fn end(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let here = Origin::of(&headers, app.rules.public_url.as_ref())?;
    let event = app.session_event(Action::SessionEnded, caller.principal(), Value::Null);
    app.store
        .end_session(&caller.session()?.id.hash(), &event)
        .await?;
    let cookie = cookie::SESSION.clear(&here)?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response())
}

/// How the description shows it.
pub(in crate::http) fn describe() -> Entry {
    Entry::new("Sign out of the web page", "").answers_nothing("Signed out.")
}
