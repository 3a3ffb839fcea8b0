//! Keys, secret rings, hashes and environments.

use keyward_shared::{
    Brands, Environment, Family, ImportedKeys, KeyHash, KeyText, PresentedKey, Secret, SecretRing,
    imported::Alphabet,
    key::{BODY_DIGITS, CHECKSUM_DIGITS, KeyError, MAX_KEY_BYTES, checksum},
    secret::ring_entry,
};
use proptest::{collection::vec, prelude::*, sample::Index, string::string_regex};

use crate::{Repeatable, config, ring_material, simple_ring};

const FAMILIES: [Family; 4] = [
    Family::Service(Environment::Production),
    Family::Service(Environment::Test),
    Family::Service(Environment::Development),
    Family::Gateway,
];

fn family() -> impl Strategy<Value = Family> {
    prop::sample::select(&FAMILIES)
}

fn brands() -> impl Strategy<Value = Brands> {
    let brand = || string_regex("[a-z][a-z0-9]{0,3}").unwrap();
    let different = (brand(), brand()).prop_filter_map("the brands are equal", |(service, gateway)| {
        Brands::parse(&service, &gateway).ok()
    });
    prop_oneof![Just(Brands::default()), different]
}

fn mint(brands: &Brands, family: Family, seed: u64) -> KeyText {
    KeyText::mint(brands, family, &simple_ring(1), &Repeatable::new(seed)).0
}

/// Keys of every family under several brands, for what is tried exhaustively.
fn samples() -> Vec<(Brands, KeyText)> {
    let brands = [("hk", "hpk"), ("a", "b"), ("acme", "gate"), ("hk", "dev")];
    let brands = brands.map(|(service, gateway)| Brands::parse(service, gateway).unwrap());
    let pairs = brands
        .into_iter()
        .flat_map(|brands| FAMILIES.map(|family| (brands, family)));
    pairs
        .zip(1..)
        .map(|((brands, family), seed)| (brands, mint(&brands, family, seed)))
        .collect()
}

/// Patterns, most of them near the shape of our own keys.
fn pattern() -> impl Strategy<Value = String> {
    let plain = string_regex("(hk|hpk|sk|h)?_?(live|test)?_?").unwrap();
    let placeholder = || {
        let alphabet = prop::sample::select(&Alphabet::ALL).prop_map(Alphabet::name);
        (alphabet, 1..60u32).prop_map(|(alphabet, length)| format!("{{{alphabet}:{length}}}"))
    };
    let last = (string_regex("base62|base64url").unwrap(), 1..60u32, 0..20u32)
        .prop_map(|(alphabet, least, more)| format!("{{{alphabet}:{least}-{}}}", least + more));
    (plain, vec(placeholder(), 0..3), prop_oneof![last, placeholder()])
        .prop_map(|(plain, middle, last)| format!("{plain}{}{last}", middle.concat()))
}

fn assert_no_key(text: &str, brands: &Brands, origin: &str) {
    assert!(
        PresentedKey::parse(text, brands).is_err(),
        "{text:?}, made of {origin:?}, parses"
    );
}

/// Every ASCII sign, and some beyond.
fn signs() -> impl Iterator<Item = char> {
    ('\0'..='\x7f').chain(['\u{80}', 'é', 'К', '\u{200b}', '\u{ff21}', '\u{1d7d8}'])
}

#[test]
fn no_substitution_of_one_character_parses() {
    for (brands, key) in samples() {
        let text = key.expose();
        for (position, own) in text.char_indices() {
            let (before, after) = (&text[..position], &text[position + 1..]);
            for sign in signs().filter(|sign| *sign != own) {
                assert_no_key(&format!("{before}{sign}{after}"), &brands, text);
            }
        }
    }
}

#[test]
fn no_insertion_or_deletion_of_one_character_parses() {
    for (brands, key) in samples() {
        let text = key.expose();
        for position in 0..=text.len() {
            let (before, after) = text.split_at(position);
            for sign in signs() {
                assert_no_key(&format!("{before}{sign}{after}"), &brands, text);
            }
            if let Some(rest) = after.get(1..) {
                assert_no_key(&format!("{before}{rest}"), &brands, text);
            }
        }
    }
}

#[test]
fn no_exchange_of_two_characters_parses() {
    for (brands, key) in samples() {
        let text = key.expose();
        for first in 0..text.len() {
            for second in first + 1..text.len() {
                let mut bytes = text.as_bytes().to_vec();
                bytes.swap(first, second);
                let changed = String::from_utf8(bytes).unwrap();
                if changed != text {
                    assert_no_key(&changed, &brands, text);
                }
            }
        }
    }
}

#[test]
fn environments_read_back() {
    for environment in Environment::ALL {
        assert_eq!(environment.to_string().parse(), Ok(environment));
        for other in ["", "Production", "live", "dev", "production ", "staging"] {
            assert!(other.parse::<Environment>().is_err(), "{other:?}");
        }
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_minted_key_reads_back(
        brands in brands(), family in family(), material in ring_material(), seed in any::<u64>(),
    ) {
        let text = material.iter().map(|(id, bytes)| ring_entry(*id, bytes)).collect::<Vec<_>>().join(",");
        let ring: SecretRing = text.parse().unwrap();
        let (key, id) = KeyText::mint(&brands, family, &ring, &Repeatable::new(seed));
        let parsed = PresentedKey::parse(key.expose(), &brands).unwrap();
        prop_assert_eq!(parsed.family(), family);
        prop_assert_eq!(parsed.tag_secret(&ring), Some(id));
        prop_assert_eq!(Some(id), material.iter().map(|(id, _)| *id).max());
        prop_assert_eq!(parsed.hash(), key.as_presented().hash());
        prop_assert_eq!(parsed.preview(), key.as_presented().preview());

        let body = key.expose().strip_prefix(&brands.prefix(family)).unwrap();
        prop_assert_eq!(body.len(), BODY_DIGITS);
        prop_assert!(body.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        prop_assert!(key.expose().len() <= MAX_KEY_BYTES);
        let (rest, sum) = key.expose().split_at(key.expose().len() - CHECKSUM_DIGITS);
        prop_assert_eq!(checksum(rest), sum);
    }

    /// Whatever a deployment lists, a key of ours is never let in without its tag.
    #[test]
    fn no_pattern_matches_a_key_of_ours(brands in brands(), family in family(), seed in any::<u64>(), pattern in pattern()) {
        if let Ok(imported) = ImportedKeys::parse(&pattern, &brands) {
            prop_assert!(!imported.include(mint(&brands, family, seed).expose()), "{}", pattern);
        }
    }

    #[test]
    fn any_text_can_be_tried_as_a_pattern(pattern in "[{}:0-9a-z, _é-]{0,60}", text in any::<String>()) {
        if let Ok(imported) = ImportedKeys::parse(&pattern, &Brands::default()) {
            let _ = imported.include(&text);
        }
    }

    #[test]
    fn a_stranger_cannot_tag(family in family(), seed in any::<u64>(), bytes in vec(any::<u8>(), 32)) {
        let brands = Brands::default();
        let stranger = SecretRing::new([(1, Secret::new(bytes).unwrap())].into()).unwrap();
        let (key, _) = KeyText::mint(&brands, family, &stranger, &Repeatable::new(seed));
        prop_assert_eq!(key.as_presented().tag_secret(&simple_ring(1)), None);
    }

    /// Any one sign of Unicode, anywhere in any key.
    #[test]
    fn no_change_of_one_character_parses(
        brands in brands(), family in family(), seed in any::<u64>(), place in any::<Index>(), sign in any::<char>(),
    ) {
        let key = mint(&brands, family, seed);
        let text = key.expose();
        let (before, after) = text.split_at(place.index(text.len()));
        prop_assume!(!after.starts_with(sign));
        assert_no_key(&format!("{before}{sign}{}", &after[1..]), &brands, text);
        assert_no_key(&format!("{before}{sign}{after}"), &brands, text);
        assert_no_key(&format!("{before}{}", &after[1..]), &brands, text);
    }

    /// A CRC of 32 bits finds every change within 32 bits: four neighbours at once.
    #[test]
    fn no_change_of_four_neighbours_parses(
        family in family(), seed in any::<u64>(), place in any::<Index>(), digits in "[0-9A-Za-z]{4}",
    ) {
        let brands = Brands::default();
        let key = mint(&brands, family, seed);
        let mut text = key.expose().to_owned();
        let start = brands.prefix(family).len();
        let place = start + place.index(BODY_DIGITS - CHECKSUM_DIGITS - digits.len() + 1);
        text.replace_range(place..place + digits.len(), &digits);
        prop_assume!(text != key.expose());
        prop_assert_eq!(PresentedKey::parse(&text, &brands).err(), Some(KeyError::Checksum));
    }

    #[test]
    fn any_text_can_be_presented(brands in brands(), text in any::<String>(), prefix in family(), body in "[0-9A-Za-z_é]{40,48}") {
        for text in [text, brands.prefix(prefix) + &body] {
            if let Ok(key) = PresentedKey::parse(&text, &brands) {
                prop_assert!(key.preview().contains('*'));
                prop_assert_eq!(key.tag_secret(&simple_ring(1)), None);
            }
        }
    }

    #[test]
    fn rings_read_back(material in ring_material(), message in vec(any::<u8>(), 0..100)) {
        let text = material.iter().map(|(id, bytes)| ring_entry(*id, bytes)).collect::<Vec<_>>().join(",");
        let ring: SecretRing = text.parse().unwrap();
        let mut ids: Vec<u32> = material.iter().map(|(id, _)| *id).collect();
        ids.sort_unstable_by(|one, other| other.cmp(one));
        prop_assert_eq!(ring.iter().map(|(id, _)| id).collect::<Vec<_>>(), ids);
        for (id, bytes) in material {
            let mac = Secret::new(bytes).unwrap().hmac([message.as_slice()]);
            let secret = ring.get(id).unwrap();
            prop_assert!(secret.verify([message.as_slice()], &mac));
            let mut wrong = mac;
            wrong[message.len() % 32] ^= 1;
            prop_assert!(!secret.verify([message.as_slice()], &wrong));
        }
    }

    #[test]
    fn any_text_can_be_tried_as_a_ring(text in "[0-9:, A-Za-z_-]{0,80}") {
        let _ = text.parse::<SecretRing>();
    }

    #[test]
    fn hashes_read_back(bytes in any::<[u8; 32]>(), text in any::<String>()) {
        let hash = KeyHash::from_bytes(bytes);
        prop_assert_eq!(hash.as_bytes(), &bytes);
        prop_assert_eq!(KeyHash::from_hex(&hash.to_string()), Some(hash));
        prop_assert_eq!(KeyHash::from_kv_name(&hash.kv_name()), Some(hash));
        let json = serde_json::to_string(&hash).unwrap();
        prop_assert_eq!(serde_json::from_str::<KeyHash>(&json).unwrap(), hash);
        prop_assert_eq!(KeyHash::from_hex(&text), None);
        prop_assert_eq!(KeyHash::from_kv_name(&text), None);
    }
}
