//! Killed at every point that has a name, on SQLite and on PostgreSQL.

use std::time::Duration;

use keyward_shared::{KeyHash, record::Status};

use super::{
    database::Database,
    extent::Extent,
    script,
    world::{End, Gone, World},
};
use crate::clock::{random_text, wait_for};

/// How long it may take to come to a point that it comes to by itself.
const REACHED_WITHIN: Duration = Duration::from_secs(60);
/// The same of a recovery, which waits a minute after each start for what may still be under way.
const RECOVERS_WITHIN: Duration = Duration::from_secs(180);

/// Usage is kept for ever, or it is kept for a while, as events are.
const KEPT: &str = "[retention]\nhourly_usage_days = 0\ndaily_usage_days = 0\n";
const KEPT_FOR_A_WHILE: &str = "[retention]\nhourly_usage_days = 32\ndaily_usage_days = 0\naudit_days = 30\n";

/// Where a process has to be brought so that it comes to a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Changes,
    Reconcile,
    Retention,
    Recovery,
}

impl Stage {
    fn of(point: &str) -> Self {
        match point.split('.').next() {
            Some("reconcile") => Self::Reconcile,
            Some("retention") => Self::Retention,
            Some("recovery") => Self::Recovery,
            _ if point.starts_with("outbox.mark") => Self::Reconcile,
            _ => Self::Changes,
        }
    }
}

/// The names of all points, from where they are defined.
fn names() -> Vec<&'static str> {
    let source = include_str!("../../../../../control-plane/src/crash.rs");
    let (_, list) = source.split_once("points! {\n").expect("the list of points");
    let (list, _) = list.split_once("\n}\n").expect("its end");
    let lines = list.lines().filter_map(|line| line.split_once(" = \""));
    lines.map(|(_, name)| name.trim_end_matches("\",")).collect()
}

/// One half of the points. The other half is tried on PostgreSQL, and by `cargo xtask crash` all on both.
pub(super) fn at_named_points_on_sqlite() {
    at_named_points(World::on(Database::sqlite), "SQLite", 0);
}

/// The other half.
pub(super) fn at_named_points_on_postgres() {
    at_named_points(World::on(Database::postgres), "PostgreSQL", 1);
}

fn at_named_points(mut world: World, database: &str, half: usize) {
    let all = names();
    assert!(all.len() >= 40, "{all:?}");
    let is_due = |number: usize| Extent::asked() == Extent::All || number % 2 == half;
    let due = all.iter().enumerate().filter(|(number, _)| is_due(*number));
    let points: Vec<&str> = due.map(|(_, point)| *point).collect();
    let of = |stage| {
        points
            .iter()
            .copied()
            .filter(move |point| Stage::of(point) == stage)
    };
    for point in of(Stage::Changes) {
        let end = End::At(point);
        let _gone = world.start(end, KEPT).and_then(|()| {
            world.check()?;
            script::changes(&mut world, &round())?;
            script::ask_again(&world)
        });
        ends(&mut world, point);
    }
    for point in of(Stage::Reconcile) {
        let _gone = world
            .start(End::At(point), KEPT)
            .and_then(|()| reconcile(&mut world));
        ends(&mut world, point);
    }
    start(&mut world);
    // What was left of it is put right by the next run.
    reconcile(&mut world).expect("nobody kills it");
    world.kill();
    let mut changes = 0;
    for point in of(Stage::Retention) {
        // What is dropped has to be there first.
        start(&mut world);
        script::changes(&mut world, &round()).expect("nobody kills it");
        world.check_at_rest();
        world.kill();
        changes += world.grow_older();
        let _gone = world.start(End::At(point), KEPT_FOR_A_WHILE);
        ends(&mut world, point);
    }
    world.start(End::Late, KEPT_FOR_A_WHILE).expect("nobody kills it");
    let dropped = wait_for(REACHED_WITHIN, || {
        (world.database.old_events() == 0).then_some(())
    });
    dropped.expect("events that are kept no longer go");
    let keys = world.check_at_rest();
    changes += world.acknowledged.len();
    world.kill();
    start(&mut world);
    // A recovery waits a minute after each start, which is too long for a sample.
    let (recoveries_at, others): (Vec<&str>, Vec<&str>) = points
        .iter()
        .copied()
        .partition(|point| Stage::of(point) == Stage::Recovery);
    let mut killed = others.len();
    if Extent::asked() == Extent::All {
        killed += recoveries_at.len();
        recoveries(&mut world, recoveries_at);
    }
    eprintln!(
        "{database}: killed at {killed} of {} named points; {changes} acknowledged changes, {keys} keys: none lost, none twice",
        all.len()
    );
}

fn start(world: &mut World) {
    world.start(End::Late, KEPT).expect("nobody kills it");
    world.check().expect("nobody kills it");
}

#[track_caller]
fn ends(world: &mut World, point: &str) {
    let patience = match Stage::of(point) {
        Stage::Recovery => RECOVERS_WITHIN,
        _ => REACHED_WITHIN,
    };
    assert!(
        world.expect_end(patience),
        "it never comes to {}\n{}",
        point,
        world.log()
    );
}

/// KV has lost a name, and has one that nobody made.
fn reconcile(world: &mut World) -> Result<(), Gone> {
    world.check()?;
    // What waits is published anyway, and no finding.
    world.rest()?;
    let names: Vec<_> = world
        .database
        .keys()
        .iter()
        .map(|(hash, ..)| hash.kv_name())
        .collect();
    let mut known = names
        .iter()
        .filter_map(|name| Some((name, world.beyond.has(name).0?)));
    let (name, mut stranger) = known.next_back().expect("there are keys");
    let hash = KeyHash::of(&random_text());
    stranger.status = Status::Active;
    stranger.key_id = format!("key-of-{hash}");
    stranger.guard.clone_from(&stranger.key_id);
    world.beyond.plant(&stranger, &hash);
    world.beyond.lose(name);
    let answer = world.admin.attempt("POST", "/api/v1/sync/reconcile", None);
    answer.map(drop).ok_or(Gone)
}

/// A database is put back, and its recovery is killed at each point in turn: whoever starts next goes on.
fn recoveries(world: &mut World, points: Vec<&str>) {
    let round = round();
    script::changes(world, &round).expect("nobody kills it");
    let ended = script::short_lives(world, &round, 4).expect("nobody kills it");
    world.check_at_rest();
    world.kill();
    let copy = world.database.copy();
    start(world);
    for key in &ended {
        script::revoke(world, key).expect("nobody kills it");
    }
    script::short_lives(world, &format!("{round}-later"), 2).expect("nobody kills it");
    world.check_at_rest();
    // The mark of the past is written every two seconds.
    let mark = world.beyond.mark();
    let moved = wait_for(REACHED_WITHIN, || (world.beyond.mark() != mark).then_some(()));
    moved.expect("the mark of the past is written");
    world.kill();
    world.forget_the_past();
    world.database = copy;
    for point in points {
        let _gone = world.start(End::At(point), KEPT);
        ends(world, point);
    }
    world.start(End::Late, KEPT).expect("nobody kills it");
    let recovered = wait_for(RECOVERS_WITHIN, || {
        let sync = world.admin.sync();
        sync["deployments"][0]["recovery"]["ended_at"]
            .is_string()
            .then_some(())
    });
    recovered.unwrap_or_else(|| panic!("no recovery has ended: {:#}", world.admin.sync()));
    world.check_at_rest();
    for key in &ended {
        let shown = world.admin.get(&format!("/api/v1/keys/{key}")).expect(200).json();
        assert_eq!(shown["status"], "revoked", "{shown}");
    }
}

fn round() -> String {
    random_text()[..8].to_owned()
}
