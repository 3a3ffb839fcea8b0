//! `POST /.keyward/verify`: other Workers and servers ask whether a key may make a request that reaches them by another way.
//!
//! The decision is the one on a request that passes here: the same checks, leases and guards, on the terms of a route that is
//! `strict` and `closed`. So what is confirmed as revoked is revoked for them too, and what they spend counts on the same
//! limits. [`secrets`] say who may ask, [`question`] is what is asked.

pub mod question;
pub mod secrets;

mod answered;

use keyward_shared::{credential, route::QUESTIONS_PATH};

use question::{Question, QuestionError};
use secrets::Asker;

use crate::{
    admission::{self, Begun},
    answer::{Answer, Problem},
    desk::{Aftermath, Desk, Outside},
    limits,
    refusal::Refusal,
    request::RequestHead,
    request_id::RequestId,
    screen::Candidate,
};

/// Where questions are asked.
pub const PATH: &str = QUESTIONS_PATH;
/// The largest body, in bytes. A question needs a few hundred.
pub const MAX_BODY_BYTES: usize = 4096;

/// Why a question is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The deployment has no secrets for it.
    #[error("This deployment has no VERIFY_SECRETS. Set the secret to answer questions about keys.")]
    Off,
    /// No secret of the deployment was sent.
    #[error("No verify secret of this deployment was sent. Send it as `Authorization: Bearer <secret>`.")]
    Stranger,
    /// One secret asks too often.
    #[error("This secret has asked too often. Try again after the time in Retry-After.")]
    TooOften {
        /// When there is room for another question, in milliseconds.
        retry_after_ms: u64,
    },
    /// The body is larger than [`MAX_BODY_BYTES`].
    #[error("The body is larger than 4096 bytes.")]
    TooLarge,
    /// The body is no question.
    #[error(transparent)]
    Malformed(#[from] QuestionError),
}

/// An answer, and what is left to do.
#[derive(Debug)]
pub struct Answered {
    /// The answer.
    pub answer: Answer,
    /// A line for the log, where the key was refused.
    pub log_line: Option<String>,
    /// After how many milliseconds refusals are to be reported, where that is left to this question.
    pub report_after_ms: Option<u64>,
    /// As after any other decision.
    pub aftermath: Aftermath,
}

/// Finds out who asks, before anything else is read of the question, and counts it.
///
/// # Errors
/// [`Refused`].
pub fn admit<'d, O: Outside>(desk: &Desk<'d, O>, head: &RequestHead) -> Result<Asker<'d>, Refused> {
    let secrets = desk.deployment.verify_secrets.as_ref().ok_or(Refused::Off)?;
    let secret = head.bearer_token().map_err(|_| Refused::Stranger)?;
    let asker = secrets.asker(secret).ok_or(Refused::Stranger)?;
    let now = desk.outside.now();
    let bucket = &mut desk.local.borrow_mut().questions;
    let bucket = bucket.entry(asker.number).or_default();
    let per_minute = desk.deployment.verify_per_minute;
    if let Some(retry_after_ms) = bucket.full_for_ms(per_minute, now) {
        return Err(Refused::TooOften { retry_after_ms });
    }
    bucket.add(per_minute, now);
    Ok(asker)
}

/// Answers a question.
///
/// # Errors
/// [`Refused`].
pub async fn answer<O: Outside>(
    desk: &Desk<'_, O>,
    asker: Asker<'_>,
    body: &[u8],
    request_id: RequestId,
) -> Result<Answered, Refused> {
    if body.len() > MAX_BODY_BYTES {
        return Err(Refused::TooLarge);
    }
    let question = Question::read(desk.deployment, body)?;
    let mut aftermath = Aftermath::default();
    let candidate = credential::check_token(&question.key)
        .and_then(|()| Candidate::of_question(desk.deployment, asker, &question));
    let verdict = match candidate {
        Ok(candidate) => {
            let ruling = admission::rule(desk, &candidate, Begun::default()).await;
            aftermath = ruling.aftermath;
            ruling.verdict
        }
        Err(reason) => Err(Refusal::new(reason).on(Some(&question.route))),
    };
    let report_after_ms = match &verdict {
        // Who only looks was refused nothing.
        Err(refusal) if question.spends => {
            let (refusals, now) = (&mut desk.local.borrow_mut().refusals, desk.outside.now());
            refusals.note(desk.deployment, refusal, now)
        }
        _ => None,
    };
    Ok(Answered {
        answer: answered::answer(desk.deployment, &verdict, request_id),
        report_after_ms,
        log_line: verdict.err().map(|refusal| refusal.log_line(request_id, 0)),
        aftermath,
    })
}

impl Refused {
    /// The answer: a problem document (RFC 9457).
    pub fn answer(self, realm: &str, request_id: RequestId) -> Answer {
        let (status, code, title) = match self {
            Self::Off => (503, "verify_off", "Verify is off"),
            Self::Stranger => (401, "invalid_secret", "Invalid secret"),
            Self::TooOften { .. } => (429, "rate_limited", "Rate limit exceeded"),
            Self::TooLarge => (413, "too_large", "Body too large"),
            Self::Malformed(_) => (400, "malformed_request", "Malformed request"),
        };
        let problem = Problem {
            status,
            code,
            title,
            detail: &self.to_string(),
        };
        let mut answer = problem.answer(request_id);
        match self {
            Self::Stranger => {
                let challenge = format!("Bearer realm=\"{realm}\"");
                answer.headers.push(("WWW-Authenticate", challenge));
            }
            Self::TooOften { retry_after_ms } => {
                let seconds = limits::whole_seconds(retry_after_ms);
                answer.headers.push(("Retry-After", seconds.to_string()));
            }
            Self::Off | Self::TooLarge | Self::Malformed(_) => {}
        }
        answer
    }
}
