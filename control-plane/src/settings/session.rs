//! `public_url` and `[session]`: where people reach the web page, and how long they stay signed in.

use std::{ops::RangeInclusive, time::Duration};

use reqwest::Url;
use serde::Deserialize;

use super::{SettingsError, file::Places};
use crate::{domain::session::SessionTimes, publish::transport::is_on_this_machine};

/// The bounds of how long a session may stay unused, in seconds.
const IDLE_SECONDS: RangeInclusive<u64> = 60..=86_400;
/// The bounds of how long it may last, in seconds: a week at most.
const MAX_SECONDS: RangeInclusive<u64> = 60..=604_800;

/// `[session]` as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SessionFile {
    #[serde(default = "default_idle")]
    idle_seconds: u64,
    #[serde(default = "default_max")]
    max_seconds: u64,
}

const fn default_idle() -> u64 {
    900
}

const fn default_max() -> u64 {
    28_800
}

impl Default for SessionFile {
    fn default() -> Self {
        Self {
            idle_seconds: default_idle(),
            max_seconds: default_max(),
        }
    }
}

impl SessionFile {
    pub(super) fn check(&self, places: &Places<'_>) -> Result<SessionTimes, SettingsError> {
        let seconds = |name: &str, seconds: u64, range: RangeInclusive<u64>| {
            if range.contains(&seconds) {
                Ok(Duration::from_secs(seconds))
            } else {
                let problem = format!("must be {} to {}", range.start(), range.end());
                Err(places.error(&["session", name], problem))
            }
        };
        Ok(SessionTimes {
            idle: seconds("idle_seconds", self.idle_seconds, IDLE_SECONDS)?,
            longest: seconds("max_seconds", self.max_seconds, MAX_SECONDS)?,
        })
    }
}

/// Where browsers reach the service, as they write it in `Origin`: scheme, host and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl(String);

impl PublicUrl {
    /// `https://…`, or `http://` to this machine, without a path.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn new(text: &str) -> Result<Self, PublicUrlError> {
        let url: Url = text.parse().map_err(|_| PublicUrlError)?;
        let is_safe = match url.scheme() {
            "https" => url.host().is_some(),
            "http" => is_on_this_machine(&url),
            _ => false,
        };
        let is_bare = url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if is_safe && is_bare {
            Ok(Self(url.origin().ascii_serialization()))
        } else {
            Err(PublicUrlError)
        }
    }

    /// The origin, without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Not an address that browsers reach the page at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be what people write into their browsers, without a path: https://keyward.example.com; http:// only for this machine"
)]
pub struct PublicUrlError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_is_an_origin() {
        for (text, origin) in [
            ("https://Keyward.Example:443/", "https://keyward.example"),
            ("https://keyward.example:8443", "https://keyward.example:8443"),
            ("http://localhost:8080", "http://localhost:8080"),
            ("http://[::1]:8080", "http://[::1]:8080"),
        ] {
            assert_eq!(PublicUrl::new(text).unwrap().as_str(), origin);
        }
        for bad in [
            "",
            "keyward.example",
            "http://keyward.example",
            "https://keyward.example/admin",
            "https://keyward.example/?a",
            "https://u:p@keyward.example",
            "ftp://keyward.example",
        ] {
            assert_eq!(PublicUrl::new(bad), Err(PublicUrlError), "{bad}");
        }
    }
}
