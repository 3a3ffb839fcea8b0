//! The headers that sign what control plane and edge say to each other.

use keyward_shared::{
    SecretRing, UnixMillis,
    sync::{self, SyncError},
    usage::{self, Claim, UsageError},
};
use serde::Deserialize;

use crate::{check_all, expect, part};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Messages {
    ring: String,
    deployment: String,
    now: UnixMillis,
    nonce: String,
    /// The bodies.
    question: String,
    answer: String,
    report: String,
    /// Headers of each. The first is good, and what signing gives.
    questions: Vec<Header>,
    answers: Vec<Header>,
    reports: Vec<Header>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    name: String,
    header: String,
    error: Option<String>,
}

fn messages() -> (Messages, SecretRing) {
    let messages: Messages = part(|document| document.messages);
    let ring = messages
        .ring
        .parse()
        .unwrap_or_else(|error| panic!("the ring {error}"));
    (messages, ring)
}

/// The nonce of the good question, which every good header was made with.
fn nonce(messages: &Messages, ring: &SecretRing) -> sync::Nonce {
    let (header, body) = (&messages.questions[0].header, messages.question.as_bytes());
    let nonce = sync::verify_question(header, ring, &messages.deployment, messages.now, body);
    nonce.unwrap_or_else(|error| panic!("the first question: {error}"))
}

fn sync_error(error: SyncError) -> &'static str {
    match error {
        SyncError::Header => "form",
        SyncError::UnknownSecret(_) => "unknown_secret",
        SyncError::Mac => "mac",
        SyncError::Clock => "clock",
        SyncError::Body => "body",
    }
}

fn usage_error(error: UsageError) -> &'static str {
    match error {
        UsageError::Header => "form",
        UsageError::UnknownSecret(_) => "unknown_secret",
        UsageError::Mac => "mac",
        UsageError::Clock => "clock",
        UsageError::TooLarge => "too_large",
        UsageError::Body => "body",
    }
}

#[test]
fn questions_verify_and_sign_byte_for_byte() {
    let (messages, ring) = messages();
    let (deployment, now) = (&messages.deployment, messages.now);
    let (body, headers) = (&messages.question, &messages.questions);
    check_all(headers, |case| {
        let verified = sync::verify_question(&case.header, &ring, deployment, now, body.as_bytes());
        let error = verified.err().map(sync_error);
        expect(&case.name, &case.error.as_deref(), &error)
    });
    let nonce = nonce(&messages, &ring);
    let ours = sync::sign_question(&ring, deployment, now, &nonce, body.as_bytes());
    assert_eq!(ours, headers[0].header);
    assert!(ours.contains(&messages.nonce));
}

#[test]
fn answers_verify_and_sign_byte_for_byte() {
    let (messages, ring) = messages();
    let nonce = nonce(&messages, &ring);
    let deployment = &messages.deployment;
    let (body, headers) = (&messages.answer, &messages.answers);
    check_all(headers, |case| {
        let verified = sync::verify_answer(&case.header, &ring, deployment, &nonce, body.as_bytes());
        let error = verified.err().map(sync_error);
        expect(&case.name, &case.error.as_deref(), &error)
    });
    let question = &messages.questions[0].header;
    let ours = sync::sign_answer(&ring, question, deployment, &nonce, body.as_bytes());
    assert_eq!(ours.as_ref(), Some(&headers[0].header));
}

#[test]
fn reports_verify_and_sign_byte_for_byte() {
    let (messages, ring) = messages();
    let (deployment, now) = (&messages.deployment, messages.now);
    let (body, headers) = (&messages.report, &messages.reports);
    check_all(headers, |case| {
        let claim = Claim::read(&case.header);
        let verified = claim.and_then(|claim| claim.verify(&ring, now, body.as_bytes()));
        let error = verified.as_ref().err().copied().map(usage_error);
        expect(&case.name, &case.error.as_deref(), &error)?;
        match verified {
            Ok(report) => {
                let ours = serde_json::to_string(&report).map_err(|error| error.to_string())?;
                expect(&case.name, body, &ours)
            }
            Err(_) => Ok(()),
        }
    });
    let nonce = nonce(&messages, &ring);
    let ours = usage::sign(&ring, deployment, now, &nonce, body.as_bytes());
    assert_eq!(ours, headers[0].header);
}
