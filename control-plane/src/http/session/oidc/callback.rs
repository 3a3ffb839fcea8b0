//! `GET /api/v1/session/oidc/callback`: the browser comes back from the issuer.

use std::sync::Arc;

use axum::{
    extract::{Query, State},
    http::{HeaderMap, StatusCode, Uri, header},
    response::{AppendHeaders, IntoResponse as _, Response},
};

use super::{CODE, ERROR, Fault, ISSUER, STATE, cookie, forgetting, here, sign_in};
use crate::{
    http::{App, Problem},
    oidc::sign_in::Attempt,
};

/// What the issuer says no with (RFC 6749 §4.1.2.1).
const ACCESS_DENIED: &str = "access_denied";
/// And what it says with if it cannot say anything.
const FAULTS_OF_ITS_OWN: [&str; 2] = ["server_error", "temporarily_unavailable"];

/// Ends an attempt: with a session, or at the page with a word why not.
pub(super) async fn callback(
    State(app): State<Arc<App>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let sign_in = sign_in(&app).await?;
    let here = here(&app, &headers)?;
    let answer = Answer::of(&uri);
    let sealed = cookie::SIGN_IN.read(&headers, &here)?;
    let attempt = sealed.and_then(|sealed| sign_in.open(sealed));
    let attempt = attempt.filter(|attempt| answer.one(STATE).is_some_and(|state| attempt.has_state(state)));
    // Whatever this is, it is not what the browser has begun, which may still end well.
    let Some(attempt) = attempt else {
        return Ok(Fault::Expired.response());
    };
    let ended = match answer.code() {
        Err(fault) => Err(fault),
        Ok(code) => sign_in
            .finish(&attempt, code, answer.one(ISSUER))
            .await
            .map_err(|error| {
                tracing::warn!(%error, issuer = sign_in.issuer(), "a sign-in with the issuer did not work");
                Fault::of(&error)
            }),
    };
    let response = match ended {
        Ok(subject) => signed_in(&app, &headers, subject, &attempt).await?,
        Err(fault) => fault.response(),
    };
    forgetting(response, &here)
}

/// The session of a person whom the issuer has told of, once.
async fn signed_in(
    app: &App,
    headers: &HeaderMap,
    subject: String,
    attempt: &Attempt,
) -> Result<Response, Problem> {
    if !app.store.use_sign_in(&attempt.hash(), attempt.ends_at).await? {
        return Ok(Fault::Expired.response());
    }
    let principal = app.person(subject).await?;
    // The ID token says who it was then, and not for how long.
    let session = app
        .begin_session(&principal, None, attempt.replaced, "oidc")
        .await?;
    let cookie = cookie::SESSION.set(&here(app, headers)?, &session.id.expose(), None)?;
    let headers = AppendHeaders([(header::SET_COOKIE, cookie)]);
    let location = [(header::LOCATION, attempt.return_to.as_str())];
    Ok((StatusCode::SEE_OTHER, location, headers).into_response())
}

/// What the issuer has sent.
struct Answer(Vec<(String, String)>);

impl Answer {
    fn of(uri: &Uri) -> Self {
        let pairs = Query::<Vec<(String, String)>>::try_from_uri(uri);
        Self(pairs.map(|Query(pairs)| pairs).unwrap_or_default())
    }

    /// A parameter that is there once.
    fn one(&self, name: &str) -> Option<&str> {
        let mut values = self.0.iter().filter(|(known, _)| known == name);
        match (values.next(), values.next()) {
            (Some((_, value)), None) => Some(value),
            _ => None,
        }
    }

    fn code(&self) -> Result<&str, Fault> {
        match (self.one(ERROR), self.one(CODE)) {
            (None, Some(code)) => Ok(code),
            (Some(ACCESS_DENIED), _) => Err(Fault::Denied),
            (Some(error), _) if FAULTS_OF_ITS_OWN.contains(&error) => Err(Fault::Unavailable),
            _ => Err(Fault::Failed),
        }
    }
}
