//! What is asked of a control plane before it is killed: a dozen kinds of changes, and everything that goes on behind them.

use keyward_shared::{
    KeyHash, UnixMillis,
    guard::KeyUsage,
    usage::{HEADER, NONCE_BYTES, PATH, RefusalBatch, RefusalCount, Report, sign},
};
use serde_json::{Value, json};

use super::world::{Gone, World};
use crate::{
    actors::{Answer, a_key, line::Outgoing},
    clock::{now_ms, random},
};

/// So much older than what is kept, in hours.
const LONG_AGO: u64 = 100 * 24;
const HOUR_MS: u64 = 3_600_000;

/// A dozen changes, under names that no other round has.
pub(super) fn changes(world: &mut World, round: &str) -> Result<(), Gone> {
    let key = create(world, &wish(round, "first"))?;
    world.doubt(&key);
    world.change(
        "PATCH",
        &at(&key),
        Some(&json!({ "name": format!("{round} changed") })),
        200,
    )?;
    world.note(&key)?;
    world.doubt(&key);
    let rotate = json!({ "grace_period_seconds": 3600 });
    let rotated = world.change("POST", &format!("{}/rotate", at(&key)), Some(&rotate), 201)?;
    let next = id(&rotated);
    for key in [&key, &next] {
        world.note(key)?;
    }
    for turn in ["deactivate", "activate"] {
        world.doubt(&next);
        world.change("POST", &format!("{}/{turn}", at(&next)), None, 200)?;
        world.note(&next)?;
    }
    create_once(world, round)?;
    import(world, round)?;
    group(world, round)?;
    organization(world, round)?;
    world.doubt(&next);
    world.change("DELETE", &at(&next), None, 200)?;
    world.note(&next)?;
    // A repeated one is a success, waits once more, and is no event.
    world
        .admin
        .attempt("DELETE", &at(&next), None)
        .ok_or(Gone)?
        .expect(200);
    usage(world, &key)
}

fn create(world: &mut World, wish: &Value) -> Result<String, Gone> {
    let key = id(&world.change("POST", "/api/v1/keys", Some(wish), 201)?);
    world.note(&key)?;
    Ok(key)
}

/// The same request twice is one key.
fn create_once(world: &mut World, round: &str) -> Result<(), Gone> {
    let (once, wish) = (format!("once-{round}"), wish(round, "once"));
    let first = world.create_once(&once, &wish)?;
    let again = world.create_once(&once, &wish)?;
    assert_eq!(first.text(), again.text());
    world.note(&id(&first))
}

fn import(world: &mut World, round: &str) -> Result<(), Gone> {
    let hash = KeyHash::of(&format!("made elsewhere {round}"));
    let wish = json!({
        "name": format!("{round} imported"), "service_id": "prediction", "scopes": ["read"],
        "hash": hash.to_string(), "preview": "sk_live_abc***",
    });
    let answer = world.change(
        "POST",
        "/api/v1/keys/import",
        Some(&json!({ "keys": [wish] })),
        200,
    )?;
    assert_eq!(answer.json()["imported"], 1, "{answer}");
    Ok(())
}

/// Keys follow their group, page by page.
fn group(world: &mut World, round: &str) -> Result<(), Gone> {
    let name = format!("g{round}");
    let group = json!({ "name": name, "scopes": ["predict"] });
    world.change("POST", "/api/v1/groups", Some(&group), 201)?;
    let mut wish = wish(round, "grouped");
    wish["groups"] = json!([name]);
    world.change("POST", "/api/v1/keys", Some(&wish), 201)?;
    let change = json!({ "scopes": ["predict", "read"] });
    world.change("PATCH", &format!("/api/v1/groups/{name}"), Some(&change), 200)?;
    Ok(())
}

/// A member comes and goes, and the keys of a whole organization end.
fn organization(world: &mut World, round: &str) -> Result<(), Gone> {
    let named = json!({ "name": format!("Organization {round}") });
    let made = world.change("POST", "/api/v1/organizations", Some(&named), 201)?;
    let own = format!(
        "/api/v1/organizations/{}",
        made.json()["organization_id"].as_str().unwrap()
    );
    let member = format!("{own}/members/somebody");
    world.change("PUT", &member, Some(&json!({ "role": "developer" })), 201)?;
    for name in ["one", "two"] {
        world.change("POST", &format!("{own}/api-keys"), Some(&wish(round, name)), 201)?;
    }
    world.change("DELETE", &member, None, 200)?;
    world.change(
        "POST",
        &format!("{own}/revoke-keys"),
        Some(&json!({ "all": true })),
        200,
    )?;
    Ok(())
}

/// The edge reports what was used: now, and long ago.
fn usage(world: &World, key: &str) -> Result<(), Gone> {
    let now = now_ms();
    let hour = now.0 / HOUR_MS;
    let report = Report {
        keys: vec![KeyUsage {
            key_id: key.to_owned(),
            last_used_at: UnixMillis(now.0 - 1000),
            hours: vec![(hour - LONG_AGO, 3), (hour, 5)],
            metered: Vec::new(),
        }],
        refusals: vec![RefusalBatch {
            id: batch_id(),
            counts: vec![RefusalCount(key.to_owned(), "rate_limited".to_owned(), hour, 2)],
        }],
    };
    let (deployment, ring) = world.beyond.reports_as();
    let nonce = *random().first_chunk::<NONCE_BYTES>().unwrap();
    let body = serde_json::to_vec(&report).unwrap();
    let headers = [(HEADER.to_owned(), sign(ring, deployment, now, &nonce, &body))];
    let request = Outgoing {
        method: "POST",
        path: PATH,
        headers: &headers,
    };
    let answer = world
        .admin
        .line()
        .try_send(&request, Some(&body))
        .map_err(|_| Gone)?;
    answer.expect(204);
    Ok(())
}

/// A UUID that no other batch has.
fn batch_id() -> String {
    let digits: String = random().iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        "{}-{}-4{}-8{}-{}",
        &digits[..8],
        &digits[8..12],
        &digits[13..16],
        &digits[17..20],
        &digits[20..32]
    )
}

fn wish(round: &str, name: &str) -> Value {
    let mut wish = a_key("prediction", &["predict"]);
    wish["name"] = json!(format!("{round} {name}"));
    wish
}

fn id(answer: &Answer) -> String {
    answer.json()["key_info"]["key_id"].as_str().unwrap().to_owned()
}

fn at(key: &str) -> String {
    format!("/api/v1/keys/{key}")
}

/// A key that was revoked is revoked once more: its guards are asked again.
pub(super) fn ask_again(world: &World) -> Result<(), Gone> {
    let keys = world
        .admin
        .attempt("GET", "/api/v1/keys?status=revoked&limit=1", None)
        .ok_or(Gone)?;
    if let Some(key) = keys
        .expect(200)
        .json()
        .as_array()
        .and_then(|keys| keys.first().cloned())
    {
        let path = at(key["key_id"].as_str().unwrap());
        world.admin.attempt("DELETE", &path, None).ok_or(Gone)?;
    }
    Ok(())
}

/// So many keys that nothing else happens to.
pub(super) fn short_lives(world: &mut World, round: &str, count: usize) -> Result<Vec<String>, Gone> {
    (0..count)
        .map(|number| create(world, &wish(round, &format!("short {number}"))))
        .collect()
}

/// Revokes a key.
pub(super) fn revoke(world: &mut World, key: &str) -> Result<(), Gone> {
    world.doubt(key);
    world.change("DELETE", &at(key), None, 200)?;
    world.note(key)
}
