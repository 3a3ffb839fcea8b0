//! What an assertion says.

use keyward_shared::{Record, UnixMillis, route::Access};
use serde::Serialize;

use super::Issuer;
use crate::grant::{Caller, Grant};

/// The header `typ` (RFC 8725 §3.11): no token made for another purpose passes for an assertion, nor one for another.
pub const TYPE: &str = "keyward-assertion+jwt";
/// The longest that an assertion is valid, in seconds, however long a lease is.
pub const MAX_VALID_SECONDS: u64 = 60;
/// How long it is valid past the moment until which it is used, in seconds: the request has to arrive.
pub const ON_THE_WAY_SECONDS: u64 = 5;

/// The claims, named as in RFC 7519 §4.1 and RFC 9068 §2.2 where those have a name.
#[derive(Serialize)]
pub(super) struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<&'a str>,
    environment: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    iat: i64,
    exp: i64,
}

impl<'a> Claims<'a> {
    /// What is true of a request at `now`. `audience` is the origin of its upstream. The assertion is good for requests that are
    /// let through until `used_until`.
    pub(super) fn new(
        issuer: &'a Issuer,
        audience: &'a str,
        grant: &'a Grant<'_>,
        now: UnixMillis,
        used_until: UnixMillis,
    ) -> Self {
        let record = record(grant);
        let expires_at = used_until
            .after(ON_THE_WAY_SECONDS * 1000)
            .min(now.after(MAX_VALID_SECONDS * 1000));
        let scopes = record.map(|record| record.scopes.join(" "));
        Self {
            iss: &issuer.name,
            aud: audience,
            sub: record.map(|record| record.key_id.as_str()),
            organization: record.map(|record| record.organization.as_str()),
            service: service(grant),
            environment: issuer.environment.as_str(),
            // A list without any has no form (RFC 6749 §3.3).
            scope: scopes.filter(|scopes| !scopes.is_empty()),
            iat: now.seconds().0,
            exp: expires_at.seconds().0,
        }
    }
}

/// The record of the caller's key, where there is one.
pub(super) fn record<'a>(grant: &'a Grant<'_>) -> Option<&'a Record> {
    match (&grant.caller, &grant.route.access) {
        (Caller::Known(signed), Access::Key { .. }) => Some(signed.record()),
        (Caller::Unknown | Caller::Anyone, _) | (_, Access::Public) => None,
    }
}

/// The service of the route, which a public one has not.
pub(super) fn service<'a>(grant: &'a Grant<'_>) -> Option<&'a str> {
    match &grant.route.access {
        Access::Key { service, .. } => Some(service),
        Access::Public => None,
    }
}
