//! Why a request is refused: a closed list, with the HTTP answer to each.

use alloc::{format, string::String};

/// A reason to refuse. Its [`code`](DenyReason::code) is the `code` of the problem document (RFC 9457).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DenyReason {
    /// No bearer credential was sent.
    MissingCredential,
    /// The credential cannot be read as one credential.
    MalformedRequest(Malformed),
    /// Shape, checksum or tag is wrong, or nobody knows the key.
    InvalidKey,
    /// The key is deactivated and may come back.
    Deactivated,
    /// The key was revoked.
    Revoked,
    /// The key was rotated.
    Superseded,
    /// The key's time is over.
    Expired,
    /// The key belongs to another environment than the deployment.
    WrongEnvironment,
    /// The key is for another service than the route's.
    WrongService,
    /// The key lacks the route's scope.
    InsufficientScope,
    /// The client's address is not on the key's allowlist.
    IpNotAllowed,
    /// The hourly limit is used up.
    RateLimited,
    /// Too many keys that nobody knows came from the client's address.
    TooManyUnknownKeys,
    /// The monthly quota is used up.
    QuotaExceeded,
    /// No route matches the method and path.
    NoRoute,
    /// We cannot decide: a fault of ours.
    Unavailable,
    /// The upstream could not be reached or broke off.
    UpstreamFailed,
    /// The upstream did not answer in time.
    UpstreamTimeout,
}

/// What is malformed about a request's credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Malformed {
    /// More than one credential.
    TwoCredentials,
    /// Longer than [`crate::credential::MAX_CREDENTIAL_BYTES`].
    TooLong,
    /// Not printable ASCII.
    NotAscii,
}

impl DenyReason {
    /// Every reason once, for tables and tests.
    pub const ALL: [Self; 20] = [
        Self::MissingCredential,
        Self::MalformedRequest(Malformed::TwoCredentials),
        Self::MalformedRequest(Malformed::TooLong),
        Self::MalformedRequest(Malformed::NotAscii),
        Self::InvalidKey,
        Self::Deactivated,
        Self::Revoked,
        Self::Superseded,
        Self::Expired,
        Self::WrongEnvironment,
        Self::WrongService,
        Self::InsufficientScope,
        Self::IpNotAllowed,
        Self::RateLimited,
        Self::TooManyUnknownKeys,
        Self::QuotaExceeded,
        Self::NoRoute,
        Self::Unavailable,
        Self::UpstreamFailed,
        Self::UpstreamTimeout,
    ];

    /// The stable name for programs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::MissingCredential => "missing_credential",
            Self::MalformedRequest(_) => "malformed_request",
            Self::InvalidKey => "invalid_key",
            Self::Deactivated => "deactivated",
            Self::Revoked => "revoked",
            Self::Superseded => "superseded",
            Self::Expired => "expired",
            Self::WrongEnvironment => "wrong_environment",
            Self::WrongService => "wrong_service",
            Self::InsufficientScope => "insufficient_scope",
            Self::IpNotAllowed => "ip_not_allowed",
            Self::RateLimited | Self::TooManyUnknownKeys => "rate_limited",
            Self::QuotaExceeded => "quota_exceeded",
            Self::NoRoute => "no_route",
            Self::Unavailable => "unavailable",
            Self::UpstreamFailed => "upstream_failed",
            Self::UpstreamTimeout => "upstream_timeout",
        }
    }

    /// Whether it says something of a key of ours, whose record was read: such refusals are counted for the key.
    pub const fn is_of_key(self) -> bool {
        match self {
            Self::Deactivated
            | Self::Revoked
            | Self::Superseded
            | Self::Expired
            | Self::WrongEnvironment
            | Self::WrongService
            | Self::InsufficientScope
            | Self::IpNotAllowed
            | Self::RateLimited
            | Self::QuotaExceeded => true,
            Self::MissingCredential
            | Self::MalformedRequest(_)
            | Self::InvalidKey
            | Self::TooManyUnknownKeys
            | Self::NoRoute
            | Self::Unavailable
            | Self::UpstreamFailed
            | Self::UpstreamTimeout => false,
        }
    }

    /// The HTTP status of the answer.
    pub const fn status(self) -> u16 {
        match self {
            Self::MalformedRequest(_) => 400,
            Self::MissingCredential
            | Self::InvalidKey
            | Self::Deactivated
            | Self::Revoked
            | Self::Superseded
            | Self::Expired => 401,
            Self::WrongEnvironment | Self::WrongService | Self::InsufficientScope | Self::IpNotAllowed => 403,
            Self::NoRoute => 404,
            Self::RateLimited | Self::TooManyUnknownKeys | Self::QuotaExceeded => 429,
            Self::UpstreamFailed => 502,
            Self::Unavailable => 503,
            Self::UpstreamTimeout => 504,
        }
    }

    /// A few words for people, the same for every occurrence.
    pub const fn title(self) -> &'static str {
        match self {
            Self::MissingCredential => "Missing credential",
            Self::MalformedRequest(_) => "Malformed request",
            Self::InvalidKey => "Invalid API key",
            Self::Deactivated => "API key deactivated",
            Self::Revoked => "API key revoked",
            Self::Superseded => "API key superseded",
            Self::Expired => "API key expired",
            Self::WrongEnvironment => "Wrong environment",
            Self::WrongService => "Wrong service",
            Self::InsufficientScope => "Insufficient scope",
            Self::IpNotAllowed => "Client address not allowed",
            Self::RateLimited | Self::TooManyUnknownKeys => "Rate limit exceeded",
            Self::QuotaExceeded => "Monthly quota exceeded",
            Self::NoRoute => "No such route",
            Self::Unavailable => "Temporarily unavailable",
            Self::UpstreamFailed => "Upstream failed",
            Self::UpstreamTimeout => "Upstream timed out",
        }
    }

    /// A sentence that says what was wrong and what to do.
    pub const fn detail(self) -> &'static str {
        match self {
            Self::MissingCredential => "No API key was sent. Send it as `Authorization: Bearer <key>`.",
            Self::MalformedRequest(Malformed::TwoCredentials) => {
                "More than one credential was sent. Send one `Authorization: Bearer <key>` header and no `Api-Key`."
            }
            Self::MalformedRequest(Malformed::TooLong) => {
                "The Authorization header is longer than 256 bytes."
            }
            Self::MalformedRequest(Malformed::NotAscii) => {
                "The Authorization header has a character that is not printable ASCII."
            }
            Self::InvalidKey => "The API key is not valid. Check that it was copied whole.",
            Self::Deactivated => "The API key is deactivated. Ask whoever manages it to activate it again.",
            Self::Revoked => "The API key was revoked. Ask for a new one.",
            Self::Superseded => "The API key was rotated. Use the key that replaced it.",
            Self::Expired => "The API key has expired. Ask for a new one.",
            Self::WrongEnvironment => "The API key belongs to another environment than this address serves.",
            Self::WrongService => "The API key is for another service than this path belongs to.",
            Self::InsufficientScope => "The API key lacks the scope that this path requires.",
            Self::IpNotAllowed => "The API key may not be used from this client address.",
            Self::RateLimited => {
                "The API key's hourly limit is used up. Try again after the time in Retry-After."
            }
            Self::TooManyUnknownKeys => {
                "Too many unknown API keys came from this client address. Try again after the time in Retry-After."
            }
            Self::QuotaExceeded => {
                "The API key's monthly quota is used up. It starts anew with the month (UTC)."
            }
            Self::NoRoute => "No route matches this method and path.",
            Self::Unavailable => {
                "The request could not be checked just now. Try again after the time in Retry-After."
            }
            Self::UpstreamFailed => "The service behind this address could not be reached or broke off.",
            Self::UpstreamTimeout => "The service behind this address did not answer in time.",
        }
    }

    /// The `type` of the problem document.
    pub fn type_uri(self) -> String {
        format!("urn:keyward:problem:{}", self.code())
    }

    /// The `WWW-Authenticate` header (RFC 6750 §3), where the status asks for one. `scope` is the route's.
    pub fn challenge(self, realm: &str, scope: Option<&str>) -> Option<String> {
        let error = match self {
            Self::MissingCredential => return Some(format!("Bearer realm=\"{realm}\"")),
            Self::MalformedRequest(_) => "invalid_request",
            Self::InvalidKey | Self::Deactivated | Self::Revoked | Self::Superseded | Self::Expired => {
                "invalid_token"
            }
            Self::InsufficientScope => "insufficient_scope",
            _ => return None,
        };
        let mut challenge = format!(
            "Bearer realm=\"{realm}\", error=\"{error}\", error_description=\"{}\"",
            self.title()
        );
        if let (Self::InsufficientScope, Some(scope)) = (self, scope) {
            challenge.push_str(&format!(", scope=\"{scope}\""));
        }
        Some(challenge)
    }

    /// For a fault of ours, after how many seconds to try again.
    pub const fn retry_after_seconds(self) -> Option<u32> {
        match self {
            Self::Unavailable => Some(1),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_follow_rfc_6750() {
        let challenge = |reason: DenyReason| reason.challenge("keyward", Some("read"));
        assert_eq!(
            challenge(DenyReason::MissingCredential).unwrap(),
            "Bearer realm=\"keyward\""
        );
        assert!(
            challenge(DenyReason::InsufficientScope)
                .unwrap()
                .ends_with("scope=\"read\"")
        );
        assert!(
            challenge(DenyReason::Revoked)
                .unwrap()
                .contains("error=\"invalid_token\"")
        );
        assert_eq!(challenge(DenyReason::WrongService), None);
    }

    #[test]
    fn every_401_has_a_challenge_and_every_detail_is_a_sentence() {
        for reason in DenyReason::ALL {
            assert_eq!(
                matches!(reason.status(), 400 | 401),
                reason.challenge("r", None).is_some() && reason != DenyReason::InsufficientScope,
                "{reason:?}"
            );
            assert!(reason.detail().ends_with('.'), "{reason:?}");
        }
    }
}
