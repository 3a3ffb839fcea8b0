//! Crashes, outages and messages that are lost or come twice: what was counted arrives, and never more.

use keyward_edge::usage::consume::PostError;

use crate::world::{GUARD, Line, World, record};

const MINUTE_MS: u64 = 60_000;

/// A key that was used three times.
fn used() -> World {
    let world = World::new(0);
    world.adopt(GUARD, "a", &record("key-a"));
    for _ in 0..3 {
        world.lease("a", 1);
    }
    world
}

fn arrived(world: &World) -> u64 {
    world.control_plane.known("key-a").requests()
}

#[test]
fn an_object_restored_still_has_its_alarm_and_does_not_put_it_off() {
    let world = used();
    for _ in 0..19 {
        world.wait_ms(1000);
        world.object(GUARD).restart();
        world.lease("a", 1);
    }
    assert_eq!(world.alarm(), Some(20_000));
    world.wait_ms(MINUTE_MS);
    assert_eq!(arrived(&world), 22);
}

#[test]
fn a_crash_between_sent_and_noted_sends_once_more() {
    let world = used();
    world.line.set(Line::Hangs);
    let host = world.object(GUARD);
    assert_eq!(world.ring(&host), None, "it ended before the queue had answered");
    assert_eq!((world.sent.get(), world.alarm()), (1, Some(20_000)));
    world.line.set(Line::Up);
    world.wait_ms(MINUTE_MS);
    assert_eq!((world.sent.get(), arrived(&world), world.alarm()), (2, 3, None));
}

#[test]
fn a_message_that_is_lost_is_made_up_for_by_the_next() {
    let world = used();
    world.wait_ms(20_000);
    assert_eq!(world.queue.take().len(), 1);
    world.wait_ms(MINUTE_MS);
    assert_eq!(arrived(&world), 0);
    world.lease("a", 1);
    world.wait_ms(MINUTE_MS);
    assert_eq!(arrived(&world), 4);
}

#[test]
fn messages_may_overtake_and_repeat_each_other() {
    let world = used();
    world.wait_ms(20_000);
    let early = world.queue.take();
    world.lease("a", 1);
    world.wait_ms(MINUTE_MS);
    assert_eq!(arrived(&world), 4);
    world
        .queue
        .borrow_mut()
        .extend(early.iter().chain(&early).cloned());
    world.wait_ms(MINUTE_MS);
    assert_eq!((arrived(&world), world.queue.take().len()), (4, 0));
}

#[test]
fn a_queue_that_is_down_is_tried_again_a_minute_later() {
    let world = used();
    world.line.set(Line::Down);
    world.wait_ms(20_000);
    assert_eq!(world.alarm(), Some(80_000));
    world.lease("a", 1);
    world.object(GUARD).restart();
    world.lease("a", 1);
    world.wait_ms(10 * MINUTE_MS);
    assert_eq!((world.sent.get(), arrived(&world)), (0, 0));
    world.line.set(Line::Up);
    world.wait_ms(2 * MINUTE_MS);
    assert_eq!((arrived(&world), world.alarm()), (5, None));
}

#[test]
fn a_guard_that_cannot_store_reports_once_it_can() {
    let world = World::new(2);
    world.adopt(GUARD, "a", &record("key-a"));
    world.lease("a", 5);
    let host = world.object(GUARD);
    host.set_read_only(true);
    world.wait_ms(5 * MINUTE_MS);
    assert_eq!(arrived(&world), 0);
    assert!(world.alarm().is_some());
    host.set_read_only(false);
    world.wait_ms(2 * MINUTE_MS);
    assert_eq!((arrived(&world), world.alarm()), (5, None));
}

#[test]
fn what_waited_for_the_control_plane_arrives_when_it_is_back() {
    for trouble in [
        PostError::Status(503),
        PostError::Status(401),
        PostError::Status(400),
        PostError::Timeout(15_000),
        PostError::Failed("refused".to_owned()),
    ] {
        let world = used();
        world.control_plane.trouble.replace(Some(trouble.clone()));
        world.wait_ms(3 * MINUTE_MS);
        world.lease("a", 1);
        world.wait_ms(6 * 60 * MINUTE_MS);
        assert_eq!(arrived(&world), 0);
        assert!(
            world
                .log
                .borrow()
                .iter()
                .all(|line| line.contains(&trouble.to_string()))
        );
        let tries = world.log.borrow().len();
        assert!((20..80).contains(&tries), "{tries} tries in six hours");
        world.control_plane.trouble.take();
        world.wait_ms(16 * MINUTE_MS);
        assert_eq!((arrived(&world), world.queue.take().len()), (4, 0));
    }
}

#[test]
fn an_answer_that_is_lost_does_no_harm() {
    let world = used();
    world.control_plane.silent.set(3);
    world.wait_ms(5 * MINUTE_MS);
    assert_eq!(
        (arrived(&world), world.control_plane.reports.take().len()),
        (3, 4)
    );
}
