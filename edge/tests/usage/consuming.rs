//! One batch of messages after the other: what is posted, what comes again, and what is said of it.

use keyward_edge::{
    deployment::Deployment,
    usage::{
        Message,
        consume::{Delivery, Fate},
    },
};
use keyward_shared::{
    UnixMillis,
    guard::{KeyUsage, MeterUsage},
    month::Month,
    usage::MAX_KEYS,
};

use crate::world::{NOON, World, delivery, deployment};

fn usage(key_id: &str, hours: &[(u64, u64)]) -> KeyUsage {
    KeyUsage {
        key_id: key_id.to_owned(),
        last_used_at: UnixMillis(NOON),
        hours: hours.to_vec(),
        metered: Vec::new(),
    }
}

fn message(deployment: &str, keys: Vec<KeyUsage>) -> Delivery {
    let message = Message {
        deployment: deployment.to_owned(),
        keys,
        refusals: None,
    };
    delivery(&serde_json::to_string(&message).unwrap(), 0)
}

const AGAIN: Fate = Fate::Retry { delay_seconds: 5 };

#[test]
fn the_greatest_of_a_batch_is_posted_once() {
    let world = World::new(2);
    let metered = |requests| KeyUsage {
        metered: vec![MeterUsage {
            meter: "prediction".to_owned(),
            month: Month::of(UnixMillis(NOON)),
            requests,
        }],
        ..usage("a", &[])
    };
    let consumed = world.consume(&[
        message("main", vec![usage("a", &[(1, 5), (2, 1)]), usage("b", &[(1, 1)])]),
        message("main", vec![usage("a", &[(2, 3), (3, 1)]), metered(9)]),
        message("main", vec![usage("a", &[(1, 4)]), metered(8)]),
    ]);
    assert_eq!(consumed.fates, [Fate::Done; 3]);
    assert_eq!(consumed.log, [""; 0]);
    assert_eq!(world.control_plane.reports.take(), [2]);
    let known = world.control_plane.known("a");
    assert_eq!(
        known.hours.into_iter().collect::<Vec<_>>(),
        [(1, 5), (2, 3), (3, 1)]
    );
    assert_eq!(known.metered.into_values().collect::<Vec<_>>(), [9]);
}

#[test]
fn a_report_stays_within_its_bounds_however_much_there_is() {
    let world = World::new(2);
    let many = (0..2500).map(|number| usage(&format!("key-{number}"), &[(1, number)]));
    let many: Vec<_> = many
        .collect::<Vec<_>>()
        .chunks(50)
        .map(|keys| message("main", keys.to_vec()))
        .collect();
    assert_eq!(world.consume(&many).fates, vec![Fate::Done; 50]);
    assert_eq!(world.control_plane.reports.take(), [MAX_KEYS, MAX_KEYS, 500]);
    assert_eq!(world.control_plane.keys.take().len(), 2500);

    // 3 KB a key, and one of 3 MB.
    let hours: Vec<_> = (0..168)
        .map(|hour| (500_000 + hour, 1_000_000_000 + hour))
        .collect();
    let large = (0..900).map(|number| usage(&format!("key-{number}"), &hours));
    let mut large: Vec<_> = large.map(|key| message("main", vec![key])).collect();
    let meter = |number: u64| MeterUsage {
        meter: format!("{number:064}"),
        month: Month::of(UnixMillis(NOON)),
        requests: number + 1,
    };
    let huge = KeyUsage {
        metered: (0..25_000).map(meter).collect(),
        ..usage("huge", &hours)
    };
    large.push(message("main", vec![huge]));
    assert_eq!(world.consume(&large).fates, vec![Fate::Done; 901]);
    assert!(world.control_plane.reports.take().len() > 5);
    let keys = world.control_plane.keys.take();
    assert!((0..900).all(|number| keys[&format!("key-{number}")].hours.len() == 168));
    assert_eq!(
        (keys["huge"].metered.len(), keys["huge"].hours.len()),
        (25_000, 168)
    );
}

#[test]
fn only_what_was_not_taken_comes_again() {
    let world = World::new(2);
    let ids: Vec<String> = (0..1500).map(|number| format!("key-{number:04}")).collect();
    let batch: Vec<_> = ids
        .iter()
        .map(|id| message("main", vec![usage(id, &[(1, 1)])]))
        .collect();
    world
        .control_plane
        .refuses
        .borrow_mut()
        .insert("key-1200".to_owned());
    let consumed = world.consume(&batch);
    let again = consumed.fates.iter().position(|fate| *fate == AGAIN).unwrap();
    assert_eq!(again, MAX_KEYS, "the first report was taken");
    assert!(consumed.fates[again..].iter().all(|fate| *fate == AGAIN));
    assert_eq!(world.control_plane.keys.borrow().len(), MAX_KEYS);
    assert_eq!(consumed.log.len(), 1);
    assert!(consumed.log[0].contains("\"keys\":500") && consumed.log[0].contains("500, not 204"));
}

#[test]
fn a_message_that_nobody_can_read_is_counted_and_spoils_nothing() {
    let world = World::new(2);
    let no_text = Delivery {
        text: None,
        age_ms: 0,
    };
    let consumed = world.consume(&[
        delivery("nonsense", 0),
        message("main", vec![usage("a", &[(1, 5)])]),
        no_text,
        delivery("{\"deployment\":\"main\",\"keys\":[],\"more\":1}", 0),
    ]);
    assert_eq!(consumed.fates, [Fate::Done; 4]);
    assert_eq!(consumed.log.len(), 1);
    let line: serde_json::Value = serde_json::from_str(&consumed.log[0]).unwrap();
    assert_eq!(line["messages"], 3);
    assert!(line["cause"].as_str().unwrap().contains("expected"), "{line}");
    assert_eq!(world.control_plane.known("a").requests(), 5);
}

#[test]
fn what_another_deployment_counted_is_not_posted_and_not_lost() {
    let world = World::new(2);
    let consumed = world.consume(&[
        message("staging", vec![usage("a", &[(1, 5)])]),
        message("main", vec![usage("b", &[(1, 5)])]),
    ]);
    assert_eq!(consumed.fates, [AGAIN, Fate::Done]);
    assert!(consumed.log[0].contains("staging"), "{:?}", consumed.log);
    assert_eq!(
        world.control_plane.keys.borrow().keys().collect::<Vec<_>>(),
        ["b"]
    );
}

#[test]
fn without_the_settings_for_it_everything_comes_again() {
    let silent = Deployment {
        usage: None,
        ..deployment(2)
    };
    let world = World::of(silent);
    let consumed = world.consume(&[message("main", vec![usage("a", &[(1, 5)])])]);
    assert_eq!((consumed.fates, consumed.log.len()), (vec![AGAIN], 1));
}

#[test]
fn the_longer_it_has_waited_the_later_it_comes_again() {
    let world = World::new(2);
    let delay = |age_ms| match world
        .consume(&[Delivery {
            age_ms,
            ..message("other", Vec::new())
        }])
        .fates[0]
    {
        Fate::Retry { delay_seconds } => delay_seconds,
        Fate::Done => 0,
    };
    let ages = [0, 5999, 6000, 60_000, 900_000, 86_400_000].map(delay);
    assert_eq!(ages, [5, 5, 6, 60, 900, 900]);
}
