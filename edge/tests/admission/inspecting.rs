//! What the control plane is told of how a Worker is set up.

use keyward_edge::{
    inspect,
    screen::{Screened, screen},
    sync::Refused,
};
use keyward_shared::{
    Environment, UnixMillis,
    inspect::{Inspection, PATH, fingerprints, sign_question, verify_answer},
    sync::{HEADER, NONCE_BYTES, Promise, SyncError},
};

use crate::stage::{Stage, head, ring};

const NONCE: [u8; NONCE_BYTES] = [3; NONCE_BYTES];
const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

fn stage() -> Stage {
    let mut settings = Stage::told_settings();
    settings.insert("SYNC_SECRETS", keyward_shared::secret::ring_entry(1, &[77; 32]));
    settings.insert("UPSTREAM_OTHER", "https://moved.example/base".to_owned());
    Stage::with(&settings)
}

fn ask(stage: &Stage, secret: u8) -> Result<Inspection, Refused> {
    let header = sign_question(&ring(secret), "main", NOW, &NONCE);
    let answer = inspect::answer(&stage.deployment, Some(&header), NOW)?;
    assert!(answer.headers.contains(&("Cache-Control", "no-store".to_owned())));
    let (_, proof) = answer.headers.iter().find(|(name, _)| *name == HEADER).unwrap();
    Ok(verify_answer(proof, &ring(secret), "main", &NONCE, answer.body.as_bytes()).unwrap())
}

#[test]
fn the_control_plane_learns_how_the_worker_is_set_up() {
    let stage = stage();
    let seen = ask(&stage, 77).unwrap();
    assert_eq!(
        (seen.at_ms, seen.environment, seen.promise),
        (NOW.0, Environment::Production, Promise::Eventually)
    );
    let names: Vec<_> = seen.rings.keys().map(String::as_str).collect();
    let known = [
        "RECORD_SECRETS",
        "SYNC_SECRETS",
        "TAG_SECRETS_GATEWAY",
        "TAG_SECRETS_PRODUCTION",
        "TAG_SECRETS_TEST",
    ];
    assert_eq!(names, known);
    let same = fingerprints("TAG_SECRETS_PRODUCTION", &ring(1), &NONCE);
    assert_eq!(seen.rings["TAG_SECRETS_PRODUCTION"], same);
    assert_ne!(seen.rings["TAG_SECRETS_TEST"][0].mac, same[0].mac);
    let route = seen.routes.iter().find(|route| route.path == "/closed").unwrap();
    assert_eq!(
        (
            route.methods.as_str(),
            route.service.as_deref(),
            route.scope.as_deref(),
            route.upstream.as_str()
        ),
        ("GET", Some("prediction"), Some("read"), "https://origin.example")
    );
    assert!(
        seen.routes
            .iter()
            .all(|route| route.upstream != "https://Other.example:443/base")
    );
}

#[test]
fn nobody_else_does() {
    let stage = stage();
    assert_eq!(ask(&stage, 78).unwrap_err(), Refused::Unsigned(SyncError::Mac));
    let without = inspect::answer(&stage.deployment, None, NOW).unwrap_err();
    assert_eq!(without, Refused::Unsigned(SyncError::Header));
    let by_kv_alone = Stage::new();
    assert_eq!(ask(&by_kv_alone, 77).unwrap_err(), Refused::Off);
    let screened = screen(&stage.deployment, &head("POST", PATH, None)).unwrap();
    assert!(matches!(screened, Screened::Inspect));
    assert!(screen(&stage.deployment, &head("GET", PATH, None)).is_err());
}
