//! The text of a key against a second reader of its form and checksum.

use keyward_shared::{Brands, Environment, Family, KeyText, PresentedKey, key::MAX_KEY_BYTES};

use crate::ring;

const ALPHABET: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const PREFIXES: [(&str, Family); 4] = [
    ("hk_live_", Family::Service(Environment::Production)),
    ("hk_test_", Family::Service(Environment::Test)),
    ("hk_dev_", Family::Service(Environment::Development)),
    ("hpk_", Family::Gateway),
];

pub(crate) fn run(data: &[u8]) {
    let brands = Brands::default();
    if let Ok(text) = str::from_utf8(data) {
        let parsed = PresentedKey::parse(text, &brands).ok();
        assert_eq!(parsed.map(|key| key.family()), family(text), "{text:?}");
        if let Some(key) = parsed {
            assert!(text.len() <= MAX_KEY_BYTES);
            assert!(!key.preview().contains(&text[text.len() - 32..]));
            assert_eq!(key.tag_secret(&ring(1)), None, "a tag made by chance");
        }
    }
    // What is minted of these bytes is read back, and one wrong character is noticed.
    let Some((first, rest)) = data.split_first() else {
        return;
    };
    let (_, family) = PREFIXES[usize::from(*first) % PREFIXES.len()];
    let (minted, secret) = KeyText::mint(&brands, family, &ring(1), &Bytes(rest));
    let key = PresentedKey::parse(minted.expose(), &brands).ok();
    assert_eq!(
        key.map(|key| (key.family(), key.tag_secret(&ring(1)))),
        Some((family, Some(secret)))
    );
    let mut changed = minted.expose().to_owned().into_bytes();
    let place = rest.iter().map(|byte| usize::from(*byte)).sum::<usize>() % changed.len();
    let other = ALPHABET[usize::from(*first) % ALPHABET.len()];
    if changed[place] != other {
        changed[place] = other;
        let changed = String::from_utf8(changed).unwrap_or_default();
        assert!(PresentedKey::parse(&changed, &brands).is_err(), "{changed}");
    }
}

/// The family of a text that has the form of a key and a checksum that fits, found out by other means.
fn family(text: &str) -> Option<Family> {
    let (prefix, family) = PREFIXES
        .into_iter()
        .find(|(prefix, _)| text.starts_with(prefix))?;
    let body = text.as_bytes().get(prefix.len()..)?;
    if body.len() != 44 || !body.iter().all(|byte| ALPHABET.contains(byte)) {
        return None;
    }
    let (checked, checksum) = text.as_bytes().split_at(text.len() - 6);
    let mut number = u64::from(crc32(checked));
    let mut digits = [0; 6];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[usize::try_from(number % 62).unwrap_or_default()];
        number /= 62;
    }
    (digits == checksum).then_some(family)
}

/// CRC-32 (ISO-HDLC), bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (0u32.wrapping_sub(crc & 1)));
        }
    }
    !crc
}

/// The input as randomness, over and over; each byte below the bound at which one is thrown away, so that it ends.
struct Bytes<'a>(&'a [u8]);

impl keyward_shared::Entropy for Bytes<'_> {
    fn fill(&self, buffer: &mut [u8]) {
        let bytes = self.0.iter().chain([&0]).cycle();
        for (byte, value) in buffer.iter_mut().zip(bytes) {
            *byte = value % 248;
        }
    }
}
