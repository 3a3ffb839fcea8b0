//! What isolates have refused: gathered, sent in batches, and counted once however often a batch comes.

use std::cell::RefCell;

use keyward_edge::{
    deployment::Deployment,
    local::Local,
    refusal::Refusal,
    usage::{
        consume::{Fate, PostError},
        refusals::{GATHER_MS, send},
    },
};
use keyward_shared::{
    DenyReason, UnixMillis,
    usage::{MAX_BATCHES, MAX_COUNTS},
};

use crate::world::{Line, NOON, World, delivery, poll_once};

const HOUR_MS: u64 = 3_600_000;
const HOUR: u64 = NOON / HOUR_MS;

/// An isolate of the world's deployment.
#[derive(Default)]
struct Isolate(RefCell<Local>);

impl Isolate {
    /// Refuses a request. The answer is when it is to be reported, if this one has to see to it.
    fn refuse(&self, world: &World, key_id: &str, reason: DenyReason) -> Option<u64> {
        let refusal = Refusal {
            key_id: Some(key_id.to_owned()),
            ..Refusal::new(reason)
        };
        let now = UnixMillis(NOON + world.ms());
        self.0
            .borrow_mut()
            .refusals
            .note(&world.deployment, &refusal, now)
    }

    /// Sends what was gathered. None: the queue never says whether it has it.
    fn send(&self, world: &World) -> Option<bool> {
        poll_once(send(&world.deployment, &self.0, world)).map(|sent| sent.is_ok())
    }
}

/// What the control plane has counted, over all batches.
fn counted(world: &World) -> Vec<(String, String, u64, u64)> {
    let mut counts = Vec::new();
    for batch in world.control_plane.refusals.borrow().values() {
        for count in &batch.counts {
            counts.push((count.0.clone(), count.1.clone(), count.2 - HOUR, count.3));
        }
    }
    counts.sort();
    counts
}

fn count(key_id: &str, code: &str, hour: u64, requests: u64) -> (String, String, u64, u64) {
    (key_id.to_owned(), code.to_owned(), hour, requests)
}

#[test]
fn refusals_go_together_after_a_while() {
    let (world, isolate) = (World::new(2), Isolate::default());
    assert_eq!(
        isolate.refuse(&world, "a", DenyReason::RateLimited),
        Some(GATHER_MS)
    );
    for _ in 0..99 {
        assert_eq!(isolate.refuse(&world, "a", DenyReason::RateLimited), None);
    }
    assert_eq!(isolate.refuse(&world, "b", DenyReason::Expired), None);
    assert_eq!(isolate.refuse(&world, "a", DenyReason::IpNotAllowed), None);
    world.wait_ms(GATHER_MS);
    assert_eq!(isolate.send(&world), Some(true));
    assert_eq!(world.queue.borrow().len(), 1);
    // The next ones are another batch, and nothing is sent where there is nothing.
    assert_eq!(isolate.send(&world), Some(true));
    assert_eq!(world.queue.borrow().len(), 1);
    world.wait_ms(HOUR_MS);
    assert_eq!(
        isolate.refuse(&world, "a", DenyReason::RateLimited),
        Some(GATHER_MS)
    );
    assert_eq!(isolate.send(&world), Some(true));
    world.wait_ms(HOUR_MS);
    assert_eq!(
        counted(&world),
        [
            count("a", "ip_not_allowed", 0, 1),
            count("a", "rate_limited", 0, 100),
            count("a", "rate_limited", 1, 1),
            count("b", "expired", 0, 1)
        ]
    );
}

#[test]
fn what_says_nothing_of_a_key_is_not_counted() {
    let (world, isolate) = (World::new(2), Isolate::default());
    for reason in [
        DenyReason::InvalidKey,
        DenyReason::Unavailable,
        DenyReason::NoRoute,
        DenyReason::TooManyUnknownKeys,
    ] {
        assert_eq!(isolate.refuse(&world, "a", reason), None, "{reason:?}");
    }
    let of_nobody = Refusal::new(DenyReason::WrongEnvironment);
    let noted = isolate
        .0
        .borrow_mut()
        .refusals
        .note(&world.deployment, &of_nobody, UnixMillis(NOON));
    assert_eq!(noted, None);
    assert_eq!(isolate.send(&world), Some(true));
    assert_eq!(world.sent.get(), 0);

    let silent = World::of(Deployment {
        usage: None,
        ..World::new(2).deployment
    });
    assert_eq!(isolate.refuse(&silent, "a", DenyReason::Expired), None);
    assert_eq!(isolate.send(&silent), Some(true));
    assert_eq!(silent.sent.get(), 0);
}

#[test]
fn what_the_queue_did_not_take_is_sent_again_and_counts_once() {
    let (world, isolate) = (World::new(2), Isolate::default());
    isolate.refuse(&world, "a", DenyReason::Expired);
    world.line.set(Line::Down);
    assert_eq!(isolate.send(&world), Some(false));
    // What comes meanwhile is another batch, which waits for the first. Nobody sends that while another may be at it.
    world.line.set(Line::Up);
    isolate.refuse(&world, "a", DenyReason::Expired);
    assert_eq!(isolate.send(&world), Some(true));
    assert_eq!(world.sent.get(), 0);
    world.wait_ms(GATHER_MS);
    // The queue takes it this time, and never says so.
    world.line.set(Line::Hangs);
    assert_eq!(isolate.send(&world), None);
    world.line.set(Line::Up);
    world.wait_ms(GATHER_MS);
    assert_eq!(isolate.send(&world), Some(true));
    assert_eq!(world.sent.get(), 3, "the first twice, and the second");
    world.wait_ms(HOUR_MS);
    assert_eq!(world.control_plane.refusals.borrow().len(), 2);
    assert_eq!(
        counted(&world),
        [count("a", "expired", 0, 1), count("a", "expired", 0, 1)]
    );
}

#[test]
fn whoever_was_to_send_and_did_not_is_replaced() {
    let (world, isolate) = (World::new(2), Isolate::default());
    assert!(isolate.refuse(&world, "a", DenyReason::Expired).is_some());
    world.wait_ms(3 * GATHER_MS - 1);
    assert_eq!(isolate.refuse(&world, "a", DenyReason::Expired), None);
    world.wait_ms(1);
    assert_eq!(isolate.refuse(&world, "a", DenyReason::Expired), Some(GATHER_MS));
}

#[test]
fn a_full_batch_goes_at_once_and_what_is_kept_is_bounded() {
    let (world, isolate) = (World::new(2), Isolate::default());
    let id = |number: usize| format!("{number:036}");
    for number in 0..MAX_COUNTS - 1 {
        let due = isolate.refuse(&world, &id(number), DenyReason::InsufficientScope);
        assert_eq!(due.is_some(), number == 0);
    }
    assert_eq!(
        isolate.refuse(&world, &id(MAX_COUNTS), DenyReason::Expired),
        Some(0)
    );
    world.line.set(Line::Down);
    assert_eq!(isolate.send(&world), Some(false));
    for number in 0..2 * MAX_COUNTS {
        isolate.refuse(&world, &id(number), DenyReason::InsufficientScope);
    }
    world.line.set(Line::Up);
    world.wait_ms(GATHER_MS);
    assert_eq!(isolate.send(&world), Some(true));
    assert!(
        world
            .queue
            .borrow()
            .iter()
            .all(|(.., text)| text.len() < 96 * 1024)
    );
    world.wait_ms(HOUR_MS);
    assert_eq!(counted(&world).len(), 2 * MAX_COUNTS);
}

/// A message of a batch that an isolate sent.
fn messages(world: &World, batches: usize) -> Vec<String> {
    let isolate = Isolate::default();
    for number in 0..batches {
        world.wait_ms(1);
        isolate.refuse(world, &format!("key-{number}"), DenyReason::Revoked);
        assert_eq!(isolate.send(world), Some(true));
    }
    let queue = world.queue.take();
    queue.into_iter().map(|(.., text)| text).collect()
}

#[test]
fn batches_are_posted_within_their_bounds_and_come_again_until_they_were_taken() {
    let world = World::new(2);
    let texts = messages(&world, 2 * MAX_BATCHES + 1);
    let deliveries: Vec<_> = texts.iter().map(|text| delivery(text, 0)).collect();
    // The answer to the first report is lost.
    world.control_plane.silent.set(1);
    let fates = world.consume(&deliveries).fates;
    let again = Fate::Retry { delay_seconds: 5 };
    assert_eq!(fates[..MAX_BATCHES], [again; MAX_BATCHES]);
    assert_eq!(fates[MAX_BATCHES..], [Fate::Done; MAX_BATCHES + 1]);
    assert!(world.log.borrow()[0].contains("refusals were not taken"));
    assert_eq!(
        world.consume(&deliveries[..MAX_BATCHES]).fates,
        [Fate::Done; MAX_BATCHES]
    );
    assert_eq!(counted(&world).len(), 2 * MAX_BATCHES + 1);
    world.control_plane.trouble.replace(Some(PostError::Status(503)));
    assert_eq!(world.consume(&deliveries[..1]).fates, [again]);
}
