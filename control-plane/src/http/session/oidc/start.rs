//! `GET /api/v1/session/oidc/start`: sends the browser to the issuer.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse as _, Response},
};

use super::{Fault, RETURN_TO, cookie, here, sign_in};
use crate::{
    http::{App, Problem, query::Parameters},
    oidc::sign_in::{Attempt, LASTS, ReturnTo},
};

/// Begins an attempt, which only this browser can end. One that it has begun before is forgotten.
pub(super) async fn start(
    State(app): State<Arc<App>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let sign_in = sign_in(&app).await?;
    let here = here(&app, &headers)?;
    // Another site does not begin it: who has signed out stays signed out, whatever page is open beside.
    here.check_read(&headers)?;
    let parameters = Parameters::of(&uri, &[RETURN_TO])?;
    let return_to = match parameters.text(RETURN_TO) {
        None => ReturnTo::start(),
        Some(text) => ReturnTo::new(text).ok_or_else(|| {
            let detail = "`return_to` must be the path of a page here, such as /keys?search=a, of at most 1024 characters.";
            Problem::invalid(detail).of_field(RETURN_TO)
        })?,
    };
    // When the browser comes back, the issuer's site sends it, and the session's cookie stays behind.
    let replaced = cookie::session(&headers, &here)
        .ok()
        .flatten()
        .map(|id| id.hash());
    let attempt = Attempt::starting(return_to, replaced, app.clock.now(), app.entropy.as_ref());
    let to = match sign_in.begin(&attempt).await {
        Ok(to) => to,
        Err(error) => return Ok(Fault::of(&error).response()),
    };
    let sealed = sign_in.seal(&attempt, app.entropy.as_ref());
    let sealed = sealed.ok_or_else(|| Problem::internal(&"an attempt to sign in could not be sealed"))?;
    let cookie = cookie::SIGN_IN.set(&here, &sealed, Some(LASTS.as_secs()))?;
    let location = HeaderValue::try_from(String::from(to)).map_err(|error| Problem::internal(&error))?;
    let headers = [(header::LOCATION, location), (header::SET_COOKIE, cookie)];
    Ok((StatusCode::FOUND, headers).into_response())
}
