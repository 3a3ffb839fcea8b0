//! Parts of plans are made once for all requests that are told the same, and anew for any other.

use std::rc::Rc;

use keyward_edge::{
    forwarding::Way,
    grant::{Caller, Grant},
    ready::Ready,
    refusal::Refusal,
    request::RequestHead,
};
use keyward_shared::{
    DenyReason, KeyHash, Record,
    guard::{Allowance, SignedRecord, Standing},
    route::Route,
};

use crate::{
    answers::route,
    stage::{RECORD_SECRET, Stage, head, record, ring, signed},
};

fn known(record: &Record) -> Caller {
    let hash = KeyHash::of("a key");
    let text = signed(record, &hash);
    let record = SignedRecord::verify(&text, &ring(RECORD_SECRET), "main", &hash).unwrap();
    Caller::Known(Rc::new(record))
}

fn grant<'d>(route: &'d Route, caller: &Caller) -> Grant<'d> {
    Grant {
        route,
        caller: caller.clone(),
        standing: Standing::default(),
        lease_ends_at: None,
    }
}

fn limited(limit: u64, left: u64) -> Standing {
    Standing {
        hour: Some(Allowance {
            limit,
            left,
            reset_ms: 1,
        }),
        month: None,
    }
}

#[test]
fn requests_that_are_told_the_same_go_one_way() {
    let stage = Stage::new();
    let mut ready = Ready::default();
    let mut way = |grant: &Grant<'_>, head: &RequestHead, assertion: Option<&Rc<str>>| {
        ready.way(&stage.deployment, grant, head, assertion).unwrap()
    };
    let (closed, browsers) = (route(&stage, "/closed"), route(&stage, "/browsers"));
    let (get, put) = (head("GET", "/", None), head("PUT", "/", None));
    let from = |origin: &str| RequestHead {
        origin: Some(origin.to_owned()),
        ..head("GET", "/", None)
    };
    let (here, there) = (from("https://app.example"), from("https://there.example"));
    let (caller, other) = (known(&record("key-1")), known(&record("key-2")));
    let (token, renewed): (Rc<str>, Rc<str>) = ("token".into(), "token".into());
    let with = |standing| Grant {
        standing,
        ..grant(closed, &caller)
    };

    let plain = grant(closed, &caller);
    let told: Vec<(Grant<'_>, &RequestHead, Option<&Rc<str>>)> = vec![
        (plain.clone(), &get, Some(&token)),
        (plain.clone(), &get, Some(&renewed)),
        (plain.clone(), &get, None),
        (plain.clone(), &put, None),
        (grant(closed, &other), &get, None),
        (grant(closed, &Caller::Unknown), &get, None),
        (grant(route(&stage, "/last"), &caller), &get, None),
        (with(limited(10, 9)), &get, None),
        (with(limited(11, 9)), &get, None),
        (grant(browsers, &caller), &get, None),
        (grant(browsers, &caller), &here, None),
        (grant(browsers, &caller), &there, None),
    ];
    let mut ways: Vec<Rc<Way>> = Vec::new();
    for (grant, head, assertion) in &told {
        let first = way(grant, head, *assertion);
        assert!(Rc::ptr_eq(&first, &way(grant, head, *assertion)), "{grant:?}");
        // Whatever was ready before, it is what would be made now.
        let text = assertion.map(AsRef::as_ref);
        let made = Way::new(&stage.deployment, grant, head, text).unwrap();
        assert_eq!(
            serde_json::to_string(&*first).unwrap(),
            serde_json::to_string(&made).unwrap()
        );
        assert!(
            !ways.iter().any(|earlier| Rc::ptr_eq(earlier, &first)),
            "{grant:?}"
        );
        ways.push(first);
    }
    // What is left of a limit goes with the request, and an origin counts only where browsers are told something.
    let spent = way(&with(limited(11, 3)), &get, None);
    assert!(Rc::ptr_eq(&spent, &way(&with(limited(11, 2)), &here, None)));
}

#[test]
fn refusals_that_are_the_same_for_everyone_are_made_once() {
    let stage = Stage::new();
    let mut ready = Ready::default();
    let (get, only_head) = (head("GET", "/", None), head("HEAD", "/", None));
    let closed = Some(route(&stage, "/closed"));
    let mut pair = |refusal: &Refusal<'_>, head: &RequestHead| {
        let [one, other] = [(); 2].map(|()| ready.refused(&stage.deployment, refusal, head));
        let made = refusal.answer(&stage.deployment.realm, head);
        assert_eq!(
            serde_json::to_string(&*one).unwrap(),
            serde_json::to_string(&made).unwrap()
        );
        Rc::ptr_eq(&one, &other)
    };
    for reason in DenyReason::ALL {
        let refusal = Refusal::new(reason).on(closed);
        for head in [&get, &only_head] {
            assert_eq!(
                pair(&refusal, head),
                reason != DenyReason::InsufficientScope,
                "{reason:?}"
            );
        }
    }
    let of_a_limit = Refusal {
        standing: limited(10, 0),
        retry_after_ms: Some(5000),
        ..Refusal::new(DenyReason::RateLimited)
    };
    assert!(!pair(&of_a_limit, &get));
    assert!(!pair(
        &Refusal::new(DenyReason::Revoked).on(Some(route(&stage, "/browsers"))),
        &get
    ));
}
