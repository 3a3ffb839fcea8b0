//! The requests that contestants get, as they are sent.

use keyward_shared::route::QUESTIONS_PATH;
use serde_json::json;

use crate::{
    contestants::AskedWith,
    credentials::{Credentials, Forger},
};

/// How many forged keys are sent in turn.
const FORGERIES: usize = 20_000;
/// Where the requests say they come from: an address for documents (RFC 5737).
const CLIENT_IP: &str = "203.0.113.7";
/// What stands between two requests in a file for `wrk`.
const SEPARATOR: &str = "\0";

/// The same request with any credential. With the repository's routes.toml, a service, a scope and a meter are asked of the key.
#[must_use]
pub fn protected(credential: &str) -> String {
    request("/v1/predict", credential, "")
}

/// The question whether the key of `credentials` may make that request.
fn question(credentials: &Credentials) -> String {
    let question = json!({
        "key": credentials.key(),
        "service": "prediction",
        "scope": "predict",
        "client_ip": CLIENT_IP,
        "meter": "prediction",
    });
    request(QUESTIONS_PATH, credentials.verify_secret(), &question.to_string())
}

fn request(path: &str, credential: &str, body: &str) -> String {
    let mut head = format!(
        "POST {path} HTTP/1.1\r\nHost: edge\r\nAuthorization: Bearer {credential}\r\nCF-Connecting-IP: {CLIENT_IP}\r\n"
    );
    if !body.is_empty() {
        head += &format!(
            "Content-Type: application/json\r\nContent-Length: {}\r\n",
            body.len()
        );
    }
    format!("{head}\r\n{body}")
}

/// One request of the kind.
#[must_use]
pub fn one(asked_with: AskedWith, credentials: &Credentials, forger: &Forger) -> String {
    match asked_with {
        AskedWith::Key => protected(credentials.key()),
        AskedWith::Forgeries => protected(&forger.forge()),
        AskedWith::Question => question(credentials),
    }
}

/// All requests of the kind, as `load.lua` reads them.
#[must_use]
pub fn file(asked_with: AskedWith, credentials: &Credentials, forger: &Forger) -> String {
    let count = if asked_with == AskedWith::Forgeries {
        FORGERIES
    } else {
        1
    };
    let requests: Vec<_> = (0..count).map(|_| one(asked_with, credentials, forger)).collect();
    requests.join(SEPARATOR)
}
