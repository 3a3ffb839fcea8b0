//! Secret bytes that neither print nor serialise, and rings of them that make rotation possible.

use alloc::{string::String, vec::Vec};
use core::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// The fewest bytes a secret may have: 128 bits.
pub const MIN_SECRET_BYTES: usize = 16;
/// The most bytes a secret may have: one SHA-256 block, beyond which HMAC gains nothing.
pub const MAX_SECRET_BYTES: usize = 64;
/// The most secrets a ring may hold: one in use, one coming, and room for a slow rotation.
pub const MAX_RING: usize = 4;

/// Whether two secrets are the same, in a time that says no more of them than their lengths.
pub fn equal(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

/// A secret for HMAC-SHA256, kept as what the first half of the work makes of it: every MAC begins there. It is wiped when
/// dropped.
#[derive(Clone)]
pub struct Secret(Hmac<Sha256>);

impl Secret {
    /// Takes [`MIN_SECRET_BYTES`] to [`MAX_SECRET_BYTES`] bytes.
    ///
    /// # Errors
    /// [`RingError::Length`] for fewer or more.
    pub fn new(bytes: Vec<u8>) -> Result<Self, RingError> {
        let bytes = Zeroizing::new(bytes);
        if !(MIN_SECRET_BYTES..=MAX_SECRET_BYTES).contains(&bytes.len()) {
            return Err(RingError::Length);
        }
        // An HMAC key may have any length, so only the type says that this can fail.
        Hmac::new_from_slice(&bytes)
            .map(Self)
            .map_err(|_| RingError::Length)
    }

    /// HMAC-SHA256 over the parts, one after the other. Callers frame the parts so that they cannot run together.
    pub fn hmac<'a>(&self, parts: impl IntoIterator<Item = &'a [u8]>) -> [u8; 32] {
        self.mac(parts).finalize().into_bytes().into()
    }

    /// Compares in constant time the HMAC over the parts with the one given.
    pub fn verify<'a>(&self, parts: impl IntoIterator<Item = &'a [u8]>, tag: &[u8; 32]) -> bool {
        self.mac(parts).verify_slice(tag).is_ok()
    }

    /// HMAC-SHA256 over parts, each with its length in front as 64-bit big-endian, so that no two different lists of parts
    /// give one text. The first part says what the MAC is for; no MAC for one purpose passes for another.
    pub fn sign_framed(&self, parts: &[&[u8]]) -> [u8; 32] {
        self.framed(parts).finalize().into_bytes().into()
    }

    /// Compares in constant time the MAC of [`Secret::sign_framed`] with the one given.
    pub fn verify_framed(&self, parts: &[&[u8]], mac: &[u8; 32]) -> bool {
        self.framed(parts).verify_slice(mac).is_ok()
    }

    fn framed(&self, parts: &[&[u8]]) -> Hmac<Sha256> {
        let mut mac = self.mac([]);
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac
    }

    fn mac<'a>(&self, parts: impl IntoIterator<Item = &'a [u8]>) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(part);
        }
        mac
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// One to [`MAX_RING`] numbered secrets. The highest number signs; every one of them verifies.
///
/// Its text form is `<id>:<base64url without padding>`, several joined by commas: `1:mQ…,2:Zk…`.
#[derive(Clone, Debug)]
pub struct SecretRing {
    /// By id, highest first.
    secrets: Vec<(u32, Secret)>,
}

impl SecretRing {
    /// Makes a ring of `(id, secret)` pairs.
    ///
    /// # Errors
    /// When there is none, more than [`MAX_RING`], an id of 0, or the same id twice.
    pub fn new(mut secrets: Vec<(u32, Secret)>) -> Result<Self, RingError> {
        check_ids(secrets.iter().map(|(id, _)| *id))?;
        secrets.sort_by_key(|(id, _)| core::cmp::Reverse(*id));
        Ok(Self { secrets })
    }

    /// The secret that signs, with its id.
    pub fn current(&self) -> (u32, &Secret) {
        let (id, secret) = &self.secrets[0];
        (*id, secret)
    }

    /// The secret with this id.
    pub fn get(&self, id: u32) -> Option<&Secret> {
        self.iter()
            .find(|(known, _)| *known == id)
            .map(|(_, secret)| secret)
    }

    /// The lowest id. What an earlier secret signed is believed no more.
    pub fn oldest_id(&self) -> u32 {
        self.iter().map(|(id, _)| id).min().unwrap_or_default()
    }

    /// All secrets with their ids, the current one first.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Secret)> {
        self.secrets.iter().map(|(id, secret)| (*id, secret))
    }
}

impl FromStr for SecretRing {
    type Err = RingError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let secrets = ring_entries(text)?.into_iter();
        let secrets =
            secrets.map(|mut entry| Ok((entry.id, Secret::new(core::mem::take(&mut *entry.bytes))?)));
        Self::new(secrets.collect::<Result<_, _>>()?)
    }
}

/// One entry of a ring's text form.
pub struct RingEntry {
    /// Its id.
    pub id: u32,
    /// The secret bytes.
    pub bytes: Zeroizing<Vec<u8>>,
}

/// Reads the text form of a ring: numbered bytes of any length, in the order in which they are written.
///
/// # Errors
/// When the text has another form, an id is 0 or stands twice, or there are more than [`MAX_RING`].
pub fn ring_entries(text: &str) -> Result<Vec<RingEntry>, RingError> {
    let mut entries = Vec::new();
    for entry in text.split(',') {
        let (id, material) = entry.trim().split_once(':').ok_or(RingError::Form)?;
        let id: u32 = id.parse().map_err(|_| RingError::Id)?;
        let bytes = URL_SAFE_NO_PAD.decode(material).map_err(|_| RingError::Base64)?;
        let bytes = Zeroizing::new(bytes);
        entries.push(RingEntry { id, bytes });
    }
    check_ids(entries.iter().map(|entry| entry.id))?;
    Ok(entries)
}

fn check_ids(ids: impl Iterator<Item = u32>) -> Result<(), RingError> {
    let ids: Vec<u32> = ids.collect();
    if ids.is_empty() {
        return Err(RingError::Empty);
    }
    if ids.len() > MAX_RING {
        return Err(RingError::TooMany);
    }
    if ids.contains(&0) {
        return Err(RingError::Id);
    }
    let repeats = |(place, id): (usize, &u32)| ids[..place].contains(id);
    if ids.iter().enumerate().any(repeats) {
        return Err(RingError::Repeated);
    }
    Ok(())
}

/// What is wrong with the text of a secret ring. It never repeats the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RingError {
    /// An entry has no colon.
    #[error("must be <id>:<base64url>, several separated by commas")]
    Form,
    /// An id is not a number from 1 up.
    #[error("each secret needs an id that is a whole number from 1 up, before the colon")]
    Id,
    /// The part after the colon is not base64url.
    #[error("each secret must be base64url without padding, after the colon")]
    Base64,
    /// A secret is too short or too long.
    #[error("each secret must have 16 to 64 bytes (128 to 512 bits); 32 random bytes are a good choice")]
    Length,
    /// There is no secret.
    #[error("needs at least one secret")]
    Empty,
    /// There are too many secrets.
    #[error("holds at most four secrets; retire the oldest")]
    TooMany,
    /// Two secrets have one id.
    #[error("two secrets have the same id; give each its own")]
    Repeated,
}

/// The text form of one entry of a ring, for set-up tools that make secrets.
pub fn ring_entry(id: u32, bytes: &[u8]) -> String {
    alloc::format!("{id}:{}", URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<SecretRing, RingError> {
        text.parse()
    }

    #[test]
    fn the_highest_id_signs() {
        let ring = parse(&[ring_entry(1, &[1; 32]), ring_entry(7, &[7; 32])].join(",")).unwrap();
        assert_eq!((ring.current().0, ring.oldest_id()), (7, 1));
        assert!(ring.get(1).is_some() && ring.get(2).is_none());
    }

    #[test]
    fn faults_are_named() {
        let good = ring_entry(1, &[1; 32]);
        assert_eq!(parse("").unwrap_err(), RingError::Form);
        assert_eq!(parse("x:AAAA").unwrap_err(), RingError::Id);
        assert_eq!(parse(&ring_entry(0, &[1; 32])).unwrap_err(), RingError::Id);
        assert_eq!(parse("1:!!!!").unwrap_err(), RingError::Base64);
        assert_eq!(parse(&ring_entry(1, &[1; 15])).unwrap_err(), RingError::Length);
        assert_eq!(parse(&ring_entry(1, &[1; 65])).unwrap_err(), RingError::Length);
        assert_eq!(
            parse(&[good.as_str(); 2].join(",")).unwrap_err(),
            RingError::Repeated
        );
        let five: Vec<_> = (1..=5).map(|id| ring_entry(id, &[1; 32])).collect();
        assert_eq!(parse(&five.join(",")).unwrap_err(), RingError::TooMany);
    }

    #[test]
    fn framed_parts_do_not_run_together() {
        let secret = Secret::new(alloc::vec![1; 32]).unwrap();
        let own = secret.sign_framed(&[b"purpose", b"ab", b"cd"]);
        assert!(secret.verify_framed(&[b"purpose", b"ab", b"cd"], &own));
        let others: [&[&[u8]]; 5] = [
            &[b"purpose", b"abc", b"d"],
            &[b"purpose", b"a", b"bcd"],
            &[b"purpose", b"cd", b"ab"],
            &[b"purpose", b"abcd"],
            &[b"other", b"ab", b"cd"],
        ];
        for other in others {
            assert_ne!(secret.sign_framed(other), own);
        }
    }

    #[test]
    fn debug_says_nothing() {
        let text = ring_entry(1, b"0123456789abcdef0123456789abcdef");
        let shown = alloc::format!("{:?}", parse(&text).unwrap());
        assert!(!shown.contains("MDEy") && !shown.contains("48, 49"), "{shown}");
    }
}
