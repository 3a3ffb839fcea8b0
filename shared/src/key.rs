//! The text of a key: `<prefix>_` + 32 random base62 digits + 6 digits of tag + 6 digits of checksum.
//!
//! - The *tag* is keyed with a secret that only the control plane and the edge hold. It lets the edge refuse a forged
//!   key by computation alone.
//! - The *checksum* needs no secret, so that a person's typing error or a secret scanner's find can be told anywhere.

use alloc::{borrow::ToOwned as _, format, string::String};
use core::{fmt, str::FromStr};

use zeroize::Zeroizing;

use crate::{
    base62,
    entropy::Entropy,
    environment::Environment,
    hash::KeyHash,
    secret::{self, Secret, SecretRing},
};

/// Random base62 digits in a key: 190 bits.
pub const RANDOM_DIGITS: usize = 32;
/// Base62 digits of the tag.
pub const TAG_DIGITS: usize = 6;
/// Base62 digits of the checksum.
pub const CHECKSUM_DIGITS: usize = 6;
/// Everything after the prefix's last underscore.
pub const BODY_DIGITS: usize = RANDOM_DIGITS + TAG_DIGITS + CHECKSUM_DIGITS;
/// The longest brand part, in characters.
pub const MAX_BRAND: usize = 4;
/// The longest key: with its padding, one SHA-256 block.
pub const MAX_KEY_BYTES: usize = 55;

const _: () = assert!(MAX_BRAND + "_live_".len() + BODY_DIGITS <= MAX_KEY_BYTES);

/// What a key is for. It decides the prefix and which secrets make the tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// Calls protected APIs through the edge, in one environment (`hk_live_`, `hk_test_`, `hk_dev_`).
    Service(Environment),
    /// Calls the control plane, and the edge in any environment (`hpk_`).
    Gateway,
}

/// One brand part of a prefix: a lower-case letter, then up to three lower-case letters or digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Brand {
    bytes: [u8; MAX_BRAND],
    length: u8,
}

impl Brand {
    /// The brand as text.
    pub fn as_str(&self) -> &str {
        // Only ASCII gets in, so this never falls back.
        core::str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or_default()
    }
}

impl fmt::Debug for Brand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Brand {
    type Err = BrandError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let starts_well = text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
        let goes_on_well = text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if !starts_well || !goes_on_well || text.len() > MAX_BRAND {
            return Err(BrandError::Form);
        }
        let mut bytes = [0; MAX_BRAND];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        // At most MAX_BRAND, which fits.
        Ok(Self {
            bytes,
            length: u8::try_from(text.len()).unwrap_or(0),
        })
    }
}

/// What is wrong with a brand part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BrandError {
    /// Not one to four characters of the allowed kind.
    #[error("must be a lower-case letter followed by at most three lower-case letters or digits")]
    Form,
    /// Both families would have one prefix.
    #[error("the brands of service keys and gateway keys must differ")]
    Same,
}

/// The brand parts of both families. Once a key was issued they never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Brands {
    service: Brand,
    gateway: Brand,
}

impl Brands {
    /// Takes two different brands.
    ///
    /// # Errors
    /// [`BrandError::Same`] when they are equal.
    pub fn new(service: Brand, gateway: Brand) -> Result<Self, BrandError> {
        if service == gateway {
            Err(BrandError::Same)
        } else {
            Ok(Self { service, gateway })
        }
    }

    /// Reads two brands.
    ///
    /// # Errors
    /// As [`Brand::from_str`] and [`Brands::new`].
    pub fn parse(service: &str, gateway: &str) -> Result<Self, BrandError> {
        Self::new(service.parse()?, gateway.parse()?)
    }

    /// The brand of service keys.
    pub fn service(&self) -> &str {
        self.service.as_str()
    }

    /// The brand of gateway keys.
    pub fn gateway(&self) -> &str {
        self.gateway.as_str()
    }

    /// The prefix of a family, with its last underscore: `hk_live_`, `hpk_`.
    pub fn prefix(&self, family: Family) -> String {
        match family {
            Family::Service(environment) => format!("{}_{}_", self.service(), environment.prefix_part()),
            Family::Gateway => format!("{}_", self.gateway()),
        }
    }

    /// The family of a prefix without its last underscore: `hk_live`, `hpk`.
    fn family(&self, prefix: &str) -> Option<Family> {
        if prefix == self.gateway() {
            return Some(Family::Gateway);
        }
        let part = prefix.strip_prefix(self.service())?.strip_prefix('_')?;
        let environment = Environment::ALL
            .into_iter()
            .find(|environment| environment.prefix_part() == part)?;
        Some(Family::Service(environment))
    }
}

impl Default for Brands {
    /// `hk` and `hpk`.
    fn default() -> Self {
        Self {
            service: Brand {
                bytes: *b"hk\0\0",
                length: 2,
            },
            gateway: Brand {
                bytes: *b"hpk\0",
                length: 3,
            },
        }
    }
}

/// Why a text is not a key. All of it is public knowledge: no secret is needed to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The prefix is none of ours.
    #[error("the text does not start with a known prefix")]
    Prefix,
    /// Wrong length, or a character that is no base62 digit.
    #[error("after its prefix a key has exactly 44 letters and digits")]
    Shape,
    /// The checksum differs: a character is wrong.
    #[error("the checksum does not match: a character is wrong or missing")]
    Checksum,
}

/// A text that has the shape and the checksum of a key. Nothing more is known of it yet.
#[derive(Clone, Copy)]
pub struct PresentedKey<'a> {
    text: &'a str,
    family: Family,
}

impl<'a> PresentedKey<'a> {
    /// Checks prefix, shape and checksum.
    ///
    /// # Errors
    /// [`KeyError`], the first fault found.
    pub fn parse(text: &'a str, brands: &Brands) -> Result<Self, KeyError> {
        if text.len() > MAX_KEY_BYTES {
            return Err(KeyError::Shape);
        }
        let (prefix, body) = text.rsplit_once('_').ok_or(KeyError::Prefix)?;
        let family = brands.family(prefix).ok_or(KeyError::Prefix)?;
        if body.len() != BODY_DIGITS || !base62::is_base62(body.as_bytes()) {
            return Err(KeyError::Shape);
        }
        let (checked, checksum) = text.as_bytes().split_at(text.len() - CHECKSUM_DIGITS);
        if checksum != checksum_of(checked) {
            return Err(KeyError::Checksum);
        }
        Ok(Self { text, family })
    }

    /// The family its prefix names.
    pub const fn family(&self) -> Family {
        self.family
    }

    /// The id of the secret that made the tag, if the ring holds it. Each comparison takes constant time.
    pub fn tag_secret(&self, ring: &SecretRing) -> Option<u32> {
        let (rest, _checksum) = self.text.as_bytes().split_at(self.text.len() - CHECKSUM_DIGITS);
        let (tagged, tag) = rest.split_at(rest.len() - TAG_DIGITS);
        ring.iter()
            .find(|(_, secret)| secret::equal(&tag_of(tagged, secret), tag))
            .map(|(id, _)| id)
    }

    /// SHA-256 of the text.
    pub fn hash(&self) -> KeyHash {
        KeyHash::of(self.text)
    }

    /// What may be shown of the key: `hk_live_AbC***`, or for gateway keys `hpk_1nzb` and 39 stars.
    pub fn preview(&self) -> String {
        let (shown, stars) = match self.family {
            Family::Service(_) => (3, 3),
            Family::Gateway => (4, 39),
        };
        let head = self.text.len() - BODY_DIGITS + shown;
        format!("{}{}", &self.text[..head], "*".repeat(stars))
    }
}

impl fmt::Debug for PresentedKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PresentedKey({:?}, …)", self.family)
    }
}

/// The text of a key just made. It is shown once, in the answer that creates it; it neither prints nor serialises.
pub struct KeyText {
    text: Zeroizing<String>,
    family: Family,
}

impl KeyText {
    /// Makes a new key, tagged with the ring's current secret. Returns that secret's id besides.
    pub fn mint(brands: &Brands, family: Family, ring: &SecretRing, entropy: &dyn Entropy) -> (Self, u32) {
        let (secret_id, secret) = ring.current();
        let mut text = Zeroizing::new(String::with_capacity(MAX_KEY_BYTES + 1));
        text.push_str(&brands.prefix(family));
        push_random(&mut text, entropy);
        let tag = tag_of(text.as_bytes(), secret);
        push_digits(&mut text, &tag);
        let checksum = checksum_of(text.as_bytes());
        push_digits(&mut text, &checksum);
        (Self { text, family }, secret_id)
    }

    /// The text itself, for the one answer that shows it.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// The same key as the edge sees it.
    pub fn as_presented(&self) -> PresentedKey<'_> {
        PresentedKey {
            text: &self.text,
            family: self.family,
        }
    }
}

impl fmt::Debug for KeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyText({:?}, …)", self.family)
    }
}

/// Appends [`RANDOM_DIGITS`] digits. A byte of 248 or more is thrown away (248 = 4 · 62), so every digit is equally likely.
fn push_random(text: &mut String, entropy: &dyn Entropy) {
    let mut wanted = RANDOM_DIGITS;
    let mut bytes = Zeroizing::new([0u8; 48]);
    while wanted > 0 {
        entropy.fill(bytes.as_mut_slice());
        for byte in bytes.iter().filter(|byte| **byte < 248).take(wanted) {
            text.push(char::from(base62::ALPHABET[usize::from(byte % 62)]));
            wanted -= 1;
        }
    }
}

fn push_digits(text: &mut String, digits: &[u8; 6]) {
    text.extend(digits.iter().map(|digit| char::from(*digit)));
}

/// The first 8 bytes of HMAC-SHA256 as a big-endian number, modulo 62⁶, in six digits.
fn tag_of(tagged: &[u8], secret: &Secret) -> [u8; 6] {
    let mac = secret.hmac([tagged]);
    let first = mac[..8]
        .iter()
        .fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    base62::six_digits(first)
}

/// CRC-32/IEEE in six digits.
fn checksum_of(checked: &[u8]) -> [u8; 6] {
    base62::six_digits(u64::from(crc32fast::hash(checked)))
}

/// The checksum of any text, for tools that explain or scan keys.
pub fn checksum(text: &str) -> String {
    core::str::from_utf8(&checksum_of(text.as_bytes()))
        .unwrap_or_default()
        .to_owned()
}

/// The regular expression by which secret scanners find keys of these brands.
pub fn scanner_pattern(brands: &Brands) -> String {
    format!(
        r"\b(?:{}_(?:live|test|dev)|{})_[0-9A-Za-z]{{44}}\b",
        brands.service(),
        brands.gateway()
    )
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    struct Counting;

    impl Entropy for Counting {
        fn fill(&self, buffer: &mut [u8]) {
            for (byte, value) in buffer.iter_mut().zip((200..=255).cycle()) {
                *byte = value;
            }
        }
    }

    fn ring(byte: u8) -> SecretRing {
        SecretRing::new(vec![(u32::from(byte), Secret::new(vec![byte; 32]).unwrap())]).unwrap()
    }

    #[test]
    fn known_checksum() {
        assert_eq!(checksum("zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ"), "0mLq17");
    }

    #[test]
    fn a_minted_key_parses_and_its_tag_names_the_secret() {
        let brands = Brands::default();
        for family in Environment::ALL
            .map(Family::Service)
            .into_iter()
            .chain([Family::Gateway])
        {
            let (key, id) = KeyText::mint(&brands, family, &ring(3), &Counting);
            let parsed = PresentedKey::parse(key.expose(), &brands).unwrap();
            assert_eq!((parsed.family(), id), (family, 3));
            assert_eq!(parsed.tag_secret(&ring(3)), Some(3));
            assert_eq!(parsed.tag_secret(&ring(4)), None);
            assert!(key.expose().len() <= MAX_KEY_BYTES);
        }
    }

    /// Entropy that counts: 240, 241 … 255, 0, 1 …
    struct Ascending(core::cell::Cell<u8>);

    impl Entropy for Ascending {
        fn fill(&self, buffer: &mut [u8]) {
            for byte in buffer {
                *byte = self.0.get();
                self.0.set(byte.wrapping_add(1));
            }
        }
    }

    #[test]
    fn no_digit_is_likelier_than_another() {
        // 240 to 247 are the last eight digits; 248 to 255 would make eight digits likelier and are thrown away.
        let mut text = String::new();
        push_random(&mut text, &Ascending(240.into()));
        assert_eq!(text, "stuvwxyz0123456789ABCDEFGHIJKLMN");
    }

    #[test]
    fn previews_are_those_of_the_references() {
        let brands = Brands::default();
        let (service, _) = KeyText::mint(
            &brands,
            Family::Service(Environment::Production),
            &ring(1),
            &Counting,
        );
        let preview = service.as_presented().preview();
        assert!(
            preview.starts_with("hk_live_") && preview.ends_with("***") && preview.len() == 14,
            "{preview}"
        );
        let (gateway, _) = KeyText::mint(&brands, Family::Gateway, &ring(1), &Counting);
        let preview = gateway.as_presented().preview();
        assert!(
            preview.starts_with("hpk_") && preview.len() == 8 + 39 && !preview[8..].contains(|c| c != '*')
        );
    }

    #[test]
    fn neither_form_prints_its_text() {
        let (key, _) = KeyText::mint(&Brands::default(), Family::Gateway, &ring(1), &Counting);
        let secret = &key.expose()[8..20];
        assert!(!format!("{key:?} {:?}", key.as_presented()).contains(secret));
    }

    #[test]
    fn brands_are_checked() {
        assert!(Brands::parse("acme", "ak1").is_ok());
        assert_eq!(Brands::parse("hk", "hk"), Err(BrandError::Same));
        for bad in ["", "Hk", "1k", "h_k", "toolong", "é"] {
            assert_eq!(bad.parse::<Brand>(), Err(BrandError::Form), "{bad:?}");
        }
    }

    #[test]
    fn the_scanner_pattern_is_the_documented_one() {
        assert_eq!(
            scanner_pattern(&Brands::default()),
            r"\b(?:hk_(?:live|test|dev)|hpk)_[0-9A-Za-z]{44}\b"
        );
    }
}
