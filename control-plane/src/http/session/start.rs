//! `POST /api/v1/session`: signs in.

use std::{fmt, net::SocketAddr, sync::Arc};

use axum::{
    Json,
    extract::{ConnectInfo, FromRequest, Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use super::{Origin, SessionInfo, cookie};
use crate::{
    domain::{Operation, Principal},
    http::{App, Problem, authentication::carries_credential, body::Body, openapi::Entry, refused::Witness},
};

/// What is shown once.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SignIn")]
struct SignIn {
    /// The admin token, an API key in a group, or a user token.
    token: Token,
}

/// The credential itself. It does not print.
#[derive(Deserialize, JsonSchema)]
#[serde(from = "String")]
#[schemars(with = "String")]
struct Token(Zeroizing<String>);

impl From<String> for Token {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Takes a credential for a cookie. A session that the browser had already ends.
pub(in crate::http) async fn start(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let here = Origin::of(&parts.headers, app.rules.public_url.as_ref())?;
    // Another page could sign the browser in as somebody else, who then reads what is done here.
    here.check_change(&parts.headers)?;
    if carries_credential(&parts) {
        let detail = "The token is sent in the body, and no other credential with it.";
        return Err(Problem::invalid(detail));
    }
    let client = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let client = client.map(|ConnectInfo(client)| client.ip());
    let witness = parts.extensions.get::<Witness>().cloned().unwrap_or_default();
    // What is no session any more, or never was one, is nothing that could be replaced.
    let replaced = cookie::session(&parts.headers, &here).ok().flatten();
    let Body(SignIn { token: Token(token) }) =
        Body::from_request(Request::from_parts(parts, body), &()).await?;
    let know = |actor, organization| witness.knows_key(actor, organization, Operation::StartSession);
    let found = app.by_token(&token, client, know).await;
    let principal = app.counted(found, client)?;
    witness.knows(&principal, Operation::StartSession);
    let (ends_at, how) = app.end_of(&principal, &token).await?;
    let replaced = replaced.map(|id| id.hash());
    let session = app.begin_session(&principal, ends_at, replaced, how).await?;
    let cookie = cookie::SESSION.set(&here, &session.id.expose(), None)?;
    let info = app.session_info(&principal, &session).await?;
    Ok((StatusCode::CREATED, [(header::SET_COOKIE, cookie)], Json(info)).into_response())
}

impl App {
    /// When a credential ends by itself, where nothing but it says so; and what it is called.
    async fn end_of(
        &self,
        principal: &Principal,
        token: &str,
    ) -> Result<(Option<Timestamp>, &'static str), Problem> {
        match (principal, &self.user_tokens) {
            (Principal::User(_), Some(tokens)) => {
                let identity = tokens.identify(token).await?;
                Ok((Some(identity.expires_at), "user_token"))
            }
            (Principal::ApiKey(_), _) => Ok((None, "api_key")),
            _ => Ok((None, "admin_token")),
        }
    }
}

/// How the description shows it.
pub(in crate::http) fn describe() -> Entry {
    Entry::new(
        "Sign in on the web page",
        "Takes a credential in the body, and answers with a cookie that stands for it: `__Host-keyward_session`, or `keyward_session` on \
         this machine without TLS. The session ends unused, after its time, and with the credential; the credential itself is not kept. \
         A request that changes something carries `X-CSRF-Token` besides the cookie.",
    )
    .without_credential()
    .body::<SignIn>(vec![("sign_in", json!({ "token": "hpk_…" }))])
    .answers::<SessionInfo>(201, "Signed in; `Set-Cookie` has the session.")
}
