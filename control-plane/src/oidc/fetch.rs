//! Fetching an issuer's keys over HTTP.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::{Client, Response, Url, header::ACCEPT};

use super::{KeySet, published::KeySource};
use crate::publish::transport::{self, Failure, is_on_this_machine};

/// How long a fetch may take; requests with unknown keys wait for it.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The largest document, in bytes.
const MAX_BYTES: usize = 256 * 1024;

/// The address of a JSON Web Key Set, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeysEndpoint(Url);

impl KeysEndpoint {
    /// `https://…`, or `http://` to this machine.
    ///
    /// # Errors
    /// [`KeysEndpointError`].
    pub fn new(address: &str) -> Result<Self, KeysEndpointError> {
        safe_url(address).map(Self).ok_or(KeysEndpointError)
    }
}

/// An address that an issuer may be asked at: `https://…`, or `http://` to this machine, without a name and a password.
pub(crate) fn safe_url(address: &str) -> Option<Url> {
    let url: Url = address.parse().ok()?;
    let is_safe = match url.scheme() {
        "https" => url.host().is_some(),
        "http" => is_on_this_machine(&url),
        _ => false,
    };
    (is_safe && url.username().is_empty() && url.password().is_none()).then_some(url)
}

/// Not an address that keys may come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be the https:// address of the issuer's JSON Web Key Set (its `jwks_uri`); http:// only to this machine"
)]
pub struct KeysEndpointError;

/// The key set at an address.
#[derive(Debug)]
pub struct PublishedAt {
    client: Client,
    url: Url,
}

impl PublishedAt {
    /// A client for the address. The process-wide TLS provider must have been installed.
    ///
    /// # Errors
    /// Why it cannot be set up, for people.
    pub fn new(endpoint: &KeysEndpoint) -> Result<Self, String> {
        let url = endpoint.0.clone();
        Ok(Self {
            client: transport::client(&url, TIMEOUT)?,
            url,
        })
    }
}

#[async_trait]
impl KeySource for PublishedAt {
    async fn fetch(&self) -> Result<KeySet, String> {
        let request = self
            .client
            .get(self.url.clone())
            .header(ACCEPT, "application/json");
        let answer = request.send().await.map_err(explain)?;
        if !answer.status().is_success() {
            return Err(format!("the answer was {}", answer.status().as_u16()));
        }
        KeySet::parse(&whole(answer).await?)
    }
}

/// The body of an answer, if it is not too large.
pub(super) async fn whole(mut answer: Response) -> Result<Vec<u8>, String> {
    let mut document = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(explain)? {
        if document.len() + chunk.len() > MAX_BYTES {
            return Err(format!("the document is larger than {MAX_BYTES} bytes"));
        }
        document.extend_from_slice(&chunk);
    }
    Ok(document)
}

/// Why there was no answer, for people.
pub(super) fn explain(error: reqwest::Error) -> String {
    match Failure::from(error) {
        Failure::Unreachable(why) => why.to_owned(),
        Failure::TimedOut => "no answer in time".to_owned(),
        Failure::Broken => "the answer broke off".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_over_https_or_from_this_machine() {
        for good in [
            "https://id.example/jwks?x=1",
            "http://127.0.0.1:9/jwks",
            "http://localhost/",
        ] {
            assert!(KeysEndpoint::new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "id.example",
            "http://id.example/jwks",
            "ftp://id.example",
            "https://u:p@id.example",
        ] {
            assert_eq!(KeysEndpoint::new(bad), Err(KeysEndpointError), "{bad}");
        }
    }
}
