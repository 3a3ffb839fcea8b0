//! Keys, records and the storage of KeyGuards as releases wrote them, in `golden/<release>/`. Later code reads them: keys in the hands
//! of people, records in KV and rows of objects are older than the code that meets them.
//!
//! `cargo xtask golden <release>` writes those of a new one, whose line goes below.

use std::{collections::BTreeMap, convert::Infallible};

use keyward_shared::{
    Brands, Cidr, Entropy, Environment, Family, KeyHash, KeyText, PresentedKey, Record, Secret, SecretRing,
    UnixMillis, UnixSeconds,
    guard::{Answer, Ask, Guard, Pending, SignedRecord},
    lease::LeaseTerm,
    record::{self, Status, Version},
};
use serde::{Deserialize, Serialize};

const DEPLOYMENT: &str = "main";
const BEGAN: UnixMillis = UnixMillis(1_800_000_000_000);
const LATER: UnixMillis = UnixMillis(BEGAN.0 + 1000);
const GUARD: &str = "01890000-0000-7000-8000-000000000001";
const METER: &str = "prediction";

/// Each release with what it wrote.
const RELEASES: &[(&str, &str)] = &[("0.1", include_str!("golden/0.1.json"))];

/// What a release wrote.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    /// By the name of the family.
    keys: BTreeMap<String, String>,
    /// Signed records by what they are an example of, and what they say.
    records: BTreeMap<String, (String, Record)>,
    /// The rows of the guard of the record `limited`, after some requests and a revocation.
    guard: BTreeMap<String, String>,
}

#[test]
fn what_releases_wrote_is_read() {
    for (release, text) in RELEASES {
        let written: Written = serde_json::from_str(text).unwrap();
        assert_eq!(written.keys.len(), FAMILIES.len(), "{release}");
        for (name, family) in FAMILIES {
            let key = PresentedKey::parse(&written.keys[name], &Brands::default()).unwrap();
            let read = (key.family(), key.tag_secret(&ring()));
            assert_eq!(read, (family, Some(1)), "{release} {name}");
        }
        for (name, (signed, said)) in &written.records {
            let read = record::verify(signed, &ring(), DEPLOYMENT, &KeyHash::of(name)).unwrap();
            assert_eq!(read.record, *said, "{release} {name}");
        }
        is_gone_on_from(release, &written);
    }
}

/// A guard that finds the rows has forgotten neither what it counted, nor the lease that is out, nor the end of the other key.
fn is_gone_on_from(release: &str, written: &Written) {
    let mut guard = Guard::restore(term(), written.guard.clone(), LATER).unwrap();
    let (limited, _) = &written.records["limited"];
    let key = KeyHash::of("limited");
    let limited = SignedRecord::verify(limited, &ring(), DEPLOYMENT, &key).unwrap();
    let mut rows = BTreeMap::new();
    // Ten an hour, of which four are out.
    match keep(
        guard.acquire(GUARD, &ask(key, 20), Some(limited), LATER),
        &mut rows,
    ) {
        Answer::Granted(grant) => assert!(grant.requests <= 6, "{release}: {grant:?}"),
        other => panic!("{release}: {other:?}"),
    }
    let revoked = guard.record(&KeyHash::of("revoked")).unwrap();
    assert_eq!(revoked.record().status, Status::Revoked, "{release}");
    let (active, _) = &written.records["active"];
    let older = SignedRecord::verify(active, &ring(), DEPLOYMENT, &KeyHash::of("active"));
    assert!(older.is_ok(), "{release}");
    let usage = keep(guard.usage(UnixMillis(BEGAN.0 + 60_000)), &mut rows);
    assert!(!usage.is_empty(), "{release}: what was admitted is not reported");
}

/// Rules may change; what this code writes, this code has to be able to read.
#[test]
fn what_this_release_writes_is_read() {
    let text = serde_json::to_string(&write()).unwrap();
    let written: Written = serde_json::from_str(&text).unwrap();
    assert_eq!(written, write());
    is_gone_on_from("this one", &written);
    #[cfg(not(target_os = "wasi"))]
    if let Ok(release) = std::env::var("KEYWARD_RELEASE") {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/formats/golden");
        let text = serde_json::to_string_pretty(&written).unwrap();
        std::fs::write(format!("{folder}/{release}.json"), text + "\n").unwrap();
    }
}

const FAMILIES: [(&str, Family); 4] = [
    ("production", Family::Service(Environment::Production)),
    ("test", Family::Service(Environment::Test)),
    ("development", Family::Service(Environment::Development)),
    ("gateway", Family::Gateway),
];

fn write() -> Written {
    let keys = FAMILIES.map(|(name, family)| {
        let (text, _) = KeyText::mint(&Brands::default(), family, &ring(), &Same);
        (name.to_owned(), text.expose().to_owned())
    });
    let records: BTreeMap<_, _> = records()
        .into_iter()
        .map(|(name, record)| (name.to_owned(), (signed(name, &record).text().to_owned(), record)))
        .collect();
    let mut guard = Guard::restore(term(), [], BEGAN).unwrap();
    let mut rows = BTreeMap::new();
    for name in ["limited", "active"] {
        keep(
            guard.adopt(KeyHash::of(name), signed(name, &records[name].1), BEGAN),
            &mut rows,
        );
    }
    let revoked = KeyHash::of("revoked");
    keep(
        guard.adopt(revoked, signed("revoked", &records["revoked"].1), BEGAN),
        &mut rows,
    );
    let granted = keep(
        guard.acquire(GUARD, &ask(KeyHash::of("limited"), 4), None, BEGAN),
        &mut rows,
    );
    assert!(matches!(granted, Answer::Granted(_)), "{granted:?}");
    Written {
        keys: keys.into(),
        records,
        guard: rows,
    }
}

/// One of each kind, and every field in use in some.
fn records() -> [(&'static str, Record); 5] {
    let plain = Record {
        version: Version,
        revision: 1,
        key_id: "01890000-0000-7000-8000-000000000002".into(),
        organization: "01890000-0000-7000-8000-000000000003".into(),
        service: Some("prediction".into()),
        environment: Some(Environment::Production),
        status: Status::Active,
        scopes: vec!["read".into(), "write".into()],
        allowed_ips: Vec::new(),
        expires_at: None,
        rate_limit_per_hour: Some(5000),
        monthly_limit: None,
        plan: "free".into(),
        guard: GUARD.into(),
        home: None,
        in_grace: false,
    };
    let networks = ["203.0.113.0/24", "2001:db8::/32"].map(|text| text.parse::<Cidr>().unwrap());
    [
        ("active", plain.clone()),
        (
            "limited",
            Record {
                rate_limit_per_hour: Some(10),
                monthly_limit: Some(100),
                expires_at: Some(UnixSeconds(1_900_000_000)),
                allowed_ips: networks.into(),
                home: Some("weur".into()),
                ..plain.clone()
            },
        ),
        (
            "revoked",
            Record {
                revision: 7,
                status: Status::Revoked,
                ..plain.clone()
            },
        ),
        (
            "in grace",
            Record {
                revision: 3,
                status: Status::Superseded,
                expires_at: Some(UnixSeconds(1_800_000_600)),
                in_grace: true,
                ..plain.clone()
            },
        ),
        (
            "gateway",
            Record {
                service: None,
                environment: None,
                ..plain
            },
        ),
    ]
}

fn ask(key: KeyHash, demand: u32) -> Ask {
    Ask {
        key,
        meter: Some(METER.into()),
        presented: None,
        demand,
        uncovered: 0,
    }
}

fn term() -> LeaseTerm {
    LeaseTerm::new(2).unwrap()
}

fn ring() -> SecretRing {
    SecretRing::new(vec![(1, Secret::new(vec![7; 32]).unwrap())]).unwrap()
}

fn signed(name: &str, record: &Record) -> SignedRecord {
    let text = record::sign(record, &ring(), DEPLOYMENT, &KeyHash::of(name)).unwrap();
    SignedRecord::verify(&text, &ring(), DEPLOYMENT, &KeyHash::of(name)).unwrap()
}

fn keep<A>(pending: Pending<A>, rows: &mut BTreeMap<String, String>) -> A {
    let kept = pending.persist(|writes| -> Result<(), Infallible> {
        for write in writes {
            match &write.value {
                Some(value) => rows.insert(write.name.clone(), value.clone()),
                None => rows.remove(&write.name),
            };
        }
        Ok(())
    });
    match kept {
        Ok(answer) => answer,
    }
}

/// The same randomness every time: these keys protect nothing.
struct Same;

impl Entropy for Same {
    fn fill(&self, buffer: &mut [u8]) {
        for (byte, value) in buffer.iter_mut().zip((0..=247).cycle()) {
            *byte = value;
        }
    }
}
