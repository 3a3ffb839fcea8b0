//! Where a namespace is, and the token that opens it.

use std::{fmt, str::FromStr};

use reqwest::{Url, header::HeaderValue};
use zeroize::Zeroizing;

use crate::publish::transport::is_on_this_machine;

/// The address of a namespace, checked.
#[derive(Clone, Debug)]
pub struct Endpoint {
    pub(super) namespace: Url,
    pub(super) token: Option<ApiToken>,
}

impl Endpoint {
    /// `base` is what stands before `/storage/kv`: `https://api.cloudflare.com/client/v4/accounts/<id>`, or
    /// `http://127.0.0.1:8787/cdn-cgi/explorer/api` for the local Worker runtime.
    ///
    /// # Errors
    /// [`EndpointError`].
    pub fn new(base: &str, namespace_id: &str, token: Option<ApiToken>) -> Result<Self, EndpointError> {
        let mut namespace: Url = base.parse().map_err(|_| EndpointError::Address)?;
        let plain = namespace.username().is_empty()
            && namespace.password().is_none()
            && namespace.query().is_none()
            && namespace.fragment().is_none();
        if !matches!(namespace.scheme(), "http" | "https") || namespace.host().is_none() || !plain {
            return Err(EndpointError::Address);
        }
        if namespace_id.is_empty() || !namespace_id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(EndpointError::Namespace);
        }
        namespace
            .path_segments_mut()
            .map_err(|()| EndpointError::Address)?
            .pop_if_empty()
            // The empty segment is the slash at the end, below which the calls are joined.
            .extend(["storage", "kv", "namespaces", namespace_id, ""]);
        let endpoint = Self { namespace, token };
        if endpoint.token.is_some()
            && endpoint.namespace.scheme() == "http"
            && !is_on_this_machine(&endpoint.namespace)
        {
            return Err(EndpointError::Unencrypted);
        }
        Ok(endpoint)
    }
}

/// Why there is no client for an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// The base is no address.
    #[error("the KV address must be http:// or https:// with a host and a path, and nothing else")]
    Address,
    /// The namespace id is not one.
    #[error("the KV namespace id must be letters and digits, as `wrangler kv namespace list` shows it")]
    Namespace,
    /// The token would be readable on its way.
    #[error("an API token is only sent over https://, or http:// to this machine")]
    Unencrypted,
    /// The HTTP client could not be set up.
    #[error("the HTTP client could not be set up: {0}")]
    Client(String),
}

/// A Cloudflare API token. It neither prints nor serialises.
#[derive(Clone)]
pub struct ApiToken {
    text: Zeroizing<String>,
    header: HeaderValue,
}

impl ApiToken {
    pub(super) fn header_value(&self) -> HeaderValue {
        self.header.clone()
    }

    /// The text without the token, wherever it stands in it.
    pub(super) fn cut_from(&self, text: &str) -> String {
        text.replace(self.text.as_str(), "…")
    }
}

impl FromStr for ApiToken {
    type Err = ApiTokenError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ApiTokenError);
        }
        let bearer = Zeroizing::new(format!("Bearer {text}"));
        let mut header = HeaderValue::from_str(&bearer).map_err(|_| ApiTokenError)?;
        header.set_sensitive(true);
        Ok(Self {
            text: Zeroizing::new(text.to_owned()),
            header,
        })
    }
}

impl fmt::Debug for ApiToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiToken(…)")
    }
}

/// The text is no token. It is not repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be printable ASCII characters without spaces")]
pub struct ApiTokenError;

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef";

    fn namespace(base: &str) -> Result<String, EndpointError> {
        Endpoint::new(base, ID, None).map(|endpoint| endpoint.namespace.to_string())
    }

    #[test]
    fn the_paths_of_the_api_follow_the_base() {
        let local = format!("http://127.0.0.1:8787/cdn-cgi/explorer/api/storage/kv/namespaces/{ID}/");
        assert_eq!(
            namespace("http://127.0.0.1:8787/cdn-cgi/explorer/api").unwrap(),
            local
        );
        assert_eq!(
            namespace("http://127.0.0.1:8787/cdn-cgi/explorer/api/").unwrap(),
            local
        );
    }

    #[test]
    fn what_is_no_base_is_refused() {
        for base in [
            "",
            "api.cloudflare.com",
            "ftp://host/",
            "https://me:pw@host/",
            "https://host/?a=b",
            "https://host/#a",
        ] {
            assert_eq!(namespace(base), Err(EndpointError::Address), "{base}");
        }
        for id in ["", "a/b", "..", "a b"] {
            assert_eq!(
                Endpoint::new("https://host", id, None).unwrap_err(),
                EndpointError::Namespace,
                "{id}"
            );
        }
    }

    #[test]
    fn a_token_is_never_sent_in_the_clear() {
        let token: ApiToken = "secret-token".parse().unwrap();
        let endpoint = |base| Endpoint::new(base, ID, Some(token.clone()));
        assert_eq!(
            endpoint("http://kv.example").unwrap_err(),
            EndpointError::Unencrypted
        );
        for base in [
            "https://kv.example",
            "http://localhost:1",
            "http://127.0.0.1:1",
            "http://[::1]:1",
        ] {
            assert!(endpoint(base).is_ok(), "{base}");
        }
    }

    #[test]
    fn a_token_never_prints() {
        let token: ApiToken = "secret-token".parse().unwrap();
        let endpoint = Endpoint::new("https://host", ID, Some(token.clone())).unwrap();
        let shown = format!("{token:?} {endpoint:?} {:?}", token.header_value());
        assert!(!shown.contains("secret-token"), "{shown}");
        assert_eq!(token.cut_from("bad token secret-token!"), "bad token …!");
        assert!("two words".parse::<ApiToken>().is_err() && "".parse::<ApiToken>().is_err());
    }
}
