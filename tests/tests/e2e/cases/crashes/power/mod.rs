//! A power cut. A kill leaves what was written in the system's cache; a power cut leaves what was synced, and anything of the rest.
//!
//! The calls of a real control plane are written down, with the answers that it gave meanwhile, and played to a disk that keeps
//! only what it must. Whatever is left is opened by SQLite and has to be sound, exactly as it was after some commit, and
//! to hold every change that had been answered by then.

mod disk;
mod trace;

use std::{
    collections::HashSet,
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::Path,
};

use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};

use self::{
    disk::{Chance, Disk, Loss},
    trace::{Deed, File},
};
use super::{
    database::{Database, FILES, runtime},
    extent::Extent,
    script,
    strace::Strace,
    world::{End, World},
};
use crate::{clock::random_text, stage::run_folder};

/// How many states a sample tries.
const SAMPLE: usize = 150;
/// And how many there are in a run that tries all it can.
const ALL: usize = 10_000;
/// The seed of what a disk loses, so that a failure comes again with the same calls.
const SEED: u64 = 20_261_121;

/// A run, written down.
struct Recording {
    disk: Disk,
    deeds: Vec<Deed>,
    /// The requests whose changes were acknowledged, each with the number of the deed that answered.
    answered: Vec<(usize, String)>,
}

/// What a database is after the power came back.
#[derive(Debug)]
struct State {
    integrity: Vec<String>,
    requests: HashSet<String>,
    /// Stands for all that is in it.
    hash: u64,
}

pub(super) fn after_a_power_cut_every_answered_change_is_there() {
    trace::is_read_as_strace_writes_it();
    let recording = record();
    let folder = run_folder::new_folder("power");
    let commits = commits(&recording, &folder);
    let states = match Extent::asked() {
        Extent::Sample => SAMPLE,
        Extent::All => ALL,
    };
    let (mut disk, mut number, mut tried, mut lossy) = (recording.disk.clone(), 0, 0, 0);
    let mut chance = Chance::of(SEED);
    for (position, deed) in recording.deeds.iter().enumerate() {
        disk.take(deed);
        // As many at each position as it takes, spread evenly.
        while number * recording.deeds.len() < (position + 1) * states {
            let loss = Loss::ALL[number % Loss::ALL.len()];
            number += 1;
            if disk.unsynced() == 0 && loss != Loss::Nothing {
                continue;
            }
            let state = open(&folder, disk.after(loss, &mut chance));
            let place = format!("seed {SEED}, cut {number}, {loss:?} after call {position}");
            assert_eq!(state.integrity, ["ok"], "{place}");
            let lost: Vec<_> = recording
                .answered_by(position)
                .filter(|request| !state.requests.contains(*request))
                .collect();
            assert!(lost.is_empty(), "{place}: {lost:?} were answered and are lost");
            assert!(
                commits.contains(&state.hash),
                "{place}: no commit was ever like this"
            );
            tried += 1;
            lossy += usize::from(disk.unsynced() > 0 && loss != Loss::Nothing);
        }
    }
    eprintln!(
        "power: {tried} states after {} calls, {lossy} with writes lost, out of order or torn; {} commits, {} answered changes: \
         none lost, every file sound",
        recording.deeds.len(),
        commits.len(),
        recording.answered.len(),
    );
    assert!(
        lossy * 3 > tried && recording.answered.len() > 12,
        "{lossy} of {tried}"
    );
    a_disk_that_forgets_is_noticed(&recording, &folder);
}

/// Were syncs worth nothing, answered changes would be lost; a check that does not see that would pass for ever.
fn a_disk_that_forgets_is_noticed(recording: &Recording, folder: &Path) {
    let mut disk = recording.disk.clone();
    let last = recording.deeds.len() - 1;
    for deed in recording
        .deeds
        .iter()
        .filter(|deed| !matches!(deed, Deed::Synced(_)))
    {
        disk.take(deed);
    }
    let state = open(folder, disk.after(Loss::Everything, &mut Chance::of(SEED)));
    assert!(
        recording
            .answered_by(last)
            .any(|request| !state.requests.contains(request))
    );
}

impl Recording {
    /// What was answered by the time of this deed.
    fn answered_by(&self, position: usize) -> impl Iterator<Item = &String> {
        let answered = self.answered.iter().filter(move |(at, _)| *at <= position);
        answered.map(|(_, request)| request)
    }
}

/// Enough changes that the log is written back into the database meanwhile.
fn record() -> Recording {
    let mut world = World::on(Database::sqlite);
    world.start(End::Late, "").expect("nobody kills it");
    script::changes(&mut world, &random_text()[..8]).expect("nobody kills it");
    world.kill();
    let before = world.acknowledged.len();
    let files = FILES.map(|name| fs::read(world.folder.join(name)).unwrap_or_default());
    let strace = Strace::of(&world.folder);
    world.start_recorded(strace).expect("nobody kills it");
    for _ in 0..3 {
        script::changes(&mut world, &random_text()[..8]).expect("nobody kills it");
    }
    world.kill();
    let deeds = trace::read(&Strace::of(&world.folder).text());
    let written_back = deeds.contains(&Deed::Synced(File::Database));
    assert!(written_back, "the log was never written back");
    let answered = world.acknowledged[before..].iter().map(|request| {
        let answers = |deed: &Deed| matches!(deed, Deed::Sent(sent) if holds(sent, request));
        let at = deeds.iter().position(answers).expect("its answer was sent");
        (at, request.clone())
    });
    Recording {
        answered: answered.collect(),
        disk: Disk::with(files),
        deeds,
    }
}

/// Whether the head of an answer names this request.
fn holds(sent: &[u8], request: &str) -> bool {
    sent.starts_with(b"HTTP/1.1 2")
        && sent
            .windows(request.len())
            .any(|window| window == request.as_bytes())
}

/// All that the database ever was, one commit after the other: the log is synced at the end of each.
fn commits(recording: &Recording, folder: &Path) -> HashSet<u64> {
    let mut disk = recording.disk.clone();
    let hash = |disk: &Disk| open(folder, disk.after(Loss::Nothing, &mut Chance::of(SEED))).hash;
    let mut commits = HashSet::from([hash(&disk)]);
    for deed in &recording.deeds {
        disk.take(deed);
        if *deed == Deed::Synced(File::Log) {
            commits.insert(hash(&disk));
        }
    }
    commits
}

fn open(folder: &Path, files: [Vec<u8>; 2]) -> State {
    for (name, bytes) in FILES.iter().zip(files) {
        fs::write(folder.join(name), bytes).unwrap();
    }
    // It is in memory only, and made anew from the log.
    let _ = fs::remove_file(folder.join("keyward.db-shm"));
    runtime().block_on(async {
        let options = SqliteConnectOptions::new().filename(folder.join(FILES[0]));
        let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
        let integrity = sqlx::query_scalar("PRAGMA integrity_check")
            .fetch_all(&mut connection)
            .await
            .unwrap();
        let requests: Vec<String> = sqlx::query_scalar("SELECT request_id FROM audit_events")
            .fetch_all(&mut connection)
            .await
            .unwrap();
        let hash = hash(&mut connection).await;
        connection.close().await.unwrap();
        State {
            integrity,
            requests: requests.into_iter().collect(),
            hash,
        }
    })
}

/// Over every row of every table.
async fn hash(connection: &mut SqliteConnection) -> u64 {
    let mut hasher = DefaultHasher::new();
    let tables: Vec<(String, String)> = sqlx::query_as(
        "SELECT name, (SELECT group_concat('quote(\"' || name || '\")', '||') FROM pragma_table_info(sqlite_master.name))
         FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
    )
    .fetch_all(&mut *connection)
    .await
    .unwrap();
    for (table, columns) in tables {
        let rows = format!("SELECT {columns} AS line FROM \"{table}\" ORDER BY line");
        let rows: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(rows))
            .fetch_all(&mut *connection)
            .await
            .unwrap();
        (table, rows).hash(&mut hasher);
    }
    hasher.finish()
}
