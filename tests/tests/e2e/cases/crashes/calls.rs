//! Killed at the calls by which SQLite writes, and makes last what it wrote.

use std::time::Duration;

use super::{
    database::Database,
    extent::Extent,
    script,
    world::{End, World},
};
use crate::clock::{Stopwatch, random_text};

/// More calls than any script makes, and as many as strace counts.
const NEVER: usize = 60_000;
/// How many kills a sample has.
const SAMPLE: usize = 12;
/// What goes on after the script has ended.
const A_MOMENT: Duration = Duration::from_secs(2);
/// After so many kills a world is brought to rest, looked at, and replaced.
const ROUNDS: usize = 25;

/// How many of them are at its first start, when the schema is made.
const FIRST: usize = 3;

/// Killed before a call, started again on what is there, checked, and killed before another one.
pub(super) fn at_calls_on_the_files_of_the_database() {
    let watch = Stopwatch::start();
    let (schema, calls) = count();
    let mut tally = Tally::default();
    for number in sample(schema, FIRST) {
        // Each on a database of its own.
        let mut world = World::on(Database::sqlite);
        tally.kill(&mut world, number);
        tally.rest(&mut world);
    }
    for some in sample(calls, SAMPLE).chunks(ROUNDS) {
        let mut world = World::on(Database::sqlite);
        world.start(End::Late, "").expect("nobody kills it");
        world.kill();
        for number in some {
            tally.kill(&mut world, *number);
        }
        tally.rest(&mut world);
    }
    let Tally {
        tried,
        killed,
        acknowledged,
        keys,
    } = tally;
    eprintln!(
        "SQLite: killed {killed} times before one of {schema} calls that make a database and {calls} that change it; \
         {acknowledged} acknowledged changes, {keys} keys: none lost, none twice, every file sound; {:.0} s",
        watch.elapsed().as_secs_f64()
    );
    // Not every run makes the last few calls.
    assert!(killed * 10 >= tried * 8, "{killed} of {tried}");
}

#[derive(Debug, Default)]
struct Tally {
    tried: usize,
    killed: usize,
    acknowledged: usize,
    keys: usize,
}

impl Tally {
    fn kill(&mut self, world: &mut World, number: usize) {
        let _gone = world.start(End::AtCall(number), "").and_then(|()| {
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

/// How many calls it takes to make a database, and then for the script.
fn count() -> (usize, usize) {
    let mut world = World::on(Database::sqlite);
    world.start(End::AtCall(NEVER), "").expect("nobody kills it");
    world.kill();
    let schema = world.calls();
    world.start(End::AtCall(NEVER), "").expect("nobody kills it");
    script::changes(&mut world, &random_text()[..8]).expect("nobody kills it");
    world.kill();
    (schema, world.calls())
}

/// All numbers, or so many of them: evenly, and each time other ones.
fn sample(all: usize, wanted: usize) -> Vec<usize> {
    if Extent::asked() == Extent::All {
        return (1..=all).collect();
    }
    let stride = (all / wanted).max(1);
    let offset = usize::from_str_radix(&random_text()[..4], 16).unwrap() % stride;
    (0..wanted).map(|step| 1 + offset + step * stride).collect()
}
