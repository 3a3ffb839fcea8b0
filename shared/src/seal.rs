//! How a message between control plane and edge is signed: `<secret id>.<milliseconds>.<nonce>.<MAC>`, beside its body.
//!
//! The MAC covers what the message is for, the deployment, the moment, the nonce and the body, each with its length in front.

use alloc::{format, string::String};
use core::str::FromStr;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{secret::SecretRing, time::UnixMillis};

/// How far the clocks of the two may be apart, in milliseconds. It bounds how long a recorded message can be repeated.
pub(crate) const MAX_AGE_MS: u64 = 5 * 60 * 1000;
/// Bytes of a nonce.
pub(crate) const NONCE_BYTES: usize = 16;

/// Tells two messages apart that are otherwise the same.
pub(crate) type Nonce = [u8; NONCE_BYTES];

/// What a message is, for and about. No MAC of one purpose passes for another.
pub(crate) struct Subject<'a> {
    pub(crate) purpose: &'static [u8],
    pub(crate) deployment: &'a str,
    pub(crate) body: &'a [u8],
}

/// Why a message is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SealError {
    Form,
    UnknownSecret(u32),
    Mac,
    Clock,
}

impl Subject<'_> {
    /// Signs with the current secret.
    pub(crate) fn sign(&self, ring: &SecretRing, now: UnixMillis, nonce: &Nonce) -> String {
        let (id, secret) = ring.current();
        let mac = secret.sign_framed(&self.parts(&now.0.to_be_bytes(), nonce));
        format!("{id}.{}.{}.{}", now.0, text(nonce), text(&mac))
    }

    /// Checks a signature, and returns its nonce.
    pub(crate) fn verify(&self, seal: &str, ring: &SecretRing, now: UnixMillis) -> Result<Nonce, SealError> {
        let mut parts = seal.split('.');
        let (id, time, nonce, mac) = (parts.next(), parts.next(), parts.next(), parts.next());
        let read = || Some((number(id?)?, number::<u64>(time?)?, bytes(nonce?)?, bytes(mac?)?));
        let (id, time, nonce, mac) = read().ok_or(SealError::Form)?;
        if parts.next().is_some() {
            return Err(SealError::Form);
        }
        let secret = ring.get(id).ok_or(SealError::UnknownSecret(id))?;
        if !secret.verify_framed(&self.parts(&time.to_be_bytes(), &nonce), &mac) {
            return Err(SealError::Mac);
        }
        if time.abs_diff(now.0) > MAX_AGE_MS {
            return Err(SealError::Clock);
        }
        Ok(nonce)
    }

    fn parts<'p>(&'p self, time: &'p [u8], nonce: &'p Nonce) -> [&'p [u8]; 5] {
        [self.purpose, self.deployment.as_bytes(), time, nonce, self.body]
    }
}

/// The header of an answer: `<secret id>.<MAC>`. It is signed with the secret that signed the question.
pub(crate) fn sign_answer(
    purpose: &'static [u8],
    ring: &SecretRing,
    question: &str,
    deployment: &str,
    nonce: &Nonce,
    body: &[u8],
) -> Option<String> {
    let id: u32 = number(question.split('.').next()?)?;
    let mac = ring
        .get(id)?
        .sign_framed(&[purpose, deployment.as_bytes(), nonce, body]);
    Some(format!("{id}.{}", text(&mac)))
}

/// Checks an answer's header against its body and the question's nonce.
pub(crate) fn verify_answer(
    purpose: &'static [u8],
    header: &str,
    ring: &SecretRing,
    deployment: &str,
    nonce: &Nonce,
    body: &[u8],
) -> Result<(), SealError> {
    let (id, mac) = header.split_once('.').ok_or(SealError::Form)?;
    let id: u32 = number(id).ok_or(SealError::Form)?;
    let mac: [u8; 32] = bytes(mac).ok_or(SealError::Form)?;
    let secret = ring.get(id).ok_or(SealError::UnknownSecret(id))?;
    let is_right = secret.verify_framed(&[purpose, deployment.as_bytes(), nonce, body], &mac);
    is_right.then_some(()).ok_or(SealError::Mac)
}

/// Bytes as headers spell them.
pub(crate) fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A number as headers spell it: digits, and nothing else.
pub(crate) fn number<T: FromStr>(text: &str) -> Option<T> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| text.parse().ok())?
}

/// The bytes of a text in a header, if they are as many as they must be.
pub(crate) fn bytes<const LENGTH: usize>(text: &str) -> Option<[u8; LENGTH]> {
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}
