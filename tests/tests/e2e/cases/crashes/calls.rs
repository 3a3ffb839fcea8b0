//! Killed at the calls by which SQLite writes, and makes last what it wrote.

use std::time::Duration;

use super::{
    database::Database,
    extent::{Extent, side_by_side},
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

/// Killed before a call, started again on what is there, checked, and killed before another one.
pub(super) fn at_calls_on_the_files_of_the_database() {
    let watch = Stopwatch::start();
    let (schema, changes) = watch_one();
    // A schema is made once in each database.
    let first = Extent::asked().of(&schema, FIRST);
    let later = Extent::asked().of(&changes, SAMPLE);
    let later = later.chunks(KILLS).map(|calls| Round::Changes(calls.to_vec()));
    let rounds = first.into_iter().map(Round::Schema).chain(later);
    let tallies = side_by_side("SQLite", rounds.collect(), |round| round.play());
    let Tally {
        tried,
        killed,
        acknowledged,
        keys,
    } = tallies.into_iter().fold(Tally::default(), Tally::and);
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

#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    tried: usize,
    killed: usize,
    acknowledged: usize,
    keys: usize,
}

impl Tally {
    fn and(self, other: Self) -> Self {
        Self {
            tried: self.tried + other.tried,
            killed: self.killed + other.killed,
            acknowledged: self.acknowledged + other.acknowledged,
            keys: self.keys + other.keys,
        }
    }

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
