//! What is answered.

use keyward_shared::{
    DenyReason, Record, UnixSeconds,
    forward::identity,
    guard::{Allowance, Standing},
    route::Access,
};
use serde::Serialize;

use crate::{
    answer::Answer, deployment::Deployment, grant::Caller, refusal::Refusal, request_id::RequestId,
    verdict::Verdict,
};

/// The verdict as JSON. Every field is always there.
#[derive(Serialize)]
struct Body<'a> {
    valid: bool,
    code: &'static str,
    status: u16,
    detail: Option<&'static str>,
    challenge: Option<String>,
    retry_after_seconds: Option<u64>,
    key_id: Option<&'a str>,
    organization: Option<&'a str>,
    service: Option<&'a str>,
    environment: Option<&'static str>,
    scopes: Option<&'a [String]>,
    plan: Option<&'a str>,
    expires_at: Option<String>,
    rate_limits: RateLimits,
    request_id: String,
}

#[derive(Serialize)]
struct RateLimits {
    hour: Option<RateLimit>,
    month: Option<RateLimit>,
}

#[derive(Serialize)]
struct RateLimit {
    limit: u64,
    remaining: u64,
    reset_seconds: u64,
}

/// Makes the answer of a verdict.
pub(super) fn answer(deployment: &Deployment, verdict: &Verdict<'_>, request_id: RequestId) -> Answer {
    let body = match verdict {
        Ok(grant) => {
            let record = match &grant.caller {
                Caller::Known(signed) => Some(signed.record()),
                // Where no record was read nobody is let in, as questions are decided.
                Caller::Anyone | Caller::Unknown => None,
            };
            let service = match &grant.route.access {
                Access::Key { service, .. } => Some(service.as_str()),
                Access::Public => None,
            };
            allowed(deployment, record, service, &grant.standing, request_id)
        }
        Err(refusal) => refused(deployment, refusal, request_id),
    };
    let mut answer = Answer::json(200, "application/json", &body);
    let header = (identity::REQUEST_ID, request_id.to_string());
    answer.headers.push(header);
    answer
}

fn allowed<'a>(
    deployment: &Deployment,
    record: Option<&'a Record>,
    service: Option<&'a str>,
    standing: &Standing,
    request_id: RequestId,
) -> Body<'a> {
    Body {
        valid: true,
        code: "ok",
        status: 200,
        detail: None,
        challenge: None,
        retry_after_seconds: None,
        key_id: record.map(|record| record.key_id.as_str()),
        organization: record.map(|record| record.organization.as_str()),
        service,
        environment: Some(deployment.environment.as_str()),
        scopes: record.map(|record| record.scopes.as_slice()),
        plan: record.map(|record| record.plan.as_str()),
        expires_at: record
            .and_then(|record| record.expires_at)
            .map(UnixSeconds::rfc3339),
        rate_limits: RateLimits::of(standing),
        request_id: request_id.to_string(),
    }
}

/// Of a key that is not valid only its id is told, and not even that where there is no such key for who asks.
fn refused<'a>(deployment: &Deployment, refusal: &'a Refusal<'_>, request_id: RequestId) -> Body<'a> {
    let is_unknown = refusal.reason == DenyReason::InvalidKey;
    Body {
        valid: false,
        code: refusal.reason.code(),
        status: refusal.reason.status(),
        detail: Some(refusal.reason.detail()),
        challenge: refusal.challenge(&deployment.realm),
        retry_after_seconds: refusal.retry_after_seconds(),
        key_id: refusal.key_id.as_deref().filter(|_| !is_unknown),
        organization: None,
        service: None,
        environment: None,
        scopes: None,
        plan: None,
        expires_at: None,
        rate_limits: RateLimits::of(&refusal.standing),
        request_id: request_id.to_string(),
    }
}

impl RateLimits {
    fn of(standing: &Standing) -> Self {
        let shown = |allowance: Allowance| RateLimit {
            limit: allowance.limit,
            remaining: allowance.left,
            reset_seconds: allowance.reset_ms.div_ceil(1000),
        };
        Self {
            hour: standing.hour.map(shown),
            month: standing.month.map(shown),
        }
    }
}
