//! Where the Worker of a deployment is.

use keyward_shared::sync::PATH;
use reqwest::Url;

use crate::publish::transport::is_on_this_machine;

/// The address that syncs go to, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeEndpoint(pub(super) Url);

impl EdgeEndpoint {
    /// `base` is the address of the Worker: `https://api.example.com`, or `http://127.0.0.1:8787` for the local runtime.
    ///
    /// # Errors
    /// [`EdgeEndpointError`].
    pub fn new(base: &str) -> Result<Self, EdgeEndpointError> {
        let mut url: Url = base.parse().map_err(|_| EdgeEndpointError::Address)?;
        let plain = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
            && url.path() == "/";
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() || !plain {
            return Err(EdgeEndpointError::Address);
        }
        url.set_path(PATH);
        let endpoint = Self(url);
        if endpoint.0.scheme() == "http" && !is_on_this_machine(&endpoint.0) {
            return Err(EdgeEndpointError::Unencrypted);
        }
        Ok(endpoint)
    }

    /// Another address of the Worker.
    pub fn at(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        url.set_path(path);
        url
    }
}

/// Why there is no client for an edge.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EdgeEndpointError {
    /// The base is no address of a Worker.
    #[error(
        "the edge's address must be https:// and a host, without a path: Keyward's own paths are at its root"
    )]
    Address,
    /// Records would be readable on their way.
    #[error("records are only sent over https://, or http:// to this machine")]
    Unencrypted,
    /// The HTTP client could not be set up.
    #[error("the HTTP client could not be set up: {0}")]
    Client(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_our_own() {
        for (base, url) in [
            ("https://api.example.com", "https://api.example.com/.keyward/sync"),
            ("http://127.0.0.1:8787/", "http://127.0.0.1:8787/.keyward/sync"),
            ("http://[::1]:8787", "http://[::1]:8787/.keyward/sync"),
        ] {
            assert_eq!(EdgeEndpoint::new(base).unwrap().0.as_str(), url);
        }
    }

    #[test]
    fn what_is_no_address_of_a_worker_is_refused() {
        for base in [
            "",
            "api.example.com",
            "ftp://host",
            "https://me:pw@host",
            "https://host/path",
            "https://host/?a=b",
        ] {
            assert_eq!(EdgeEndpoint::new(base), Err(EdgeEndpointError::Address), "{base}");
        }
        assert_eq!(
            EdgeEndpoint::new("http://api.example.com"),
            Err(EdgeEndpointError::Unencrypted)
        );
    }
}
