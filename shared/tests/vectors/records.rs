//! Signed records: the exact text, and every way in which a value is none.

use keyward_shared::{
    KeyHash, Record, SecretRing,
    record::{RecordError, sign, verify},
};
use serde::Deserialize;

use crate::{check_all, expect, part};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Records {
    ring: String,
    deployment: String,
    hash: KeyHash,
    good: Vec<Good>,
    bad: Vec<Bad>,
    sizes: Vec<Sized>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Good {
    name: String,
    record: Record,
    mac_key_id: u32,
    /// Whether signing the record gives this very text.
    signs: bool,
    value: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bad {
    name: String,
    value: String,
    error: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sized {
    name: String,
    /// `@` stands for so many `p` as `fill` says.
    value: String,
    fill: usize,
    error: Option<String>,
}

fn records() -> (Records, SecretRing) {
    let records: Records = part(|document| document.records);
    let ring = records
        .ring
        .parse()
        .unwrap_or_else(|error| panic!("the ring {error}"));
    (records, ring)
}

fn error_name(error: RecordError) -> &'static str {
    match error {
        RecordError::TooLarge => "too_large",
        RecordError::Form => "form",
        RecordError::UnknownSecret(_) => "unknown_secret",
        RecordError::Mac => "mac",
        RecordError::Version => "version",
    }
}

#[test]
fn good_records_verify_and_sign_byte_for_byte() {
    let (records, ring) = records();
    check_all(&records.good, |case| {
        let verified = verify(&case.value, &ring, &records.deployment, &records.hash)
            .map_err(|error| format!("{}: {error}", case.name))?;
        expect(&case.name, &case.record, &verified.record)?;
        expect(&case.name, &case.mac_key_id, &verified.mac_key_id)?;
        let signed = sign(&case.record, &ring, &records.deployment, &records.hash);
        expect(&case.name, &case.signs, &(signed.as_deref() == Ok(&case.value)))
    });
}

#[test]
fn bad_records_do_not_verify() {
    let (records, ring) = records();
    check_all(&records.bad, |case| {
        let error = verify(&case.value, &ring, &records.deployment, &records.hash).map_err(error_name);
        expect(&case.name, &Some(case.error.as_str()), &error.err())
    });
}

#[test]
fn a_good_record_is_none_elsewhere() {
    let (records, ring) = records();
    let elsewhere = KeyHash::of("another key");
    check_all(&records.good, |case| {
        for (deployment, hash) in [
            ("staging", &records.hash),
            ("", &records.hash),
            ("main ", &records.hash),
            ("main", &elsewhere),
        ] {
            let error = verify(&case.value, &ring, deployment, hash).err();
            expect(
                &format!("{} in {deployment:?}", case.name),
                &Some(RecordError::Mac),
                &error,
            )?;
        }
        Ok(())
    });
}

#[test]
fn the_size_is_bounded_when_reading_and_when_signing() {
    let (records, ring) = records();
    let Records {
        deployment,
        hash,
        sizes,
        good,
        ..
    } = &records;
    check_all(sizes, |case| {
        let plan = "p".repeat(case.fill);
        let value = case.value.replace('@', &plan);
        let error = verify(&value, &ring, deployment, hash).err().map(error_name);
        expect(&case.name, &case.error.as_deref(), &error)?;
        let record = Record {
            plan,
            ..good[0].record.clone()
        };
        let error = sign(&record, &ring, deployment, hash).err().map(error_name);
        expect(&case.name, &case.error.as_deref(), &error)
    });
}
