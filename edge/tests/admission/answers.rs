//! The answers: refusals as the table of reasons has them, what goes to the upstream, and what is changed on the way back.

use keyward_edge::{
    answer::Answer,
    clock::UnixMillis,
    forwarding::{AnswerEdits, Failure, Way, stays_behind},
    grant::{Caller, Grant},
    plan::Plan,
    refusal::Refusal,
    request::RequestHead,
    request_id::RequestId,
    screen::{Screened, screen},
};
use keyward_shared::{DenyReason, Entropy, guard::Standing, route::Route};
use serde_json::Value;

use crate::stage::{Stage, head};

struct Zeros;

impl Entropy for Zeros {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(0);
    }
}

pub(crate) fn request_id() -> RequestId {
    RequestId::new(UnixMillis(0), &Zeros)
}

const REQUEST_ID: &str = "00000000-0000-7000-8000-000000000000";

pub(crate) fn route<'a>(stage: &'a Stage, path: &str) -> &'a Route {
    let mut routes = stage.deployment.routes.routes().iter();
    routes.find(|route| route.path.to_string() == path).unwrap()
}

fn on(route: &Route) -> Grant<'_> {
    Grant {
        route,
        caller: Caller::Unknown,
        standing: Standing::default(),
        lease_ends_at: None,
    }
}

#[test]
fn every_reason_has_a_whole_problem_document() {
    let stage = Stage::new();
    for reason in DenyReason::ALL {
        let refusal = Refusal::new(reason).on(Some(route(&stage, "/closed")));
        let answer = refusal.answer("here", &head("GET", "/closed", None));
        let (before, after) = answer.problem.unwrap();
        let problem: Value = serde_json::from_str(&format!("{before}{REQUEST_ID}{after}")).unwrap();
        assert_eq!(problem["code"], reason.code());
        assert_eq!(problem["status"], answer.status);
        assert_eq!(problem["type"], format!("urn:keyward:problem:{}", reason.code()));
        assert_eq!(problem["request_id"], REQUEST_ID);
        assert_eq!(problem.as_object().unwrap().len(), 6, "{problem}");
        let value = |name: &str| {
            let mut found = answer.headers.iter().filter(|(header, _)| *header == name);
            found.next().map(|(_, value)| value.as_str())
        };
        assert_eq!(value("Content-Type"), Some("application/problem+json"));
        assert_eq!(value("Cache-Control"), Some("no-store"));
        assert_eq!(answer.id_field, "Keyward-Request-Id");
        assert_eq!(
            value("WWW-Authenticate").is_some(),
            matches!(answer.status, 400 | 401) || reason == DenyReason::InsufficientScope
        );
        assert_eq!(value("Retry-After").is_some(), reason == DenyReason::Unavailable);
        if reason == DenyReason::InsufficientScope {
            assert!(value("WWW-Authenticate").unwrap().ends_with("scope=\"read\""));
        }
    }
}

#[test]
fn the_log_names_the_key_by_its_id() {
    let stage = Stage::new();
    let refusal = Refusal {
        key_id: Some("key-1".to_owned()),
        ..Refusal::new(DenyReason::Revoked).on(Some(route(&stage, "/closed")))
    };
    let line: Value = serde_json::from_str(&refusal.log_line(request_id(), 0)).unwrap();
    assert_eq!(
        line,
        serde_json::json!({
            "message": "refused", "request_id": REQUEST_ID, "code": "revoked", "route": "/closed", "key_id": "key-1", "unlogged": 0,
        })
    );
}

#[test]
fn an_origin_is_told_what_is_known() {
    let stage = Stage::new();
    let way = way(&stage, &head("HEAD", "/public/a", None));
    assert_eq!(way.base, "https://origin.example");
    assert!(!way.has_body);
    assert_eq!((way.timeout_ms, way.stream_max_age_ms), (30_000, 3_600_000));
    assert_eq!(
        way.set,
        [
            ("Keyward-Environment", "production".to_owned()),
            ("Keyward-Assertion", "signed".to_owned()),
        ]
    );
    assert_eq!(way.id_field, "Keyward-Request-Id");
}

#[test]
fn only_a_websocket_is_an_upgrade() {
    let stay = "authorization,connection,content-length,host,keyward_key_id,x-hop";
    for (upgrade, passes) in [("", false), ("h2c", false), ("WebSocket", true)] {
        let names = format!("accept,content-type,{stay},upgrade");
        let left = stays_behind(&names, "Upgrade, X-Hop", upgrade);
        assert_eq!(
            left,
            if passes {
                stay.to_owned()
            } else {
                format!("{stay},upgrade")
            }
        );
    }
    assert_eq!(stays_behind("accept,upgrade", "", "websocket"), "");
}

fn way(stage: &Stage, head: &RequestHead) -> Way {
    let Ok(Screened::Granted(grant)) = screen(&stage.deployment, head) else {
        panic!("the route is public");
    };
    Way::new(&stage.deployment, &grant, head, Some("signed")).unwrap()
}

fn edits_on(stage: &Stage, route: &Route, origin: Option<&str>) -> AnswerEdits {
    let mut head = head("GET", "/", None);
    head.origin = origin.map(str::to_owned);
    let way = Way::new(&stage.deployment, &on(route), &head, None);
    way.unwrap().answer
}

#[test]
fn an_answer_is_private_and_the_rule_speaks_for_its_route() {
    let stage = Stage::new();
    let edits = edits_on(&stage, route(&stage, "/browsers"), Some("https://app.example"));
    assert!(edits.private.as_deref() == Some("private") && edits.removed.contains(&"CDN-Cache-Control"));
    assert_eq!(edits.removed_prefix, Some("access-control-"));
    assert!(edits.appended.contains(&("Vary", "Origin".to_owned())));

    let without_rule = edits_on(&stage, route(&stage, "/closed"), None);
    assert!(without_rule.appended.is_empty() && without_rule.removed_prefix.is_none());
}

#[test]
fn a_route_may_leave_its_answers_to_shared_caches() {
    let stage = Stage::new();
    let shared = Route {
        shared_cache: true,
        ..route(&stage, "/closed").clone()
    };
    assert_eq!(
        edits_on(&stage, &shared, None),
        AnswerEdits {
            limits_field: "RateLimit",
            ..AnswerEdits::default()
        }
    );
}

#[test]
fn an_upstream_that_fails_is_told_from_one_that_is_late() {
    let stage = Stage::new();
    let route = Some(route(&stage, "/closed"));
    let down = Failure::on(route, Some("refused".to_owned()));
    let late = Failure::on(route, None);
    assert_eq!(
        [down.reason, late.reason],
        [DenyReason::UpstreamFailed, DenyReason::UpstreamTimeout]
    );
    let line: Value = serde_json::from_str(&late.log_line(route, request_id())).unwrap();
    assert_eq!(
        (&line["upstream"], &line["cause"]),
        (&Value::from("origin"), &Value::from("no answer within 30 s"))
    );
}

#[test]
fn a_refusal_has_a_body_unless_only_its_head_is_asked_for() {
    let stage = Stage::new();
    for (method, has_body) in [("GET", true), ("HEAD", false)] {
        let head = head(method, "/closed", None);
        let refusal = Refusal::new(DenyReason::InvalidKey);
        let answer = refusal.answer(&stage.deployment.realm, &head);
        assert_eq!((answer.status, answer.problem.is_some()), (401, has_body));
    }
}

#[test]
fn an_answer_of_our_own_has_no_body_either_where_only_its_head_is_asked_for() {
    let whole = Answer {
        body: "x".to_owned(),
        ..Answer::empty(200)
    };
    for (method, body) in [("GET", "x"), ("HEAD", "")] {
        let plan = Plan::answer(whole.clone(), &head(method, "/closed", None));
        let Plan::Answer(answer) = plan else {
            panic!("{plan:?}");
        };
        assert_eq!(answer.body, body);
    }
}
