//! What must hold once nothing goes wrong any more, and everything that was under way has ended.

use std::{collections::BTreeMap, fs, rc::Rc, time::Duration};

use keyward_control_plane::{
    audit,
    domain::{Key, KeyId, usage::Slots},
    store::{AuditTrail as _, History as _, Store as _, UsageBook as _},
};
use keyward_shared::{
    DenyReason, Environment, Family, KeyHash, UnixMillis,
    decide::{RequestFacts, decide},
    record::verify as verify_record,
};

use crate::{
    oracle::Ruled,
    secrets,
    store::wait_for,
    time::pause,
    world::{CLOSED, Held, World},
};

/// How often it is looked whether all is quiet.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How many looks until somebody helps a recovery that waits for a person.
const BEFORE_HELP: u32 = 60;
/// How many looks until nobody waits any more: waits after failures are five minutes at most, and each may be followed by more.
const LOOKS: u32 = 240;
/// Longer than any cache, lease, report or late write.
const AFTERWARDS: Duration = Duration::from_secs(200);

/// Waits until all is quiet, and checks what must hold then.
pub async fn check(world: &Rc<World>) {
    world.calm().await;
    if !has_become_quiet(world).await {
        let backlog = wait_for(world.processes.database().store().backlog());
        world
            .oracle
            .fault(|| format!("I5: something still waits, long after everything works: {backlog:?}"));
        return;
    }
    pause(AFTERWARDS).await;
    let keys = keys_of(world);
    kv_equals_database(world, &keys);
    nothing_is_lost(world, &keys);
    trail_is_whole(world);
    // Before the next requests, which are not reported yet.
    usage_is_bounded(world, &keys);
    edge_decides_as_database(world, &keys).await;
    no_text_is_stored(world);
}

async fn has_become_quiet(world: &Rc<World>) -> bool {
    for look in 0..LOOKS {
        pause(LOOK_EVERY).await;
        if world.processes.is_quiet().await && world.line.is_empty() {
            return true;
        }
        if look == BEFORE_HELP {
            // What `keyward recover --end-unknown-keys` does, for a backup so old that it knows few of the keys.
            let database = world.processes.database();
            let now = jiff::Timestamp::from_millisecond(i64::try_from(world.time.now_ms()).unwrap_or(0));
            for which in 0..world.processes.count() {
                world.processes.kill(which);
            }
            let told = wait_for(database.store().was_restored(true, now.unwrap_or_default()));
            if let Err(error) = told {
                world.oracle.fault(|| format!("the store failed: {error}"));
            }
            for which in 0..world.processes.count() {
                world.processes.start(which).await;
            }
        }
    }
    false
}

/// All keys that the deployment serves.
fn keys_of(world: &World) -> BTreeMap<KeyId, Key> {
    let database = world.processes.database();
    let (mut keys, mut after) = (BTreeMap::new(), None);
    loop {
        let page = wait_for(
            database
                .store()
                .keys_of_environment(Environment::Production, after, 100),
        )
        .unwrap_or_default();
        let is_last = page.len() < 100;
        after = page.last().map(|key| key.id);
        keys.extend(page.into_iter().map(|key| (key.id, key)));
        if is_last {
            return keys;
        }
    }
}

/// I5, and that what was read of KV is signed.
fn kv_equals_database(world: &World, keys: &BTreeMap<KeyId, Key>) {
    let (all, deployment) = (world.kv.all(), world.deployment());
    for key in keys.values() {
        let found = all.get(&key.hash.kv_name()).map(|value| {
            verify_record(value, &deployment.record_secrets, &deployment.id, &key.hash)
                .map(|read| read.record)
        });
        match found {
            Some(Ok(record)) if record == key.record() => {}
            Some(Ok(record)) => world.oracle.fault(|| {
                format!(
                    "I5: KV has revision {} of {}, and the database {}",
                    record.revision, key.id, key.revision
                )
            }),
            Some(Err(error)) => world
                .oracle
                .fault(|| format!("I5: what KV has of {}: {error}", key.id)),
            None => world.oracle.fault(|| format!("I5: KV has nothing of {}", key.id)),
        }
    }
    for (name, value) in &all {
        world.oracle.keeps_no_secret("KV", value);
        let is_known = keys.values().any(|key| key.hash.kv_name() == *name);
        let ends = [r#""status":"revoked""#, r#""status":"superseded""#];
        let has_ended = ends.iter().any(|end| value.contains(end));
        if name.starts_with("k1:") && !is_known && !has_ended {
            world
                .oracle
                .fault(|| format!("I5: KV lets {name} work, which the database does not know: {value}"));
        }
    }
}

/// I1: what was confirmed stands, also in a database that had forgotten it.
fn nothing_is_lost(world: &World, keys: &BTreeMap<KeyId, Key>) {
    let is_restored = world.oracle.counts().restored > 0;
    for (id, known) in world.oracle.keys() {
        let Some((highest, _)) = known.states.last_key_value() else {
            continue;
        };
        let stored = keys.get(&id);
        let purpose = known.states.values().next().map(|key| key.purpose.environment());
        if purpose.flatten() != Some(Environment::Production) {
            continue;
        }
        if !is_restored && stored.is_none_or(|stored| stored.revision < *highest) {
            world.oracle.fault(|| {
                format!("I1: revision {highest} of {id} was committed, and the database has {stored:?}")
            });
        }
        let Some(ended) = known.end_confirmed else {
            continue;
        };
        if stored.is_some_and(|stored| !stored.status.has_ended()) {
            world.oracle.fault(|| {
                format!(
                    "I1: revision {ended}, the end of {id}, was confirmed, and the database has forgotten it"
                )
            });
        }
    }
}

/// I5: a fresh isolate decides as the database would, for every text that was ever handed out.
async fn edge_decides_as_database(world: &Rc<World>, keys: &BTreeMap<KeyId, Key>) {
    let isolate = world.new_isolate();
    let held = world.held.borrow().clone();
    for Held { id, text } in held {
        let ruled = isolate.rule(&world.request(CLOSED, &text)).await;
        let now = UnixMillis(world.time.now_ms()).seconds();
        let key = id.parse().ok().and_then(|id| keys.get(&id));
        let facts = RequestFacts {
            family: Some(Family::Service(Environment::Production)),
            organization: None,
            environment: Environment::Production,
            service: secrets::SERVICE,
            scope: Some("read"),
            client_ip: None,
        };
        let expected = key.map(|key| decide(&key.record(), &facts, now));
        let is_right = match (ruled, &expected) {
            (
                Ruled::Refused(DenyReason::RateLimited | DenyReason::QuotaExceeded) | Ruled::Admitted,
                Some(Ok(())),
            ) => true,
            (Ruled::Refused(told), Some(Err(reason))) => told == *reason,
            // A key that the database has forgotten ends, if KV has ever heard of it: see docs/reliability.md.
            (Ruled::Refused(_), None) => true,
            (Ruled::Admitted, None) => !is_in_kv(world, &text),
            _ => false,
        };
        if !is_right {
            world.oracle.fault(|| {
                let value = world.kv.all().remove(&KeyHash::of(&text).kv_name());
                format!("I5: the edge says {ruled:?} of {id}, the database {expected:?}, and KV {value:?}")
            });
        }
    }
}

/// Whether KV has a record of a key.
fn is_in_kv(world: &World, text: &str) -> bool {
    world.kv.all().contains_key(&KeyHash::of(text).kv_name())
}

/// I6.
fn trail_is_whole(world: &World) {
    let database = world.processes.database();
    match wait_for(audit::verify(database.store(), None)) {
        Ok(found) if found.fault.is_none() => {}
        found => world
            .oracle
            .fault(|| format!("I6: the chain of the audit trail breaks: {found:?}")),
    }
    let (mut stored, mut after) = (Vec::new(), i64::MIN);
    loop {
        let page = wait_for(database.store().audit_chain(after, 500)).unwrap_or_default();
        let Some(last) = page.last() else { break };
        after = last.position;
        stored.extend(
            page.into_iter()
                .filter_map(|event| uuid::Uuid::from_slice(&event.id).ok()),
        );
    }
    let committed = world.oracle.events();
    if stored != committed {
        world.oracle.fault(|| {
            format!(
                "I6: {} changes were committed, and the trail has {} events, or others",
                committed.len(),
                stored.len()
            )
        });
    }
}

/// I4: what was reported is no less than what was admitted, and no more than was granted.
fn usage_is_bounded(world: &World, keys: &BTreeMap<KeyId, Key>) {
    let database = world.processes.database();
    let is_restored = world.oracle.counts().restored > 0;
    let mut lineages = BTreeMap::new();
    for key in keys.values() {
        lineages.entry(key.lineage).or_insert(key);
    }
    for (lineage, key) in lineages {
        let reported = wait_for(database.store().usage(key, Slots::Hours, 0..u32::MAX)).unwrap_or_default();
        let reported: u64 = reported.iter().map(|(_, requests)| requests.of_lineage).sum();
        let (granted, admitted) = world.oracle.usage_of(&lineage.to_string());
        if reported > granted || (reported < admitted && !is_restored) {
            world.oracle.fault(|| {
                format!("I4: {reported} reported of {lineage}, {admitted} admitted, {granted} granted")
            });
        }
    }
}

/// I7: the files of the database hold no text of a key.
fn no_text_is_stored(world: &World) {
    let file = world.processes.file();
    for end in ["", "-wal"] {
        let mut name = file.clone().into_os_string();
        name.push(end);
        let bytes = fs::read(name).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        world.oracle.keeps_no_secret("the database", &text);
    }
}
