//! User tokens: only those that the shared secret signed count, and only with claims that a second reader finds good.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::FutureExt as _;
use jiff::Timestamp;
use keyward_control_plane::{
    clock::Clock,
    oidc::{TokenKeys, UserTokens, VerifyingKey, is_subject},
};
use ring::hmac;
use serde_json::Value;

use crate::texts;

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
const ISSUER: &str = "https://id.example";
const AUDIENCE: &str = "keyward";
const NOW: i64 = 1_800_000_000;

#[derive(Debug)]
struct At;

impl Clock for At {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(NOW).unwrap_or_default()
    }
}

pub(crate) fn run(data: &[u8]) {
    let keys = TokenKeys::Shared(VerifyingKey::shared(SECRET));
    let tokens = UserTokens::new(ISSUER.into(), AUDIENCE.into(), keys, Arc::new(At));
    let subject = |token: &str| tokens.subject(token).now_or_never().and_then(Result::ok);
    let Some([header, claims]) = texts(data) else {
        return;
    };
    if let Ok(text) = str::from_utf8(data) {
        assert_eq!(subject(text), None, "nobody signed {text:?}");
    }
    let signed = [header, claims]
        .map(|part| URL_SAFE_NO_PAD.encode(part))
        .join(".");
    let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET), signed.as_bytes());
    let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac));
    let found = subject(&token);
    if found.is_some() {
        assert_eq!(found, second(header, claims), "{header} {claims}");
        assert_eq!(subject(&format!("{signed}.")), None, "without its signature");
        let other = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &[1; 32]), signed.as_bytes());
        assert_eq!(
            subject(&format!("{signed}.{}", URL_SAFE_NO_PAD.encode(other))),
            None
        );
    }
}

/// Whom a token is of, if the header asks for the one algorithm and the claims are for us.
fn second(header: &str, claims: &str) -> Option<String> {
    let header: Value = serde_json::from_str(header).ok()?;
    let claims: Value = serde_json::from_str(claims).ok()?;
    let audience = match &claims["aud"] {
        Value::Array(several) => several.iter().any(|one| one == AUDIENCE),
        one => one == AUDIENCE,
    };
    let is_good = header["alg"] == "HS256"
        && header.get("crit").is_none_or(Value::is_null)
        && claims["iss"] == ISSUER
        && audience
        && claims["exp"].as_f64()? > NOW as f64
        && claims["nbf"]
            .as_f64()
            .is_none_or(|from| from <= NOW as f64 + 10.0);
    let subject = claims["sub"].as_str()?;
    (is_good && is_subject(subject)).then(|| subject.to_owned())
}
