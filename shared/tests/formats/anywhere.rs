//! The native build against the one for WebAssembly, where a `usize` has 32 bits and nothing else is the same either: on the corpus
//! of the fuzzer, and on pieces and changes of it, both read, refuse, sign and decide alike.
//!
//! What they say is long, so a digest of it is committed, a line for each input. Whoever changes a rule, or adds an input, writes them
//! anew: `KEYWARD_WRITE_DIGESTS=1 cargo test -p keyward-shared --test formats`.

use std::{fmt::Write as _, fs, net::IpAddr, path::Path};

use keyward_shared::{
    Brands, Cidr, Environment, Family, KeyHash, PresentedKey, Record, RouteTable, Secret, SecretRing,
    UnixMillis, UnixSeconds,
    credential::bearer_token,
    decide::{RequestFacts, decide},
    record,
    route::path::RequestPath,
    scope::is_scope,
    sync::{self, Batch, NONCE_BYTES},
    usage,
};

/// Under WebAssembly the corpus is where `tests/wasi-runner.mjs` puts it.
const CORPUS: &str = if cfg!(target_os = "wasi") {
    "/corpus"
} else {
    concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus")
};
const DIGESTS: &str = include_str!("digests.txt");
const NOW: UnixMillis = UnixMillis(1_800_000_000_000);
/// How many changes of an input are tried.
const CHANGES: u64 = 24;

#[test]
fn both_builds_say_the_same_of_the_same_bytes() {
    let digests = digests();
    #[cfg(not(target_os = "wasi"))]
    if std::env::var_os("KEYWARD_WRITE_DIGESTS").is_some() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/formats/digests.txt");
        return fs::write(file, digests).unwrap();
    }
    let differ: Vec<_> = digests
        .lines()
        .filter(|line| !DIGESTS.lines().any(|known| known == *line))
        .collect();
    assert!(
        differ.is_empty() && digests.lines().count() == DIGESTS.lines().count(),
        "not what the committed digests say (shared/tests/formats/anywhere.rs tells how to write them): {differ:#?}"
    );
}

/// A line for each input of the corpus, in order.
fn digests() -> String {
    let mut lines = String::new();
    for target in names(Path::new(CORPUS)) {
        let folder = Path::new(CORPUS).join(&target);
        for name in names(&folder) {
            let said = everything(&fs::read(folder.join(&name)).unwrap());
            let digest = KeyHash::of(&said).to_string();
            let _ = writeln!(lines, "{target}/{name} {}", &digest[..16]);
        }
    }
    lines
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort_unstable();
    names
}

/// What is said of an input, of its pieces, and of what becomes of it when bytes change.
fn everything(input: &[u8]) -> String {
    let mut said = String::new();
    for piece in input.split(|byte| *byte == 0).chain([input]) {
        say(piece, &mut said);
    }
    let mut state = 1;
    for _ in 0..CHANGES {
        let mut changed = input.to_vec();
        for _ in 0..=next(&mut state) % 3 {
            if changed.is_empty() {
                break;
            }
            let at = usize::try_from(next(&mut state) % changed.len() as u64).unwrap();
            match next(&mut state) % 4 {
                0 => changed.truncate(at),
                1 => changed[at] ^= 1 << (next(&mut state) % 8),
                2 => changed.insert(at, changed[at]),
                _ => {
                    changed.remove(at);
                }
            }
        }
        say(&changed, &mut said);
    }
    said
}

/// SplitMix64.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^ (mixed >> 31)
}

/// Everything that reads the bytes of others.
fn say(bytes: &[u8], said: &mut String) {
    let ring = SecretRing::new(vec![(1, Secret::new(vec![7; 32]).unwrap())]).unwrap();
    let hash = KeyHash::of("key");
    let record: Option<Record> = serde_json::from_slice(bytes).ok();
    let batch: Option<Batch> = serde_json::from_slice(bytes).ok();
    let report: Option<usage::Report> = serde_json::from_slice(bytes).ok();
    let question = sync::sign_question(&ring, "main", NOW, &[1; NONCE_BYTES], bytes);
    let _ = writeln!(said, "{record:?} {batch:?} {report:?} {question}");
    if let Some(record) = &record {
        let signed = record::sign(record, &ring, "main", &hash);
        let facts = RequestFacts {
            family: Some(Family::Service(Environment::Production)),
            organization: None,
            environment: Environment::Production,
            service: "prediction",
            scope: Some("read"),
            client_ip: Some(IpAddr::from([203, 0, 113, 9])),
        };
        let decided = decide(record, &facts, UnixSeconds(1_800_000_000));
        let _ = writeln!(said, "{signed:?} {decided:?}");
    }
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    let key = PresentedKey::parse(text, &Brands::default());
    let key = key.map(|key| (key.family(), key.preview().to_string(), key.tag_secret(&ring)));
    let network = text.parse::<Cidr>().map(|network| network.to_string());
    let claim = usage::Claim::read(text).map(|claim| claim.deployment().to_owned());
    let table = RouteTable::from_toml(text).map(|table| table.to_json());
    let _ = writeln!(
        said,
        "{} {key:?} {network:?} {} {:?} {:?} {claim:?} {:?} {:?} {table:?}",
        KeyHash::of(text),
        is_scope(text),
        bearer_token(Some(text), false),
        RequestPath::parse(text),
        record::verify(text, &ring, "main", &hash).map(|read| read.record),
        sync::verify_question(text, &ring, "main", NOW, b""),
    );
}
