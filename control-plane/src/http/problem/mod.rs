//! Errors as problem documents (RFC 9457). `detail` is a sentence; the reference promises no more than that field.

use axum::{
    Json,
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use keyward_shared::{DenyReason, usage};
use schemars::JsonSchema;
use serde::Serialize;

use super::{refused::Refusal, request::RequestId};
use crate::{
    clock::whole_second,
    domain::{KeyId, Operation, Permission, authorization::Need},
    metrics::Unknown,
};

mod sources;

/// What the API answers when it does not do what was asked.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    field: Option<String>,
    retry_after_seconds: Option<u32>,
    challenge: Option<Challenge>,
    /// Whether it may stand for something that the caller must not see.
    may_hide: bool,
    /// What went wrong with us, for the log; never in the answer.
    cause: Option<String>,
}

/// What a 401 asks for (RFC 6750 §3.1: no error code where no credential was sent).
#[derive(Clone, Copy, Debug)]
enum Challenge {
    SendToken,
    SendAnother,
    /// A report of usage, signed with a sync secret.
    SignReport,
}

impl Challenge {
    const fn header(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::SendToken => "Bearer realm=\"keyward\"",
            Self::SendAnother => "Bearer realm=\"keyward\", error=\"invalid_token\"",
            Self::SignReport => usage::HEADER,
        })
    }
}

/// A problem document (RFC 9457). The reference promises `detail`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub(super) struct Document<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            field: None,
            retry_after_seconds: None,
            challenge: None,
            may_hide: false,
            cause: None,
        }
    }

    /// 400: the request cannot be read, or a field or parameter holds what it may not.
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", detail)
    }

    /// 401: no credential was sent. The challenge has no error code then (RFC 6750 §3.1).
    pub fn missing_credential() -> Self {
        let detail =
            "Missing admin token, user token or API key. Send one as `Authorization: Bearer <token>`.";
        let problem = Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail);
        Self {
            challenge: Some(Challenge::SendToken),
            ..problem
        }
    }

    /// 401: the credential is not a right one, or not any more.
    pub fn wrong_credential(detail: impl Into<String>) -> Self {
        let problem = Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail);
        Self {
            challenge: Some(Challenge::SendAnother),
            ..problem
        }
    }

    /// 401: there is no such session, or not any more.
    pub fn session_over() -> Self {
        Self::wrong_credential("Your session is over. Sign in again.")
    }

    /// 403: a request of a session that was perhaps not made by the page.
    pub fn csrf(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "csrf", detail)
    }

    /// 401, or 403 for where it is used from: the key is one, and not good any more or not here.
    pub fn refused_key(reason: DenyReason) -> Self {
        let status = StatusCode::from_u16(reason.status()).unwrap_or(StatusCode::UNAUTHORIZED);
        let problem = Self::new(status, reason.code(), reason.detail());
        Self {
            challenge: (status == StatusCode::UNAUTHORIZED).then_some(Challenge::SendAnother),
            ..problem
        }
    }

    /// Whether this is a 401 for a credential that was sent.
    pub(in crate::http) const fn is_wrong_credential(&self) -> bool {
        matches!(self.challenge, Some(Challenge::SendAnother))
    }

    /// What was wrong with the credential, if this is a 401 for it.
    pub(in crate::http) const fn unknown_caller(&self) -> Option<Unknown> {
        match self.challenge {
            Some(Challenge::SendToken) => Some(Unknown::Missing),
            Some(Challenge::SendAnother) => Some(Unknown::Wrong),
            Some(Challenge::SignReport) | None => None,
        }
    }

    /// 503: the service does not do all that it should.
    pub fn not_ready(detail: impl Into<String>) -> Self {
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", detail);
        Self {
            retry_after_seconds: Some(5),
            ..problem
        }
    }

    /// 403: the caller is known, and may not do this.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    /// 403: the caller lacks what the table asks for.
    pub fn not_permitted(operation: Operation) -> Self {
        let detail = match operation.need() {
            Need::SignIn | Need::Session => {
                "There is no session: the request carries its credential itself. POST /api/v1/session begins one.".to_owned()
            }
            Need::Credential | Need::Place | Need::PlatformAdmin => {
                "This is for the platform admin alone: it concerns all organizations.".to_owned()
            }
            Need::Person => "This is for persons, by a user token, and for the platform admin.".to_owned(),
            Need::In(permission) | Need::OnMember(permission) => {
                return Self::lacks(permission);
            }
            Need::OnKey { own, any } => {
                format!("You lack the permission {any}, or the permission {own} and a key of your own.")
            }
        };
        Self::forbidden(detail)
    }

    /// 403: the caller lacks a permission that what it asks for takes besides.
    pub fn lacks(permission: Permission) -> Self {
        Self::forbidden(format!(
            "You lack the permission {permission} in this organization."
        ))
    }

    /// 403: what is asked for would give more than the caller has.
    pub fn beyond_own() -> Self {
        Self::forbidden("You cannot grant what you do not have: scopes and groups beyond your own.")
    }

    /// 403: the role is above the caller's.
    pub fn beyond_own_role() -> Self {
        Self::forbidden(
            "You cannot give or take a role above your own: only an Owner makes and unmakes Owners.",
        )
    }

    /// 404: there is no such group, or it is not the caller's to see.
    pub fn group_not_found() -> Self {
        Self::hidden("Group not found")
    }

    /// 404: there is no such member.
    pub fn member_not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "Member not found")
    }

    /// 409: it does not go with how things stand.
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    /// 404: there is no such organization, or it is not the caller's to see.
    pub fn organization_not_found() -> Self {
        Self::hidden("Organization not found")
    }

    /// 503: something that this needs does not answer.
    pub fn unavailable(detail: impl Into<String>, retry_after_seconds: u32) -> Self {
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail);
        Self {
            retry_after_seconds: Some(retry_after_seconds),
            ..problem
        }
    }

    /// 404: there is no such key, or it is not the caller's to see.
    pub fn key_not_found() -> Self {
        Self::hidden("API key not found")
    }

    /// 404: what was asked for is not there, or another organization's.
    fn hidden(detail: &str) -> Self {
        Self {
            may_hide: true,
            ..Self::new(StatusCode::NOT_FOUND, "not_found", detail)
        }
    }

    /// Whether the caller is told that it may not, in whatever words. What is wrong with a request, or does not go with how things
    /// stand, is no refusal.
    const fn is_refusal(&self) -> bool {
        matches!(self.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) || self.may_hide
    }

    /// 429: too many failed tries from one address.
    pub fn too_many_failures(retry_after_seconds: u32) -> Self {
        let detail = "Too many wrong credentials came from this address. Wait for the time in Retry-After.";
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_failures", detail);
        Self {
            retry_after_seconds: Some(retry_after_seconds),
            ..problem
        }
    }

    /// 409: too many others change the same thing.
    pub fn contended() -> Self {
        Self::new(
            StatusCode::CONFLICT,
            "conflict",
            "The same thing is being changed by others. Read it and try again.",
        )
    }

    /// 403: a report of leaked keys bears no signature of GitHub's.
    pub fn leaks_unsigned() -> Self {
        let detail = "The report is not believed: it bears no signature of a key that github_secret_scanning_keys lists.";
        Self::new(StatusCode::FORBIDDEN, "invalid_signature", detail)
    }

    /// 409: the hash is a key's already. Whose, nobody is told.
    pub fn hash_taken() -> Self {
        Self::conflict("hash_taken", "There is a key with this hash already.").of_field("hash")
    }

    /// 429: a caller asks too often.
    pub fn too_many_questions(retry_after_seconds: u32) -> Self {
        let detail = "You ask too often. Wait for the time in Retry-After.";
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", detail);
        Self {
            retry_after_seconds: Some(retry_after_seconds),
            ..problem
        }
    }

    /// 422: the value of `Idempotency-Key` was sent with another request.
    pub fn reused() -> Self {
        let detail = "This Idempotency-Key came with another request to this operation. Send another value with each request, and the \
             same one only with the same path, query and body.";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused", detail)
    }

    /// 409: a request with the same `Idempotency-Key` is under way.
    pub fn in_flight() -> Self {
        let detail = "A request with this Idempotency-Key is still under way. Send it again as it is: it will not be done twice.";
        Self {
            retry_after_seconds: Some(1),
            ..Self::conflict("idempotency_key_in_flight", detail)
        }
    }

    /// 409: the request was done, and its answer is kept no longer.
    pub fn answer_gone(at: Timestamp, key: Option<KeyId>) -> Self {
        let at = whole_second(at);
        let made = key.map_or_else(String::new, |id| {
            format!(" It made the key {id}, whose text is not shown again: rotate it for a new one.")
        });
        let detail = format!(
            "The request with this Idempotency-Key was done at {at}, and its answer is kept no longer.{made} Send another value to do \
             it once more."
        );
        Self::conflict("idempotency_answer_gone", detail)
    }

    /// 401: a report of usage comes from a deployment that nobody here can know.
    pub fn unknown_deployment(id: &str) -> Self {
        let detail = format!(
            "The report is not believed: `{id}` is no deployment of this control plane, or one without sync_secrets."
        );
        Self::unsigned(detail)
    }

    fn unsigned(detail: String) -> Self {
        Self {
            challenge: Some(Challenge::SignReport),
            ..Self::new(StatusCode::UNAUTHORIZED, "invalid_signature", detail)
        }
    }

    /// 408: a body did not arrive in time.
    pub fn too_slow() -> Self {
        let detail = "The body did not arrive in time. Send it again.";
        Self::new(StatusCode::REQUEST_TIMEOUT, "too_slow", detail)
    }

    /// 503: as much is under way as there is room for.
    pub fn busy(retry_after_seconds: u32) -> Self {
        let detail = "Too much of this is under way. Wait for the time in Retry-After.";
        Self {
            retry_after_seconds: Some(retry_after_seconds),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail)
        }
    }

    /// 500: a fault of ours. The cause is logged, with the request's id, and not shown.
    pub fn internal(cause: &dyn std::fmt::Display) -> Self {
        let detail = "The service failed. Try again; if it keeps failing, give its operator the request_id.";
        let problem = Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail);
        Self {
            cause: Some(cause.to_string()),
            ..problem
        }
    }

    /// Its code, its sentence, and the field at fault.
    pub(in crate::http) fn told(&self) -> (&'static str, &str, Option<&str>) {
        (self.code, &self.detail, self.field.as_deref())
    }

    /// Names the field or parameter at fault.
    pub fn of_field(self, field: impl Into<String>) -> Self {
        Self {
            field: Some(field.into()),
            ..self
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let request_id = RequestId::current();
        if let Some(cause) = &self.cause {
            tracing::error!(cause, "request failed");
        }
        let document = Document {
            r#type: format!("urn:keyward:problem:{}", self.code),
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
            code: self.code,
            field: self.field.as_deref(),
            request_id: request_id.as_deref(),
        };
        let mut response = (self.status, Json(document)).into_response();
        if self.is_refusal() {
            response.extensions_mut().insert(Refusal { code: self.code });
        }
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(challenge) = self.challenge {
            headers.insert(header::WWW_AUTHENTICATE, challenge.header());
        }
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// The answer where there is nothing. It does not repeat the path, which may hold a key by mistake.
pub(in crate::http) async fn no_such_path() -> Problem {
    let detail = "There is nothing at this path. The API's paths start with /api/v1/.";
    Problem::new(StatusCode::NOT_FOUND, "no_such_path", detail)
}

/// The answer where the path exists and the method does not; `Allow` lists those that do.
pub(in crate::http) async fn method_not_allowed(method: Method) -> Problem {
    let detail = format!("The path does not answer {method}. The Allow header lists the methods it does.");
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
}
