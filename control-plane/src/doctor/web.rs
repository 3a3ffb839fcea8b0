//! One look over HTTP, without a credential.

use std::time::Duration;

use reqwest::{Method, Url};

use crate::publish::transport::{self, Failure};

const WITHIN: Duration = Duration::from_secs(5);
/// As much of an answer as is looked at.
const MOST_BYTES: usize = 64 * 1024;

/// What came back.
pub(super) struct Seen {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

/// Asks once. No redirect is followed.
///
/// # Errors
/// Why there was no answer.
pub(super) async fn look(method: Method, url: &Url) -> Result<Seen, &'static str> {
    let client = transport::client(url, WITHIN).map_err(|_| "the HTTP client could not be set up")?;
    let answer = client.request(method, url.clone()).send().await;
    let mut answer = answer.map_err(|error| match Failure::from(error) {
        Failure::Unreachable(why) => why,
        Failure::TimedOut => "no answer in time",
        Failure::Broken => "the connection broke",
    })?;
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = answer.chunk().await {
        if body.len() + chunk.len() > MOST_BYTES {
            break;
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Seen {
        status: answer.status().as_u16(),
        body,
    })
}
