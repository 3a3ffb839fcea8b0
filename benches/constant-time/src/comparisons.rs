//! Where secrets are compared.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use keyward_shared::{
    Brands, Entropy, Family, KeyHash, KeyText, PresentedKey, Record, Secret, SecretRing, UnixMillis,
    key::{self, CHECKSUM_DIGITS, TAG_DIGITS},
    record, secret, sync,
};

use crate::look::Look;

const DEPLOYMENT: &str = "main";
const NOW: UnixMillis = UnixMillis(1_800_000_000_000);
const RECORD: &str = r#"{"version":1,"revision":1,"key_id":"k","organization":"o","service":null,"environment":null,"status":"active","scopes":[],"allowed_ips":[],"expires_at":null,"rate_limit_per_hour":null,"monthly_limit":null,"plan":"free","guard":"k"}"#;

/// One comparison.
pub(crate) struct Comparison {
    pub(crate) name: &'static str,
    /// Whether it is wrong on purpose.
    pub(crate) is_planted: bool,
    /// For each place texts that are wrong there: many, since one by itself may be quicker for a processor than another.
    pub(crate) wrong: Vec<Vec<String>>,
    look: Box<dyn Fn(&str) -> Look>,
}

impl Comparison {
    fn new(
        name: &'static str,
        right: &str,
        wrong: Vec<Vec<String>>,
        look: impl Fn(&str) -> Look + 'static,
    ) -> Self {
        assert!(look(right).is_equal, "{name}: the right text is refused");
        Self {
            name,
            is_planted: false,
            wrong,
            look: Box::new(look),
        }
    }

    /// How long it takes to refuse the text, which `buffer` takes: where it is in memory must not make a difference.
    pub(crate) fn refuse(&self, text: &str, buffer: &mut String) -> u64 {
        buffer.clear();
        buffer.push_str(text);
        let look = (self.look)(buffer);
        assert!(!look.is_equal, "{}: a wrong text is accepted", self.name);
        look.took
    }
}

/// Those that there are, and one that ends at the first difference.
pub(crate) fn all() -> Vec<Comparison> {
    vec![texts(), key_tag(), record_mac(), message_mac(), planted()]
}

/// The hash of the admin token, and those of the secrets that ask about keys; state and nonce of a sign-in.
fn texts() -> Comparison {
    let right = "a".repeat(32);
    let wrong = wrong_texts(&right);
    Comparison::new("secret::equal", &right.clone(), wrong, move |text| {
        Look::at(|| secret::equal(right.as_bytes(), text.as_bytes()))
    })
}

fn key_tag() -> Comparison {
    let (brands, ring) = (Brands::default(), ring());
    let (minted, _) = KeyText::mint(&brands, Family::Gateway, &ring, &Zeros);
    let right = minted.expose();
    let (random, rest) = right.split_at(right.len() - CHECKSUM_DIGITS - TAG_DIGITS);
    let key = |tag: &String| {
        let tagged = format!("{random}{tag}");
        let checksum = key::checksum(&tagged);
        tagged + &checksum
    };
    let tags = wrong_texts(&rest[..TAG_DIGITS]);
    let wrong = tags.iter().map(|tags| tags.iter().map(key).collect()).collect();
    Comparison::new("PresentedKey::tag_secret", right, wrong, move |text| {
        let key = PresentedKey::parse(text, &brands);
        Look::at(|| key.is_ok_and(|key| key.tag_secret(&ring).is_some()))
    })
}

fn record_mac() -> Comparison {
    let (ring, hash) = (ring(), KeyHash::of("a key"));
    let signed = serde_json::from_str::<Record>(RECORD)
        .ok()
        .and_then(|record| record::sign(&record, &ring, DEPLOYMENT, &hash).ok())
        .unwrap_or_default();
    let wrong = wrong_macs(&signed);
    Comparison::new("record::verify", &signed, wrong, move |value| {
        Look::at(|| record::verify(value, &ring, DEPLOYMENT, &hash).is_ok())
    })
}

/// Of the control plane's messages to the edge and back, and of reports of usage.
fn message_mac() -> Comparison {
    let ring = ring();
    let header = sync::sign_question(&ring, DEPLOYMENT, NOW, &[7; sync::NONCE_BYTES], b"");
    let wrong = wrong_macs(&header);
    Comparison::new("sync::verify_question", &header, wrong, move |header| {
        Look::at(|| sync::verify_question(header, &ring, DEPLOYMENT, NOW, b"").is_ok())
    })
}

/// What the check of a MAC would be if it compared as `==` does: the same work, and an end at the first difference.
fn planted() -> Comparison {
    let ring = ring();
    let sign = move || ring.current().1.sign_framed(&[b"planted"]);
    let right = format!(".{}", URL_SAFE_NO_PAD.encode(sign()));
    let wrong = wrong_macs(&right);
    let look = move |text: &str| {
        Look::at(|| {
            let presented = URL_SAFE_NO_PAD.decode(&text[1..]).unwrap_or_default();
            presented.iter().zip(sign()).all(|(a, b)| *a == b)
        })
    };
    Comparison {
        is_planted: true,
        ..Comparison::new("planted: ends at the first difference", &right, wrong, look)
    }
}

/// For each place the text with other letters there.
fn wrong_texts(right: &str) -> Vec<Vec<String>> {
    let wrong_at = |(place, letter): (usize, char)| {
        let others = ('a'..='z').chain('A'..='Z').filter(|other| *other != letter);
        others
            .map(|other| format!("{}{other}{}", &right[..place], &right[place + 1..]))
            .collect()
    };
    right.char_indices().map(wrong_at).collect()
}

/// For each byte of the MAC that stands behind its last point, the text with other bytes there.
fn wrong_macs(right: &str) -> Vec<Vec<String>> {
    let (head, mac) = right.rsplit_once('.').unwrap_or_default();
    let mac = URL_SAFE_NO_PAD.decode(mac).unwrap_or_default();
    let wrong_by = |place: usize, bits: u8| {
        let mut mac = mac.clone();
        mac[place] ^= bits;
        format!("{head}.{}", URL_SAFE_NO_PAD.encode(mac))
    };
    (0..mac.len())
        .map(|place| (1..=50).map(|bits| wrong_by(place, bits)).collect())
        .collect()
}

fn ring() -> SecretRing {
    let secret = Secret::new(b"sixteen bytes and some more".to_vec());
    match secret.and_then(|secret| SecretRing::new(vec![(1, secret)])) {
        Ok(ring) => ring,
        Err(error) => unreachable!("{error}"),
    }
}

/// Randomness that is none.
struct Zeros;

impl Entropy for Zeros {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(0);
    }
}
