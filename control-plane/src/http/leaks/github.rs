//! `POST /api/v1/leaks/github`: GitHub's secret scanning tells of keys that it found in public places
//! (<https://docs.github.com/en/code-security/secret-scanning/secret-scanning-partnership-program/secret-scanning-partner-program>).
//!
//! It carries no credential: GitHub signs the body, and nobody else is believed.

use std::{sync::Arc, time::Duration};

use axum::{
    Extension, Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, FromRequest as _, Request, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
    routing::post,
};
use keyward_shared::KeyHash;
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};
use tokio::sync::Semaphore;

use crate::{
    domain::principal::GITHUB,
    http::{App, Problem, body::Object, problem::no_such_path},
};

const PATH: &str = "/api/v1/leaks/github";
/// Which of GitHub's keys has signed, and the signature.
const IDENTIFIER: &str = "github-public-key-identifier";
const SIGNATURE: &str = "github-public-key-signature";
/// The largest body, in bytes: some thousands of matches.
const MAX_BODY_BYTES: usize = 1024 * 1024;
/// How many reports are read at once. Whether it was GitHub is known only when all of it is there.
const READ_AT_ONCE: usize = 4;
/// How long a report may take to arrive.
const READ_WITHIN: Duration = Duration::from_secs(10);
/// When GitHub is to come back that finds all places taken.
const COME_BACK_IN_SECONDS: u32 = 5;
/// The most characters of an address that is written down.
const MAX_URL: usize = 500;

/// A match. GitHub may add fields.
#[derive(Deserialize)]
struct Match {
    token: String,
    r#type: String,
    url: Option<String>,
    source: Option<String>,
}

/// Whether a match was a key. The key is named by its hash.
#[derive(Serialize)]
struct Label {
    token_hash: String,
    token_type: String,
    label: &'static str,
}

/// The route, with bounds of its own.
pub(in crate::http) fn router() -> Router<Arc<App>> {
    Router::new()
        .route(PATH, post(take))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(Extension(Arc::new(Semaphore::new(READ_AT_ONCE))))
}

/// Takes a report, and answers which of its matches were keys.
async fn take(
    State(app): State<Arc<App>>,
    Extension(places): Extension<Arc<Semaphore>>,
    request: Request,
) -> Result<Response, Problem> {
    let Some(keys) = &app.rules.github_keys else {
        return Err(no_such_path().await);
    };
    let identifier = one(request.headers(), IDENTIFIER)?;
    let signature = one(request.headers(), SIGNATURE)?;
    let _place = places
        .try_acquire()
        .map_err(|_| Problem::busy(COME_BACK_IN_SECONDS))?;
    let body = tokio::time::timeout(READ_WITHIN, Bytes::from_request(request, &app));
    let body = body
        .await
        .map_err(|_elapsed| Problem::too_slow())?
        .map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                Problem::invalid("The body is larger than 1 MiB. Send fewer matches.")
            }
            _ => Problem::invalid("The body broke off before its end."),
        })?;
    if !keys.have_signed(&identifier, &signature, &body) {
        tracing::warn!(
            "a leak report is not believed: it bears no signature of a key in github_secret_scanning_keys"
        );
        return Err(Problem::leaks_unsigned());
    }
    let matches: Vec<Object<Match>> = serde_json::from_slice(&body)
        .map_err(|_| Problem::invalid("The body is not a JSON array of matches with `token` and `type`."))?;
    let mut labels = Vec::with_capacity(matches.len());
    for Object(found) in matches {
        let Match {
            token,
            r#type,
            url,
            source,
        } = found;
        let shown = |text: Option<String>| {
            text.filter(|text| text.chars().count() <= MAX_URL && !text.contains(&token))
        };
        let mut told = Map::new();
        told.insert("by".to_owned(), json!("github"));
        told.insert("url".to_owned(), json!(shown(url)));
        told.insert("source".to_owned(), json!(shown(source)));
        let leaked = app.leaked(GITHUB, None, &token, &told).await?;
        labels.push(Label {
            token_hash: KeyHash::of(&token).to_string(),
            token_type: r#type,
            label: if leaked.is_some() {
                "true_positive"
            } else {
                "false_positive"
            },
        });
    }
    Ok(Json(labels).into_response())
}

/// The one value of a header.
fn one(headers: &HeaderMap, name: &str) -> Result<String, Problem> {
    let mut values = headers.get_all(name).iter();
    match (values.next().and_then(|value| value.to_str().ok()), values.next()) {
        (Some(value), None) => Ok(value.to_owned()),
        _ => Err(Problem::leaks_unsigned()),
    }
}
