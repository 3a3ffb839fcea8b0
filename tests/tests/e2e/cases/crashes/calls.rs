//! Killed at the calls by which SQLite writes, and makes last what it wrote.

use std::{
    ops::AddAssign,
    sync::{Mutex, PoisonError},
    thread,
    time::Duration,
};

use super::{
    database::Database,
    extent::Extent,
    script,
    strace::Call,
    world::{End, World},
};
use crate::clock::{Stopwatch, random_text};

/// How many kills a sample has.
const SAMPLE: usize = 12;
/// How many of them are at its first start, when the schema is made.
const FIRST: usize = 3;
/// What goes on after the script has ended.
const A_MOMENT: Duration = Duration::from_secs(2);
/// After so many kills a world is brought to rest, looked at, and replaced.
const KILLS: usize = 25;
/// So many worlds at once. Each waits most of the time.
const SIDE_BY_SIDE: usize = 3;

/// Killed before a call, started again on what is there, checked, and killed before another one.
pub(super) fn at_calls_on_the_files_of_the_database() {
    let watch = Stopwatch::start();
    let (schema, changes) = watch_one();
    // A schema is made once in each database.
    let first = sample(&schema, FIRST).into_iter().map(Round::Schema);
    let later = sample(&changes, SAMPLE);
    let later = later.chunks(KILLS).map(|calls| Round::Changes(calls.to_vec()));
    let Tally {
        tried,
        killed,
        acknowledged,
        keys,
    } = side_by_side(first.chain(later).collect());
    eprintln!(
        "SQLite: killed {killed} times before one of {} calls that make a database and {} that change it; \
         {acknowledged} acknowledged changes, {keys} keys: none lost, none twice, every file sound; {:.0} s",
        schema.len(),
        changes.len(),
        watch.elapsed().as_secs_f64()
    );
    // Not every run makes the last few calls.
    assert!(killed * 10 >= tried * 8, "{killed} of {tried}");
}

/// What happens to one world, before it is brought to rest.
#[derive(Debug)]
enum Round {
    /// It is killed while it makes its database.
    Schema(Call),
    /// It has one, and is killed before each of these calls.
    Changes(Vec<Call>),
}

impl Round {
    fn play(&self) -> Tally {
        let mut tally = Tally::default();
        let mut world = World::on(Database::sqlite);
        match self {
            Self::Schema(call) => tally.kill(&mut world, call),
            Self::Changes(calls) => {
                world.start(End::Late, "").expect("nobody kills it");
                world.kill();
                for call in calls {
                    tally.kill(&mut world, call);
                }
            }
        }
        tally.rest(&mut world);
        tally
    }
}

fn side_by_side(rounds: Vec<Round>) -> Tally {
    let (rounds, sum) = (Mutex::new(rounds.into_iter()), Mutex::new(Tally::default()));
    let next = || rounds.lock().unwrap_or_else(PoisonError::into_inner).next();
    thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                while let Some(round) = next() {
                    let tally = round.play();
                    let mut sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
                    let hundreds = sum.tried / 100;
                    *sum += tally;
                    if sum.tried / 100 > hundreds {
                        eprintln!("SQLite: {} kills tried", sum.tried);
                    }
                }
            });
        }
    });
    sum.into_inner().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug, Default)]
struct Tally {
    tried: usize,
    killed: usize,
    acknowledged: usize,
    keys: usize,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.tried += other.tried;
        self.killed += other.killed;
        self.acknowledged += other.acknowledged;
        self.keys += other.keys;
    }
}

impl Tally {
    fn kill(&mut self, world: &mut World, call: &Call) {
        let _gone = world.start(End::AtCall(call), "").and_then(|()| {
            world.check()?;
            script::changes(world, &random_text()[..8])
        });
        self.tried += 1;
        // What the publisher still has to do is done in a moment.
        self.killed += usize::from(world.expect_end(A_MOMENT));
        world.kill();
    }

    fn rest(&mut self, world: &mut World) {
        world.start(End::Late, "").expect("nobody kills it");
        self.keys += world.check_at_rest();
        self.acknowledged += world.acknowledged.len();
        world.kill();
    }
}

/// The calls that it takes to make a database, and then for the script.
fn watch_one() -> (Vec<Call>, Vec<Call>) {
    let mut world = World::on(Database::sqlite);
    world.start(End::Watched, "").expect("nobody kills it");
    world.kill();
    let schema = world.calls();
    world.start(End::Watched, "").expect("nobody kills it");
    script::changes(&mut world, &random_text()[..8]).expect("nobody kills it");
    world.kill();
    (schema, world.calls())
}

/// All calls, or so many of them: evenly, and each time other ones.
pub(super) fn sample(calls: &[Call], wanted: usize) -> Vec<Call> {
    if Extent::asked() == Extent::All {
        return calls.to_vec();
    }
    let stride = (calls.len() / wanted).max(1);
    let offset = usize::from_str_radix(&random_text()[..4], 16).unwrap() % stride;
    let spaced = calls.iter().skip(offset).step_by(stride);
    spaced.take(wanted).cloned().collect()
}
