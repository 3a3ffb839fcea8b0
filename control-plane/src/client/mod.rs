//! A client of the REST API, for the command line: one credential, one service.

use std::{fmt, time::Duration};

use reqwest::{
    Method, Response, StatusCode, Url,
    header::{AUTHORIZATION, HeaderName, HeaderValue},
};
use serde_json::Value;
use zeroize::Zeroizing;

pub use self::{
    error::{Address, ClientError, Refusal},
    pages::Pages,
};
use crate::publish::transport;

mod error;
mod pages;

/// The service waits up to half a minute for a change to be confirmed.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Reconcile, checks of the whole audit trail and exports take as long as they take.
const LONG: Duration = Duration::from_secs(6 * 60 * 60);
/// How often a request is sent again that says by its `Idempotency-Key` that it is the same one.
const TRIES: u32 = 3;

/// What a caller shows. It neither prints nor serialises.
#[derive(Clone)]
pub struct Credential(Zeroizing<String>);

impl Credential {
    /// Takes the admin token, a user token, an API key, or the legacy static key (`<organization id>|<random>`).
    ///
    /// # Errors
    /// [`Address::Credential`] for a text that no header can hold.
    pub fn new(text: &str) -> Result<Self, Address> {
        let text = text.trim();
        let is_credential = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        is_credential
            .then(|| Self(Zeroizing::new(text.to_owned())))
            .ok_or(Address::Credential)
    }

    /// The text, for who keeps or sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    fn header(&self) -> Result<(HeaderName, HeaderValue), Address> {
        let (name, text) = if self.0.contains('|') {
            (HeaderName::from_static("api-key"), self.0.clone())
        } else {
            (
                AUTHORIZATION,
                Zeroizing::new(format!("Bearer {}", self.0.as_str())),
            )
        };
        let mut value = HeaderValue::from_str(&text).map_err(|_| Address::Credential)?;
        value.set_sensitive(true);
        Ok((name, value))
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(…)")
    }
}

/// A base address to which a credential may be sent.
///
/// # Errors
/// [`Address`].
pub fn base(url: &str) -> Result<Url, Address> {
    let mut url: Url = url.parse().map_err(|_| Address::Url)?;
    let plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() || !plain {
        return Err(Address::Url);
    }
    if url.scheme() == "http" && !transport::is_on_this_machine(&url) {
        return Err(Address::Unencrypted);
    }
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty();
    }
    Ok(url)
}

/// A client of one service.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    credential: Option<(HeaderName, HeaderValue)>,
}

/// A request, in the making.
#[derive(Clone, Debug)]
pub struct Request {
    method: Method,
    path: Vec<String>,
    query: Vec<(&'static str, String)>,
    body: Option<Value>,
    idempotency_key: Option<String>,
    is_long: bool,
}

impl Request {
    /// A request for a path of segments, which are encoded where they have to be.
    pub fn new<S: Into<String>>(method: Method, path: impl IntoIterator<Item = S>) -> Self {
        Self {
            method,
            path: path.into_iter().map(Into::into).collect(),
            query: Vec::new(),
            body: None,
            idempotency_key: None,
            is_long: false,
        }
    }

    /// With a parameter, if there is a value for it.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: Option<impl fmt::Display>) -> Self {
        self.query.extend(value.map(|value| (name, value.to_string())));
        self
    }

    /// With a body.
    #[must_use]
    pub fn body(self, body: Value) -> Self {
        Self {
            body: Some(body),
            ..self
        }
    }

    /// With what makes it the same request however often it is sent.
    #[must_use]
    pub fn once(self, idempotency_key: &str) -> Self {
        Self {
            idempotency_key: Some(idempotency_key.to_owned()),
            ..self
        }
    }

    /// It may take hours.
    #[must_use]
    pub fn long(self) -> Self {
        Self {
            is_long: true,
            ..self
        }
    }
}

/// A good answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its body.
    pub body: Value,
    /// `Keyward-Propagation`, where there is one.
    pub propagation: Option<String>,
    /// The cursor of the next page, where there is one.
    pub next: Option<String>,
}

impl Client {
    /// A client of the service at `base`. The process-wide TLS provider must have been installed.
    ///
    /// # Errors
    /// [`Address`].
    pub fn new(base: Url, credential: Option<&Credential>) -> Result<Self, Address> {
        let http = transport::client(&base, LONG).map_err(Address::Client)?;
        Ok(Self {
            http,
            base,
            credential: credential.map(Credential::header).transpose()?,
        })
    }

    /// The service's address.
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// Sends a request, and reads the whole answer.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn send(&self, request: &Request) -> Result<Answer, ClientError> {
        let response = self.open(request).await?;
        let header = |name: &str| {
            let value = response.headers().get(name)?.to_str().ok()?;
            Some(value.to_owned())
        };
        let propagation = header("keyward-propagation");
        let next = header("link").and_then(|link| pages::next_cursor(&link));
        let body = response.bytes().await?;
        let body = serde_json::from_slice(&body).map_err(|_| ClientError::Unreadable)?;
        Ok(Answer {
            body,
            propagation,
            next,
        })
    }

    /// Sends a request, and gives the good answer whose body has yet to be read.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn open(&self, request: &Request) -> Result<Response, ClientError> {
        let mut tries = 1;
        loop {
            let failed = match self.open_once(request).await {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            let may_repeat = request.idempotency_key.is_some() || request.method == Method::GET;
            if !may_repeat || tries == TRIES || !failed.may_pass() {
                return Err(failed);
            }
            tokio::time::sleep(Duration::from_secs(1) * tries).await;
            tries += 1;
        }
    }

    async fn open_once(&self, request: &Request) -> Result<Response, ClientError> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.extend(&request.path);
        }
        let mut asked = self
            .http
            .request(request.method.clone(), url)
            .query(&request.query);
        if let Some((name, value)) = &self.credential {
            asked = asked.header(name, value);
        }
        if let Some(key) = &request.idempotency_key {
            asked = asked.header("idempotency-key", format!("\"{key}\""));
        }
        if let Some(body) = &request.body {
            asked = asked.json(body);
        }
        if !request.is_long {
            asked = asked.timeout(TIMEOUT);
        }
        let response = asked.send().await?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let retry_after = response.headers().get("retry-after");
        let retry_after = retry_after.and_then(|value| value.to_str().ok()?.parse().ok());
        let body = response.bytes().await.unwrap_or_default();
        Err(Refusal::of(status.as_u16(), retry_after, &body).into())
    }
}

/// What an answer means that is not ours to read, such as one of an API behind the edge.
pub fn is_refusal(status: StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base", &self.base.as_str())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_go_nowhere_in_the_clear() {
        for good in [
            "https://keys.example",
            "https://keys.example/base/",
            "http://127.0.0.1:8080",
            "http://localhost",
        ] {
            assert!(base(good).is_ok(), "{good}");
        }
        assert_eq!(base("http://keys.example").unwrap_err(), Address::Unencrypted);
        for bad in [
            "",
            "keys.example",
            "ftp://keys.example",
            "https://me:pw@keys.example",
            "https://keys.example/?a=b",
        ] {
            assert_eq!(base(bad).unwrap_err(), Address::Url, "{bad}");
        }
    }

    #[test]
    fn a_credential_never_prints() {
        let credential = Credential::new(" hpk_secret\n").unwrap();
        assert_eq!(credential.expose(), "hpk_secret");
        let shown = format!("{credential:?} {:?}", credential.header().unwrap());
        assert!(!shown.contains("secret"), "{shown}");
        assert!(Credential::new("").is_err() && Credential::new("two words").is_err());
    }

    #[test]
    fn the_static_key_has_a_header_of_its_own() {
        let name = |text: &str| Credential::new(text).unwrap().header().unwrap().0;
        assert_eq!(name("01900000-0000-7000-8000-000000000001|random"), "api-key");
        assert_eq!(name("hpk_x"), "authorization");
    }
}
