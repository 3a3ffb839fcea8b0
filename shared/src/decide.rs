//! The decision: may this record's key make this request now?

use core::net::IpAddr;

use crate::{
    environment::Environment,
    key::Family,
    reason::DenyReason,
    record::{Record, Status},
    time::UnixSeconds,
};

/// What the decision needs to know of a request.
#[derive(Clone, Copy, Debug)]
pub struct RequestFacts<'a> {
    /// The family that the key's prefix names; none for a key made elsewhere, of which only the record tells.
    pub family: Option<Family>,
    /// Whose keys count; none for those of every organization.
    pub organization: Option<&'a str>,
    /// The environment that the deployment serves.
    pub environment: Environment,
    /// The service that the route belongs to.
    pub service: &'a str,
    /// The scope that the route requires.
    pub scope: Option<&'a str>,
    /// The client's address, where it is known.
    pub client_ip: Option<IpAddr>,
}

/// Decides on the record alone: organization, status, expiry, environment, service, scope, client address; the first that fails is
/// the answer. It is cheap and has no memory, so it runs again on every request, cached record or not.
///
/// # Errors
/// The reason to refuse.
pub fn decide(record: &Record, facts: &RequestFacts<'_>, now: UnixSeconds) -> Result<(), DenyReason> {
    if facts
        .organization
        .is_some_and(|organization| organization != record.organization)
    {
        // For whoever asks, there is no such key.
        return Err(DenyReason::InvalidKey);
    }
    check_status(record.status)?;
    if record.expires_at.is_some_and(|expires_at| now >= expires_at) {
        return Err(if record.in_grace {
            DenyReason::Superseded
        } else {
            DenyReason::Expired
        });
    }
    match facts.family {
        Some(Family::Service(prefix)) if prefix != facts.environment => {
            return Err(DenyReason::WrongEnvironment);
        }
        Some(Family::Service(_)) | None => check_service_key(record, facts)?,
        Some(Family::Gateway) => check_gateway_key(record, facts)?,
    }
    if is_allowed_from(record, facts.client_ip) {
        Ok(())
    } else {
        Err(DenyReason::IpNotAllowed)
    }
}

fn check_status(status: Status) -> Result<(), DenyReason> {
    match status {
        Status::Active => Ok(()),
        Status::Deactivated => Err(DenyReason::Deactivated),
        Status::Revoked => Err(DenyReason::Revoked),
        Status::Superseded => Err(DenyReason::Superseded),
    }
}

/// A service key works in one environment, for one service; a route without a scope asks for no more. Keys made elsewhere are
/// service keys.
fn check_service_key(record: &Record, facts: &RequestFacts<'_>) -> Result<(), DenyReason> {
    if record.environment != Some(facts.environment) {
        return Err(DenyReason::WrongEnvironment);
    }
    if record.service.as_deref() != Some(facts.service) {
        return Err(DenyReason::WrongService);
    }
    match facts.scope {
        Some(scope) if !has_scope(record, scope) => Err(DenyReason::InsufficientScope),
        _ => Ok(()),
    }
}

/// A gateway key works in every environment and for every service, but only where a scope was granted to it: a route
/// without a scope refuses it.
fn check_gateway_key(record: &Record, facts: &RequestFacts<'_>) -> Result<(), DenyReason> {
    if record.environment.is_some() {
        return Err(DenyReason::WrongEnvironment);
    }
    match facts.scope {
        Some(scope) if has_scope(record, scope) => Ok(()),
        _ => Err(DenyReason::InsufficientScope),
    }
}

fn has_scope(record: &Record, scope: &str) -> bool {
    record.scopes.iter().any(|granted| granted == scope)
}

/// An allowlist with an unknown client refuses.
fn is_allowed_from(record: &Record, client_ip: Option<IpAddr>) -> bool {
    record.allowed_ips.is_empty()
        || client_ip.is_some_and(|address| record.allowed_ips.iter().any(|network| network.contains(address)))
}
