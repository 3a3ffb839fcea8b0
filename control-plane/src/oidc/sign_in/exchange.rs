//! A code for an ID token, at the issuer's token endpoint (RFC 6749 §4.1.3, OpenID Connect Core §3.1.3).

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use form_urlencoded::{Serializer, byte_serialize};
use reqwest::{
    RequestBuilder, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE},
};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{Metadata, OidcSettings, SignInError};
use crate::{oidc::fetch, publish::transport};

/// How long the issuer has to answer. A browser waits for it.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What is sent, and where.
pub(super) struct Exchange<'a> {
    pub(super) settings: &'a OidcSettings,
    pub(super) metadata: &'a Metadata,
    pub(super) code: &'a str,
    pub(super) verifier: &'a str,
}

/// The one thing of the answer that matters: nothing is asked of the issuer in the person's name.
#[derive(Deserialize)]
struct Tokens {
    id_token: String,
}

/// Why the issuer says no (RFC 6749 §5.2).
#[derive(Deserialize)]
struct Refusal {
    error: String,
}

/// The ID token.
pub(super) async fn exchange(exchange: Exchange<'_>) -> Result<Zeroizing<String>, SignInError> {
    let answer = request(&exchange)?.send().await;
    let unavailable = |why: String| SignInError::Unavailable(format!("the issuer's token endpoint: {why}"));
    let answer = answer.map_err(|error| unavailable(fetch::explain(error)))?;
    let status = answer.status();
    let body = fetch::whole(answer).await.map_err(unavailable)?;
    if status == StatusCode::OK {
        let tokens: Tokens = serde_json::from_slice(&body)
            .map_err(|_| unavailable("its answer has no ID token; is `openid` in the scope?".to_owned()))?;
        return Ok(Zeroizing::new(tokens.id_token));
    }
    let refusal = serde_json::from_slice(&body).map(|Refusal { error }| error);
    match refusal.as_deref() {
        Ok("invalid_grant") => Err(SignInError::Code("invalid_grant".to_owned())),
        // Ours to mend, and not the person's: the log says so.
        Ok("invalid_client" | "unauthorized_client") => Err(unavailable(
            "it does not know this service: check client_id and client_secret in [oidc]".to_owned(),
        )),
        _ => Err(unavailable(format!("its answer was {}", status.as_u16()))),
    }
}

/// The form, and with it or beside it who sends it.
fn request(exchange: &Exchange<'_>) -> Result<RequestBuilder, SignInError> {
    let Exchange {
        settings,
        metadata,
        code,
        verifier,
    } = exchange;
    let mut form = Serializer::new(String::new());
    form.append_pair("grant_type", "authorization_code")
        .append_pair("code", code)
        .append_pair("redirect_uri", &settings.redirect_url)
        .append_pair("code_verifier", verifier);
    let url = metadata.token_endpoint.clone();
    let client = transport::client(&url, TIMEOUT).map_err(SignInError::Unavailable)?;
    let mut request = client
        .post(url)
        .header(ACCEPT, "application/json")
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    match &settings.client_secret {
        None => {
            form.append_pair("client_id", &settings.client_id);
        }
        Some(secret) if metadata.takes("client_secret_basic") => {
            let value = basic(&settings.client_id, secret.expose());
            request = request.header(AUTHORIZATION, value.as_str());
        }
        Some(secret) if metadata.takes("client_secret_post") => {
            form.append_pair("client_id", &settings.client_id)
                .append_pair("client_secret", secret.expose());
        }
        Some(_) => {
            let why =
                "the issuer takes a client's secret neither by client_secret_basic nor by client_secret_post";
            return Err(SignInError::Unavailable(why.to_owned()));
        }
    }
    Ok(request.body(form.finish()))
}

/// How a client shows its secret (RFC 6749 §2.3.1): both parts are encoded as in forms before they are joined.
fn basic(id: &str, secret: &str) -> Zeroizing<String> {
    let part = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let joined = Zeroizing::new(format!("{}:{}", part(id), part(secret)));
    Zeroizing::new(format!("Basic {}", STANDARD.encode(joined.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_separates_the_two_parts_is_encoded_in_both() {
        let sent = basic("a:b", "c d%ä");
        let decoded = STANDARD.decode(sent.strip_prefix("Basic ").unwrap()).unwrap();
        assert_eq!(decoded, b"a%3Ab:c+d%25%C3%A4");
    }
}
