//! Signed records.

use core::cmp::Ordering;

use keyward_shared::{
    Cidr, Environment, Family, KeyHash, Record, RequestFacts, Secret, SecretRing, UnixSeconds, decide,
    record::{Status, Verified, Version, sign, verify},
};
use proptest::{
    collection::vec,
    option,
    prelude::*,
    sample::{Index, select},
};

use crate::{config, networks, simple_ring};

const DEPLOYMENT: &str = "main";

fn status() -> impl Strategy<Value = Status> {
    select(&[
        Status::Active,
        Status::Deactivated,
        Status::Revoked,
        Status::Superseded,
    ])
}

fn cidr() -> impl Strategy<Value = Cidr> {
    networks::network().prop_map(|(network, length)| format!("{network}/{length}").parse().unwrap())
}

fn record() -> impl Strategy<Value = Record> {
    let names = (any::<String>(), any::<String>(), any::<String>(), any::<String>());
    let belongs = (
        option::of(any::<String>()),
        option::of(select(&Environment::ALL)),
        status(),
    );
    let lists = (vec(any::<String>(), 0..5), vec(cidr(), 0..5));
    let limits = (
        any::<Option<i64>>(),
        any::<Option<u32>>(),
        any::<Option<u64>>(),
        any::<u64>(),
    );
    let ends = (any::<Option<String>>(), any::<bool>());
    (names, belongs, lists, limits, ends).prop_map(
        |(
            (key_id, organization, plan, guard),
            (service, environment, status),
            (scopes, allowed_ips),
            (expires_at, rate_limit_per_hour, monthly_limit, revision),
            (home, in_grace),
        )| Record {
            version: Version,
            revision,
            key_id,
            organization,
            service,
            environment,
            status,
            scopes,
            allowed_ips,
            expires_at: expires_at.map(UnixSeconds),
            rate_limit_per_hour,
            monthly_limit,
            plan,
            guard,
            home,
            in_grace,
        },
    )
}

fn sample(revision: u64, scopes: &[&str]) -> Record {
    Record {
        version: Version,
        revision,
        key_id: "0190a5b0-7c1e-7b3a-9d4e-0123456789ab".to_owned(),
        organization: "défaut".to_owned(),
        service: Some("prediction".to_owned()),
        environment: Some(Environment::Production),
        status: Status::Active,
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        allowed_ips: vec!["203.0.113.0/24".parse().unwrap()],
        expires_at: Some(UnixSeconds(1_900_000_000)),
        rate_limit_per_hour: Some(1000),
        monthly_limit: None,
        plan: "free".to_owned(),
        guard: "0190a5b0-7c1e-7b3a-9d4e-0123456789ab".to_owned(),
        home: None,
        in_grace: false,
    }
}

/// KV hands out text, so bytes that are no UTF-8 become U+FFFD before we see them.
fn verifies(value: &[u8], ring: &SecretRing, hash: &KeyHash) -> bool {
    verify(&String::from_utf8_lossy(value), ring, DEPLOYMENT, hash).is_ok()
}

#[test]
fn no_change_of_one_bit_of_a_record_or_its_name_verifies() {
    let hash = KeyHash::of("some key");
    // Ids 1, 3, 5 … are one bit apart, so a turned bit of the id can name another secret of the ring.
    let secrets = [1u32, 3, 5, 7].map(|id| (id, Secret::new(id.to_be_bytes().repeat(8)).unwrap()));
    let ring = SecretRing::new(secrets.into()).unwrap();
    for record in [
        sample(0, &[]),
        sample(1, &["predict"]),
        sample(u64::MAX, &["predict", "read"]),
    ] {
        let mut value = sign(&record, &ring, DEPLOYMENT, &hash).unwrap().into_bytes();
        assert!(verifies(&value, &ring, &hash));
        for place in 0..value.len() * 8 {
            value[place / 8] ^= 1 << (place % 8);
            assert!(!verifies(&value, &ring, &hash), "bit {place} of {record:?}");
            value[place / 8] ^= 1 << (place % 8);
        }
        for place in 0..256 {
            let mut name = *hash.as_bytes();
            name[place / 8] ^= 1 << (place % 8);
            assert!(
                !verifies(&value, &ring, &KeyHash::from_bytes(name)),
                "bit {place} of the name"
            );
        }
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_signed_record_reads_back(record in record(), deployment in any::<String>(), name in any::<[u8; 32]>()) {
        let (ring, hash) = (simple_ring(9), KeyHash::from_bytes(name));
        let value = sign(&record, &ring, &deployment, &hash).unwrap();
        let verified = verify(&value, &ring, &deployment, &hash);
        prop_assert_eq!(verified, Ok(Verified { record, mac_key_id: 9 }));
    }

    #[test]
    fn no_change_of_one_bit_verifies(record in record(), place in any::<Index>(), bit in 0..8u32) {
        let (ring, hash) = (simple_ring(1), KeyHash::of("some key"));
        let mut value = sign(&record, &ring, DEPLOYMENT, &hash).unwrap().into_bytes();
        let place = place.index(value.len());
        value[place] ^= 1u8 << bit;
        prop_assert!(!verifies(&value, &ring, &hash));
    }

    #[test]
    fn no_other_deployment_or_name_verifies(record in record(), deployment in any::<String>(), name in any::<[u8; 32]>()) {
        let (ring, hash) = (simple_ring(1), KeyHash::of("some key"));
        let value = sign(&record, &ring, DEPLOYMENT, &hash).unwrap();
        prop_assert!(deployment == DEPLOYMENT || verify(&value, &ring, &deployment, &hash).is_err());
        prop_assert!(verify(&value, &ring, DEPLOYMENT, &KeyHash::from_bytes(name)).is_err());
    }

    #[test]
    fn any_text_can_be_tried_as_a_record(
        text in any::<String>(), line in any::<String>(), id in "[0-9+ ]{0,12}", mac in "[A-Za-z0-9_=-]{40,45}",
    ) {
        for value in [text, format!("{line}\n{id}.{mac}")] {
            prop_assert!(verify(&value, &simple_ring(1), DEPLOYMENT, &KeyHash::of("some key")).is_err());
        }
    }

    #[test]
    fn of_two_records_the_higher_revision_wins_and_then_the_newer_secret(
        revisions in any::<[u8; 2]>(), ids in any::<[u8; 2]>(),
    ) {
        let verified = |side: usize| Verified {
            record: sample((revisions[side] % 4).into(), &[]),
            mac_key_id: (ids[side] % 4).into(),
        };
        let (one, other) = (verified(0), verified(1));
        let expected = match one.record.revision.cmp(&other.record.revision) {
            Ordering::Equal => one.mac_key_id.cmp(&other.mac_key_id),
            unequal => unequal,
        };
        prop_assert_eq!(one.precedence(&other), expected);
        prop_assert_eq!(other.precedence(&one), expected.reverse());
    }

    /// Nothing that is not active is ever allowed, and time only takes away.
    #[test]
    fn decisions_are_never_kinder_than_the_record(
        record in record(), open in any::<bool>(), gateway in any::<bool>(), environment in select(&Environment::ALL),
        scope in any::<Option<String>>(), client_ip in option::of(networks::address()),
        now in any::<i64>(), later in any::<i64>(),
    ) {
        // Left to chance, hardly a request would be allowed.
        let record = if open {
            let environment = (!gateway).then_some(environment);
            Record { environment, status: Status::Active, allowed_ips: Vec::new(), ..record }
        } else {
            record
        };
        let facts = RequestFacts {
            organization: None,
            family: Some(if gateway { Family::Gateway } else { Family::Service(environment) }),
            environment,
            service: record.service.as_deref().unwrap_or_default(),
            scope: record.scopes.first().map_or(scope.as_deref(), |own| Some(own)),
            client_ip,
        };
        let (now, later) = (UnixSeconds(now.min(later)), UnixSeconds(now.max(later)));
        if decide(&record, &facts, later).is_ok() {
            prop_assert_eq!(record.status, Status::Active);
            prop_assert!(record.expires_at.is_none_or(|expires_at| later < expires_at));
            prop_assert!(record.allowed_ips.is_empty() || client_ip.is_some());
            prop_assert!(facts.scope.is_none_or(|scope| record.scopes.iter().any(|own| own == scope)));
            prop_assert!(facts.scope.is_some() || !gateway);
            prop_assert_eq!(decide(&record, &facts, now), Ok(()));
            for status in [Status::Deactivated, Status::Revoked, Status::Superseded] {
                let ended = Record { status, ..record.clone() };
                prop_assert!(decide(&ended, &facts, now).is_err());
            }
        }
    }
}
