//! Why a call of the service came to nothing.

use std::fmt;

use serde::Deserialize;

use crate::publish::transport::Failure;

/// Where a credential cannot go.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Address {
    /// It is no base address.
    #[error("the address must be https://<host>, without user, query or fragment")]
    Url,
    /// The credential would be readable on its way.
    #[error("credentials are only sent over https://, or http:// to this machine")]
    Unencrypted,
    /// The credential is none. It is not repeated.
    #[error("the credential must be printable ASCII characters without spaces")]
    Credential,
    /// The HTTP client could not be set up.
    #[error("the HTTP client could not be set up: {0}")]
    Client(String),
}

/// Why a call came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// There was no connection.
    #[error(
        "cannot reach the service ({0}); check the address (`keyward whoami` says which) and the network"
    )]
    Unreachable(&'static str),
    /// There was no answer in time.
    #[error("the service did not answer in time; what was asked may have been done all the same")]
    TimedOut,
    /// The connection broke.
    #[error(
        "the connection broke before the answer was complete; what was asked may have been done all the same"
    )]
    Broken,
    /// The answer is none of the API.
    #[error("the answer is not one of Keyward's API; is the address that of the control plane?")]
    Unreadable,
    /// The service refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl ClientError {
    /// Whether the same request may go better.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Unreadable => false,
            Self::TimedOut | Self::Broken => true,
            Self::Refused(refusal) => {
                matches!(refusal.status, 502..=504) || refusal.code == "idempotency_key_in_flight"
            }
        }
    }
}

impl From<reqwest::Error> for ClientError {
    fn from(error: reqwest::Error) -> Self {
        match Failure::from(error) {
            Failure::Unreachable(why) => Self::Unreachable(why),
            Failure::TimedOut => Self::TimedOut,
            Failure::Broken => Self::Broken,
        }
    }
}

/// What the service says instead of an answer: a problem document (RFC 9457).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The stable name of what is wrong.
    pub code: String,
    title: String,
    detail: String,
    request_id: Option<String>,
    retry_after: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Document {
    title: String,
    detail: String,
    code: String,
    request_id: Option<String>,
}

impl Refusal {
    /// What an answer with this status means.
    pub(super) fn of(status: u16, retry_after: Option<u64>, body: &[u8]) -> Self {
        let document: Document = serde_json::from_slice(body).unwrap_or_default();
        Self {
            status,
            code: plain(&document.code),
            title: plain(&document.title),
            detail: plain(&document.detail),
            request_id: document.request_id.as_deref().map(plain),
            retry_after,
        }
    }
}

/// Without what a terminal would act on.
fn plain(text: &str) -> String {
    text.chars()
        .filter(|character| !character.is_control())
        .take(1000)
        .collect()
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.title.is_empty() {
            return write!(f, "the service answered with status {}", self.status);
        }
        write!(f, "{}: {}", self.title, self.detail)?;
        if let Some(seconds) = self.retry_after {
            write!(f, "\n  try again in {seconds} s")?;
        }
        match (self.status, self.code.as_str()) {
            (401, _) => f.write_str("\n  sign in again: keyward login")?,
            (403, "forbidden") => f.write_str("\n  `keyward whoami` says what you may do")?,
            _ => {}
        }
        let request = self.request_id.as_deref().unwrap_or("unknown");
        write!(f, "\n  code {}, request {request}", self.code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_told_in_its_own_words_and_without_control_characters() {
        let body = br#"{"title":"Conflict","status":409,"detail":"The key has \u001b[31mended.","code":"revoked","request_id":"r1"}"#;
        let refusal = Refusal::of(409, None, body);
        assert_eq!(
            refusal.to_string(),
            "Conflict: The key has [31mended.\n  code revoked, request r1"
        );
        let other = Refusal::of(502, None, b"<html>");
        assert_eq!(other.to_string(), "the service answered with status 502");
    }
}
