//! What control plane and edge say to each other: nothing but what was signed is believed.

use keyward_shared::{
    SecretRing, UnixMillis,
    guard::{KeyUsage, MeterUsage},
    month::Month,
    secret::ring_entry,
    sync,
    usage::{self, Claim, Report},
};
use proptest::{collection::vec, prelude::*, sample::Index};

use crate::{config, ring_material};

fn key_usage() -> impl Strategy<Value = KeyUsage> {
    let metered =
        (any::<String>(), 0..u64::MAX / 2, any::<u64>()).prop_map(|(meter, at, requests)| MeterUsage {
            meter,
            month: Month::of(UnixMillis(at)),
            requests,
        });
    let counts = (vec(any::<(u64, u64)>(), 0..5), vec(metered, 0..3));
    (any::<String>(), any::<u64>(), counts).prop_map(|(key_id, last, (hours, metered))| KeyUsage {
        key_id,
        last_used_at: UnixMillis(last),
        hours,
        metered,
    })
}

fn ring() -> impl Strategy<Value = SecretRing> {
    ring_material().prop_map(|secrets| {
        let entries: Vec<_> = secrets.iter().map(|(id, bytes)| ring_entry(*id, bytes)).collect();
        entries.join(",").parse().unwrap()
    })
}

/// Replaces one character by another, or leaves it out.
fn changed(text: &str, place: Index, by: Option<char>) -> String {
    let place = place.index(text.chars().count());
    let change = |(index, known)| if index == place { by } else { Some(known) };
    text.chars().enumerate().filter_map(change).collect()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_report_arrives_as_it_was_sent(
        keys in vec(key_usage(), 0..4),
        ring in ring(),
        deployment in "[a-z][a-z0-9-]{0,20}",
        (at, apart) in (usage::MAX_AGE_MS..=u64::MAX - usage::MAX_AGE_MS, 0..=2 * usage::MAX_AGE_MS),
        nonce in any::<usage::Nonce>(),
    ) {
        let report = Report { keys, refusals: Vec::new() };
        let body = serde_json::to_vec(&report).unwrap();
        let header = usage::sign(&ring, &deployment, UnixMillis(at), &nonce, &body);
        let claim = Claim::read(&header).unwrap();
        prop_assert_eq!(claim.deployment(), &deployment);
        let seen = UnixMillis(at - usage::MAX_AGE_MS + apart);
        prop_assert_eq!(claim.verify(&ring, seen, &body), Ok(report));
    }

    #[test]
    fn one_character_changed_and_it_is_not_believed(
        ring in ring(),
        keys in vec(key_usage(), 0..2),
        place in any::<Index>(),
        by in proptest::option::of(any::<char>()),
        nonce in any::<usage::Nonce>(),
    ) {
        let now = UnixMillis(1_800_000_000_000);
        let body = serde_json::to_vec(&Report { keys, refusals: Vec::new() }).unwrap();
        let report = usage::sign(&ring, "main", now, &nonce, &body);
        let altered = changed(&report, place, by);
        if altered != report {
            let believed = Claim::read(&altered).and_then(|claim| claim.verify(&ring, now, &body));
            prop_assert!(believed.is_err(), "{}", altered);
        }
        let question = sync::sign_question(&ring, "main", now, &nonce, &body);
        let altered = changed(&question, place, by);
        if altered != question {
            let believed = sync::verify_question(&altered, &ring, "main", now, &body);
            prop_assert!(believed.is_err(), "{}", altered);
        }
    }
}
