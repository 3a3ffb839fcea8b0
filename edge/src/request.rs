//! What the decision reads of a request: its line and a handful of headers, each taken once.

use std::net::IpAddr;

use keyward_shared::credential;

/// The head of a request. It holds a credential, so it does not print.
#[derive(Default)]
pub struct RequestHead {
    /// The method, as sent.
    pub method: String,
    /// The address, as the runtime gives it: absolute, and never resolved or decoded by us.
    pub url: String,
    /// `Authorization`, repeated fields joined by `, `.
    pub authorization: Option<String>,
    /// Whether there is an `Api-Key` field.
    pub has_api_key: bool,
    /// `Origin`.
    pub origin: Option<String>,
    /// `Access-Control-Request-Method`.
    pub requested_method: Option<String>,
    /// `CF-Connecting-IP`, which Cloudflare sets and no client can; `X-Forwarded-For` says whatever a client likes.
    pub client_ip: Option<IpAddr>,
}

impl RequestHead {
    /// Path and query. Empty when the address has none, as in `OPTIONS *`.
    pub fn path_and_query(&self) -> &str {
        let authority = self.url.find("://").map_or(0, |scheme| scheme + 3);
        let rest = self.url.get(authority..).unwrap_or_default();
        rest.find(['/', '?', '#'])
            .and_then(|start| rest.get(start..))
            .filter(|found| found.starts_with('/'))
            .unwrap_or_default()
    }

    /// The path. A `#`, which no client should send, stays in it and makes it ambiguous.
    pub fn path(&self) -> &str {
        let path_and_query = self.path_and_query();
        path_and_query
            .split_once('?')
            .map_or(path_and_query, |(path, _query)| path)
    }

    /// The method that a browser asks leave for: set in a CORS preflight, and in nothing else.
    pub fn preflight_for(&self) -> Option<&str> {
        let asks = self.method == "OPTIONS" && self.origin.is_some();
        self.requested_method.as_deref().filter(|_| asks)
    }

    /// The bearer token.
    ///
    /// # Errors
    /// As [`credential::bearer_token`].
    pub fn bearer_token(&self) -> Result<&str, keyward_shared::DenyReason> {
        credential::bearer_token(self.authorization.as_deref(), self.has_api_key)
    }

    /// Whether the answer may have a body (RFC 9110 §9.3.2).
    pub fn wants_body(&self) -> bool {
        self.method != "HEAD"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(url: &str) -> RequestHead {
        RequestHead {
            method: "GET".to_owned(),
            url: url.to_owned(),
            authorization: None,
            has_api_key: false,
            origin: None,
            requested_method: None,
            client_ip: None,
        }
    }

    #[test]
    fn the_address_is_cut_and_never_resolved() {
        for (url, path_and_query, path) in [
            ("https://a.example/b/c?d=/e?f", "/b/c?d=/e?f", "/b/c"),
            ("http://127.0.0.1:8787/a/../b", "/a/../b", "/a/../b"),
            ("http://a.example/a#b", "/a#b", "/a#b"),
            ("http://a.example", "", ""),
            ("http://a.example?b=/c", "", ""),
            ("http://a.example*", "", ""),
            ("/a?b", "/a?b", "/a"),
        ] {
            let head = head(url);
            assert_eq!(
                (head.path_and_query(), head.path()),
                (path_and_query, path),
                "{url}"
            );
        }
    }
}
