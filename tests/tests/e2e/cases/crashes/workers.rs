//! The real Worker, killed at the calls by which its KeyGuards write, and it sends: in the middle of a grant, of a sync, and of
//! telling what was used. Then it starts again on the same storage.

use std::{thread, time::Duration};

use keyward_shared::{Record, record::Status};

use super::{
    extent::{Extent, side_by_side},
    strace::{Call, Strace, What},
};
use crate::{
    clock::{Stopwatch, wait_for},
    stage::lab::{Mortal, MortalKey},
};

/// Enough for leases of several requests.
const LIMIT: u32 = 80;
/// It holds for an hour or for a month, in turn.
const LIMITS: [Limit; 2] = [
    |record| record.rate_limit_per_hour = Some(LIMIT),
    |record| record.monthly_limit = Some(LIMIT.into()),
];
type Limit = fn(&mut Record);
/// Requests before the kill.
const BEFORE: usize = 8;
/// How many kills a sample has.
const SAMPLE: usize = 6;
/// What goes on after all that was to happen has happened.
const A_MOMENT: Duration = Duration::from_secs(1);
/// How long a busy machine may take for anything.
const PATIENCE: Duration = Duration::from_secs(90);

/// Each on a storage of its own, from the first start of a Worker on.
pub(super) fn at_calls_of_a_worker() {
    let watch = Stopwatch::start();
    let calls = watch_one();
    let due = Extent::asked().of(&calls, SAMPLE);
    let due = due.into_iter().zip(LIMITS.into_iter().cycle()).collect();
    let lives = side_by_side("Worker", due, |(call, limit)| Life::killed_before(&call, limit));
    let (tried, killed) = (lives.len(), lives.iter().filter(|life| life.was_killed).count());
    eprintln!(
        "Worker: killed {killed} times before one of {} calls that write or send; {} requests admitted, {} ends confirmed before \
         the kill: no limit exceeded, no end forgotten, nothing told that was not granted, nothing admitted that was not told; \
         {:.0} s",
        calls.len(),
        lives.iter().map(|life| life.admitted).sum::<u64>(),
        lives.iter().filter(|life| life.is_confirmed).count(),
        watch.elapsed().as_secs_f64()
    );
    // Not every run makes the last few calls.
    assert!(killed * 10 >= tried * 8, "{killed} of {tried}");
}

fn watch_one() -> Vec<Call> {
    let mut mortal = Mortal::new();
    let strace = Strace::of(mortal.folder());
    let mut watched = strace.watching(&mortal.command(), What::WritesAndSends);
    assert!(mortal.start(&mut watched), "nobody kills it");
    let mut life = Life::new(&mortal, LIMITS[0]);
    life.lead(&mut mortal).expect("nobody kills it");
    end(&mut mortal, &strace);
    strace.calls()
}

/// Ends it, unless it has ended by itself, which is the answer.
fn end(mortal: &mut Mortal, strace: &Strace) -> bool {
    let Some(mut process) = mortal.take() else {
        return true;
    };
    let by_itself = process.wait(A_MOMENT).is_some();
    if !by_itself {
        strace.kill(&mut process);
    }
    by_itself
}

/// What becomes of some keys, and what was promised of them.
#[derive(Debug)]
struct Life {
    limited: MortalKey,
    ending: MortalKey,
    /// The end of a key was confirmed before the kill.
    is_confirmed: bool,
    was_killed: bool,
    /// Requests with the limited key, before and after.
    admitted: u64,
}

impl Life {
    fn new(mortal: &Mortal, limit: Limit) -> Self {
        let ending = mortal.key(|_| ());
        // KV goes on saying that it is good: what guards forget is forgotten.
        mortal.publish(&ending);
        Self {
            limited: mortal.key(limit),
            ending,
            is_confirmed: false,
            was_killed: false,
            admitted: 0,
        }
    }

    fn killed_before(call: &Call, limit: Limit) -> Self {
        let mut mortal = Mortal::new();
        let strace = Strace::of(mortal.folder());
        let mut traced = strace.killing(&mortal.command(), What::WritesAndSends, call);
        let serves = mortal.start(&mut traced);
        let mut life = Self::new(&mortal, limit);
        if serves {
            let _gone = life.lead(&mut mortal);
        }
        life.was_killed = end(&mut mortal, &strace);
        let mut plain = mortal.command();
        assert!(mortal.start(&mut plain), "it starts on what a kill has left");
        life.check(&mortal);
        life
    }

    /// Grants, a sync that takes a right away, and totals that are told. None: it is gone.
    fn lead(&mut self, mortal: &mut Mortal) -> Option<()> {
        mortal.tell(&self.limited)?;
        mortal.call(&self.ending).try_send(None)?;
        for _ in 0..BEFORE {
            mortal.call(&self.limited).try_send(None)?;
        }
        self.ending.record.revision += 1;
        self.ending.record.status = Status::Revoked;
        thread::sleep(mortal.tell(&self.ending)?);
        self.is_confirmed = true;
        let answer = mortal.call(&self.ending).try_send(None)?;
        assert_ne!(answer.status, 200, "an ended key is admitted: {answer}");
        let told = wait_for(PATIENCE, || {
            let is_told = mortal.told(&self.limited).last() >= Some(&mortal.admitted(&self.limited));
            (is_told || mortal.has_ended()).then_some(())
        });
        told.expect("guards tell what was used");
        Some(())
    }

    /// What was promised holds after the kill.
    fn check(&mut self, mortal: &Mortal) {
        check_told(mortal, &self.limited);
        if self.is_confirmed {
            self.check_end(mortal);
        }
        // Whoever heard of no end, or is not sure, is told once more.
        self.ending.record.revision = 2;
        self.ending.record.status = Status::Revoked;
        thread::sleep(adopted(mortal, &self.ending));
        self.check_end(mortal);
        let key = &self.limited;
        adopted(mortal, key);
        use_up(mortal, key);
        let (admitted, limit) = (mortal.admitted(key), u64::from(LIMIT));
        assert!(admitted <= limit, "{admitted} of {limit} were admitted");
        // A kill may waste the lease that was out, of a few requests.
        assert!(admitted * 2 >= limit, "{admitted} of {limit} were admitted");
        check_told(mortal, key);
        let told = mortal.told(key);
        assert!(
            told.iter().all(|told| *told <= limit),
            "of {limit} were told {told:?}"
        );
        assert!(told.is_sorted(), "totals went back: {told:?}");
        self.admitted = admitted;
    }

    fn check_end(&self, mortal: &Mortal) {
        let answer = mortal.call(&self.ending).decided();
        assert!(answer.refuses(401, "revoked"), "an end is forgotten: {answer}");
    }
}

/// Nobody has to ask for it: what was admitted is told.
fn check_told(mortal: &Mortal, key: &MortalKey) {
    let admitted = mortal.admitted(key);
    let is_told = || mortal.told(key).last().is_some_and(|told| *told >= admitted);
    let told = wait_for(PATIENCE, || (admitted == 0 || is_told()).then_some(()));
    told.unwrap_or_else(|| panic!("{admitted} were admitted, and told were {:?}", mortal.told(key)));
}

/// Its guards adopt its record; how long until it holds everywhere.
fn adopted(mortal: &Mortal, key: &MortalKey) -> Duration {
    let adopted = wait_for(PATIENCE, || mortal.tell(key));
    adopted.expect("its guards adopt its record")
}

/// Sends requests until there is nothing left of its limit.
fn use_up(mortal: &Mortal, key: &MortalKey) {
    let used_up = (0..2 * LIMIT).any(|_| mortal.call(key).decided().status == 429);
    assert!(used_up, "it has no limit");
}
