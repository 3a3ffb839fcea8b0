//! Answers that are kept for a while and hold the text of a key: sealed, so that the database alone opens none; and what a browser
//! keeps for us and has no business to read.
//!
//! The key of each is HKDF-SHA256 (RFC 5869) of a server secret, the caller and the value of its `Idempotency-Key`, the cipher
//! ChaCha20-Poly1305 (RFC 8439). So it takes the server's secret and the very request to open one.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use keyward_shared::{
    Entropy,
    secret::{MIN_SECRET_BYTES, RingError, ring_entries},
};
use ring::{
    aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hkdf::{HKDF_SHA256, Prk, Salt},
};
use zeroize::Zeroizing;

use crate::domain::idempotency::{Fingerprint, IdempotencyKey, Sealed, Slot};

const SALT: &[u8] = b"keyward sealed answer v1";
/// The id of a secret that was derived from another, which no ring has.
const DERIVED: u32 = 0;

/// The secrets that seal answers. The highest id seals, all of them open.
#[derive(Clone)]
pub struct Sealer {
    /// By id, highest first.
    secrets: Vec<(u32, Prk)>,
}

/// Whose answer it is, and to what.
#[derive(Clone, Copy, Debug)]
pub struct Bound<'a> {
    /// The name that the caller's things belong to.
    pub caller: &'a str,
    /// The value that it sent.
    pub key: &'a IdempotencyKey,
    /// Where the answer is kept.
    pub slot: Slot,
    /// What was asked.
    pub fingerprint: Fingerprint,
}

impl Sealer {
    /// With a secret derived from these bytes, which have 128 random bits at least.
    pub fn derived_from(bytes: &[u8]) -> Self {
        Self {
            secrets: vec![(DERIVED, extract(bytes))],
        }
    }

    /// Seals a text; none if it is too long for the cipher, which no answer is.
    pub fn seal(&self, bound: Bound<'_>, text: &[u8], entropy: &dyn Entropy) -> Option<Sealed> {
        let (id, secret) = self.secrets.first()?;
        Some(Sealed {
            secret: *id,
            bytes: seal(&cipher(secret, bound)?, bound.data(), text, entropy)?,
        })
    }

    /// Seals a text that a browser keeps for us, for one purpose: `<id>.<base64url>`.
    pub fn seal_text(&self, purpose: &str, text: &[u8], entropy: &dyn Entropy) -> Option<String> {
        let (id, secret) = self.secrets.first()?;
        let bytes = seal(&cipher_of_texts(secret, purpose)?, Aad::empty(), text, entropy)?;
        Some(format!("{id}.{}", URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// Opens such a text; none where it was sealed for something else, was changed, or its secret is not here any more.
    pub fn open_text(&self, purpose: &str, sealed: &str) -> Option<Zeroizing<Vec<u8>>> {
        let (id, bytes) = sealed.split_once('.')?;
        let id: u32 = id.parse().ok()?;
        let (_, secret) = self.secrets.iter().find(|(known, _)| *known == id)?;
        let bytes = URL_SAFE_NO_PAD.decode(bytes).ok()?;
        open(&cipher_of_texts(secret, purpose)?, Aad::empty(), &bytes)
    }

    /// Opens what was sealed for the same request; none where it was for another, or its secret is not here any more.
    pub fn open(&self, bound: Bound<'_>, sealed: &Sealed) -> Option<Zeroizing<Vec<u8>>> {
        let (_, secret) = self.secrets.iter().find(|(id, _)| *id == sealed.secret)?;
        open(&cipher(secret, bound)?, bound.data(), &sealed.bytes)
    }
}

/// Nonce and ciphertext.
fn seal<A: AsRef<[u8]>>(
    cipher: &LessSafeKey,
    data: Aad<A>,
    text: &[u8],
    entropy: &dyn Entropy,
) -> Option<Vec<u8>> {
    let mut nonce = [0; NONCE_LEN];
    entropy.fill(&mut nonce);
    let mut sealed = text.to_vec();
    let nonce_used = Nonce::assume_unique_for_key(nonce);
    cipher
        .seal_in_place_append_tag(nonce_used, data, &mut sealed)
        .ok()?;
    Some([nonce.as_slice(), &sealed].concat())
}

fn open<A: AsRef<[u8]>>(cipher: &LessSafeKey, data: Aad<A>, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, text) = sealed.split_at_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut text = Zeroizing::new(text.to_vec());
    let length = cipher.open_in_place(nonce, data, &mut text).ok()?.len();
    text.truncate(length);
    Some(text)
}

impl Bound<'_> {
    /// What goes with the ciphertext, and cannot be exchanged for another.
    fn data(&self) -> Aad<[u8; 64]> {
        let mut data = [0; 64];
        data[..32].copy_from_slice(&self.slot.0);
        data[32..].copy_from_slice(&self.fingerprint.0);
        Aad::from(data)
    }
}

fn extract(bytes: &[u8]) -> Prk {
    Salt::new(HKDF_SHA256, SALT).extract(bytes)
}

fn cipher(secret: &Prk, bound: Bound<'_>) -> Option<LessSafeKey> {
    let caller_length = (bound.caller.len() as u64).to_be_bytes();
    let info = [
        caller_length.as_slice(),
        bound.caller.as_bytes(),
        bound.key.as_str().as_bytes(),
    ];
    let key = secret.expand(&info, &CHACHA20_POLY1305).ok()?;
    Some(LessSafeKey::new(UnboundKey::from(key)))
}

/// Bound to what a text is for. What it begins with no [`Bound`] does, whose first bytes are a length.
fn cipher_of_texts(secret: &Prk, purpose: &str) -> Option<LessSafeKey> {
    let info = [b"keyward sealed text v1 ".as_slice(), purpose.as_bytes()];
    let key = secret.expand(&info, &CHACHA20_POLY1305).ok()?;
    Some(LessSafeKey::new(UnboundKey::from(key)))
}

impl FromStr for Sealer {
    type Err = RingError;

    /// Reads a ring: `<id>:<base64url without padding>`, several joined by commas.
    fn from_str(text: &str) -> Result<Self, RingError> {
        let mut secrets = Vec::new();
        for entry in ring_entries(text)? {
            if entry.bytes.len() < MIN_SECRET_BYTES {
                return Err(RingError::Length);
            }
            secrets.push((entry.id, extract(&entry.bytes)));
        }
        secrets.sort_by_key(|(id, _)| std::cmp::Reverse(*id));
        Ok(Self { secrets })
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealer({} …)", self.secrets.len())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Counts, so that no two nonces are one.
    struct Counting(Cell<u8>);

    impl Entropy for Counting {
        fn fill(&self, buffer: &mut [u8]) {
            self.0.set(self.0.get() + 1);
            buffer.fill(self.0.get());
        }
    }

    const OLD: &str = "1:AQEBAQEBAQEBAQEBAQEBAQ";
    const BOTH: &str = "1:AQEBAQEBAQEBAQEBAQEBAQ,2:AgICAgICAgICAgICAgICAg";

    fn sealer(ring: &str) -> Sealer {
        ring.parse().unwrap()
    }

    fn key(text: &str) -> IdempotencyKey {
        text.parse().unwrap()
    }

    fn bound<'a>(caller: &'a str, key: &'a IdempotencyKey) -> Bound<'a> {
        Bound {
            caller,
            key,
            slot: Slot([1; 32]),
            fingerprint: Fingerprint([2; 32]),
        }
    }

    #[test]
    fn only_the_same_request_opens_it() {
        let (sealer, entropy) = (sealer(BOTH), Counting(Cell::new(0)));
        let (key, other) = (key("k"), key("other"));
        let whose = bound("ada", &key);
        let sealed = sealer.seal(whose, b"hk_live_text", &entropy).unwrap();
        assert_eq!(sealed.secret, 2);
        assert_eq!(sealer.open(whose, &sealed).unwrap().as_slice(), b"hk_live_text");
        assert!(!sealed.bytes.windows(4).any(|part| part == b"live"));
        let foreign = [
            bound("adam", &key),
            bound("ada", &other),
            Bound {
                slot: Slot([3; 32]),
                ..whose
            },
            Bound {
                fingerprint: Fingerprint([3; 32]),
                ..whose
            },
        ];
        for foreign in foreign {
            assert!(sealer.open(foreign, &sealed).is_none(), "{foreign:?}");
        }
        let mut broken = sealed.clone();
        *broken.bytes.last_mut().unwrap() ^= 1;
        assert!(sealer.open(whose, &broken).is_none());
        let short = Sealed {
            bytes: vec![0; 3],
            ..sealed
        };
        assert!(sealer.open(whose, &short).is_none());
    }

    #[test]
    fn a_text_is_opened_unchanged_and_for_its_purpose_alone() {
        let (sealer, entropy) = (sealer(BOTH), Counting(Cell::new(0)));
        let sealed = sealer.seal_text("cookie", b"text", &entropy).unwrap();
        assert_eq!(sealer.open_text("cookie", &sealed).unwrap().as_slice(), b"text");
        assert!(sealer.open_text("other", &sealed).is_none());
        let (id, bytes) = sealed.split_once('.').unwrap();
        assert_eq!(id, "2");
        for changed in [
            format!("1.{bytes}"),
            format!("2.B{}", &bytes[1..]),
            format!("2.{}", &bytes[4..]),
            bytes.to_owned(),
            String::new(),
        ] {
            assert!(sealer.open_text("cookie", &changed).is_none(), "{changed}");
        }
        assert!(self::sealer(OLD).open_text("cookie", &sealed).is_none());
    }

    #[test]
    fn a_retired_secret_opens_nothing_and_an_older_one_what_it_sealed() {
        let entropy = Counting(Cell::new(0));
        let key = key("k");
        let old = sealer(OLD).seal(bound("ada", &key), b"text", &entropy).unwrap();
        assert!(sealer(BOTH).open(bound("ada", &key), &old).is_some());
        let new = sealer(BOTH).seal(bound("ada", &key), b"text", &entropy).unwrap();
        assert!(sealer(OLD).open(bound("ada", &key), &new).is_none());
        let derived = Sealer::derived_from(b"0123456789abcdef");
        assert!(derived.open(bound("ada", &key), &old).is_none());
    }

    #[test]
    fn weak_rings_are_refused_and_none_prints() {
        assert_eq!("1:AQEB".parse::<Sealer>().unwrap_err(), RingError::Length);
        assert!("".parse::<Sealer>().is_err());
        assert_eq!(format!("{:?}", sealer(BOTH)), "Sealer(2 …)");
    }
}
