//! Keys, their checksums, brands, secret rings and names in KV.

use keyward_shared::{
    Brands, KeyHash, PresentedKey, SecretRing,
    key::{BrandError, KeyError, checksum},
    secret::RingError,
};
use serde::Deserialize;

use crate::{FamilyName, check_all, expect, part};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    checksums: Vec<Checksum>,
    good: Vec<Parsed>,
    forged: Vec<Parsed>,
    bad: Vec<Bad>,
    brands: Vec<BrandPair>,
    rings: Vec<Ring>,
    kv_names: Vec<KvName>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Checksum {
    text: String,
    checksum: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parsed {
    name: String,
    text: String,
    brands: [String; 2],
    family: FamilyName,
    ring: String,
    secret_id: Option<u32>,
    hash: String,
    kv_name: String,
    preview: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bad {
    name: String,
    text: String,
    brands: [String; 2],
    error: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BrandPair {
    service: String,
    gateway: String,
    error: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ring {
    text: String,
    ids: Vec<u32>,
    error: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KvName {
    text: String,
    hash: Option<String>,
}

fn keys() -> Keys {
    part(|document| document.keys)
}

fn brands([service, gateway]: &[String; 2]) -> Result<Brands, String> {
    Brands::parse(service, gateway).map_err(|error| format!("brands {service}, {gateway}: {error}"))
}

#[test]
fn checksums() {
    check_all(&keys().checksums, |case| {
        expect(&case.text, &case.checksum, &checksum(&case.text))
    });
}

fn check_parsed(case: &Parsed) -> Result<(), String> {
    let name = &case.name;
    let brands = brands(&case.brands)?;
    let ring: SecretRing = case.ring.parse().map_err(|error| format!("{name}: {error}"))?;
    let key = PresentedKey::parse(&case.text, &brands).map_err(|error| format!("{name}: {error}"))?;
    expect(name, &case.family.into(), &key.family())?;
    expect(name, &case.secret_id, &key.tag_secret(&ring))?;
    expect(name, &case.hash, &key.hash().to_string())?;
    expect(name, &case.kv_name, &key.hash().kv_name())?;
    expect(name, &case.preview, &key.preview())
}

#[test]
fn good_keys_parse_and_their_tag_names_its_secret() {
    let keys = keys();
    assert!(keys.good.iter().all(|case| case.secret_id.is_some()));
    check_all(&keys.good, check_parsed);
}

#[test]
fn forged_keys_parse_and_have_no_secret() {
    let keys = keys();
    assert!(keys.forged.iter().all(|case| case.secret_id.is_none()));
    check_all(&keys.forged, check_parsed);
}

#[test]
fn bad_keys_do_not_parse() {
    check_all(&keys().bad, |case| {
        let error = match PresentedKey::parse(&case.text, &brands(&case.brands)?) {
            Ok(_) => "none",
            Err(KeyError::Prefix) => "prefix",
            Err(KeyError::Shape) => "shape",
            Err(KeyError::Checksum) => "checksum",
        };
        expect(
            &format!("{} {:?}", case.name, case.text),
            &case.error.as_str(),
            &error,
        )
    });
}

#[test]
fn brand_parts() {
    check_all(&keys().brands, |case| {
        let error = match Brands::parse(&case.service, &case.gateway) {
            Ok(brands) => {
                expect("service", &case.service.as_str(), &brands.service())?;
                expect("gateway", &case.gateway.as_str(), &brands.gateway())?;
                None
            }
            Err(BrandError::Form) => Some("form"),
            Err(BrandError::Same) => Some("same"),
        };
        expect(
            &format!("{:?}, {:?}", case.service, case.gateway),
            &case.error.as_deref(),
            &error,
        )
    });
}

#[test]
fn secret_rings() {
    check_all(&keys().rings, |case| {
        let (ids, error) = match case.text.parse::<SecretRing>() {
            Ok(ring) => {
                expect("current", &case.ids.first().copied(), &Some(ring.current().0))?;
                (ring.iter().map(|(id, _)| id).collect(), None)
            }
            Err(error) => (Vec::new(), Some(ring_error(error))),
        };
        expect(
            &format!("{:?}", case.text),
            &(&case.ids, case.error.as_deref()),
            &(&ids, error),
        )
    });
}

fn ring_error(error: RingError) -> &'static str {
    match error {
        RingError::Form => "form",
        RingError::Id => "id",
        RingError::Base64 => "base64",
        RingError::Length => "length",
        RingError::Empty => "empty",
        RingError::TooMany => "too_many",
        RingError::Repeated => "repeated",
    }
}

#[test]
fn names_in_kv() {
    check_all(&keys().kv_names, |case| {
        let hash = KeyHash::from_kv_name(&case.text);
        expect(&case.text, &case.hash, &hash.map(|hash| hash.to_string()))?;
        expect(
            &case.text,
            &case.hash.is_some().then(|| case.text.clone()),
            &hash.map(|hash| hash.kv_name()),
        )
    });
}
