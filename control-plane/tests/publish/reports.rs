//! Reports of usage: whose are believed, what is kept of them, and what is shown of it; over the whole API.

use std::time::Duration;

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    http::{Request, StatusCode, header},
};
use futures_util::stream;
use keyward_control_plane::{
    clock::Clock as _,
    domain::{Action, Key, KeyWrite, usage::Slots},
    store::{Store as _, UsageBook as _},
};
use keyward_shared::{
    SecretRing, UnixMillis,
    guard::{KeyUsage, MeterUsage},
    month::Month,
    usage::{HEADER, MAX_BODY_BYTES, PATH, RefusalBatch, RefusalCount, Report, sign},
};
use serde_json::{Value, json};
use tower::ServiceExt as _;
use uuid::Uuid;

use crate::{
    answers::{TOKEN, app},
    keys::{self, at, ring},
    world::{SYNC_RING, World},
};

/// The hour that begins when tests begin: 2027-01-15T08:00:00Z.
const HOUR: u64 = 500_000;

fn service(world: &World) -> Router {
    app(world, Duration::ZERO)
}

fn now(world: &World) -> UnixMillis {
    UnixMillis(world.clock.now().as_millisecond().try_into().unwrap())
}

/// Ten requests in the first hour, four of them metered, the last a second ago.
fn ten_requests(world: &World, key: &Key) -> KeyUsage {
    KeyUsage {
        key_id: key.id.to_string(),
        last_used_at: now(world).before(1000),
        hours: vec![(HOUR, 10)],
        metered: vec![on_meter(Month::of(now(world)), 4)],
    }
}

fn on_meter(month: Month, requests: u64) -> MeterUsage {
    MeterUsage {
        meter: "predictions".into(),
        month,
        requests,
    }
}

fn body(keys: Vec<KeyUsage>) -> Vec<u8> {
    let refusals = Vec::new();
    serde_json::to_vec(&Report { keys, refusals }).unwrap()
}

/// So many requests of a key that were refused in the first hour, under an id.
fn refused(id: u128, key: &Key, counts: &[(&str, u64)]) -> RefusalBatch {
    let count = |(reason, requests): &(&str, u64)| {
        RefusalCount(key.id.to_string(), (*reason).to_owned(), HOUR, *requests)
    };
    RefusalBatch {
        id: Uuid::from_u128(id).to_string(),
        counts: counts.iter().map(count).collect(),
    }
}

/// Sends a report of refusals that has to be taken.
async fn report_refusals(world: &World, app: &Router, refusals: Vec<RefusalBatch>) {
    let keys = Vec::new();
    let body = serde_json::to_vec(&Report { keys, refusals }).unwrap();
    let header = signature("main", &ring(SYNC_RING), now(world), &body);
    assert_eq!(post(app, &[&header], body).await.0, StatusCode::NO_CONTENT);
}

/// The header as a deployment with these secrets makes it at that moment.
fn signature(deployment: &str, ring: &SecretRing, at: UnixMillis, body: &[u8]) -> String {
    sign(ring, deployment, at, &[7; 16], body)
}

async fn send(app: &Router, request: Request<Body>) -> (StatusCode, header::HeaderMap, Bytes) {
    let answer = app.clone().oneshot(request).await.unwrap();
    let (parts, body) = answer.into_parts();
    (
        parts.status,
        parts.headers,
        to_bytes(body, 1 << 20).await.unwrap(),
    )
}

/// Sends a report with these headers. The answer is the problem, if there is one.
async fn post(app: &Router, headers: &[&str], body: Vec<u8>) -> (StatusCode, Value) {
    let mut request = Request::post(PATH);
    for header in headers {
        request = request.header(HEADER, *header);
    }
    let (status, headers, answer) = send(app, request.body(Body::from(body)).unwrap()).await;
    if status == StatusCode::NO_CONTENT {
        assert!(answer.is_empty());
        return (status, Value::Null);
    }
    assert_eq!(headers[header::CONTENT_TYPE], "application/problem+json");
    let challenge = headers.get(header::WWW_AUTHENTICATE);
    assert_eq!(challenge.is_some(), status == StatusCode::UNAUTHORIZED);
    (status, serde_json::from_slice(&answer).unwrap())
}

/// Sends a report that has to be taken.
async fn report(world: &World, app: &Router, deployment: &str, keys: Vec<KeyUsage>) {
    let body = body(keys);
    let header = signature(deployment, &ring(SYNC_RING), now(world), &body);
    let answer = post(app, &[&header], body).await;
    assert_eq!(answer, (StatusCode::NO_CONTENT, Value::Null));
}

async fn get(app: &Router, path: &str) -> Value {
    let request = Request::get(path).header("Authorization", format!("Bearer {TOKEN}"));
    let (status, _, body) = send(app, request.body(Body::empty()).unwrap()).await;
    assert_eq!(status, StatusCode::OK, "{path}");
    serde_json::from_slice(&body).unwrap()
}

async fn usage(app: &Router, key: &Key, query: &str) -> Value {
    get(app, &format!("/api/v1/keys/{}/usage?{query}", key.id)).await
}

#[tokio::test]
async fn what_an_edge_reports_is_shown() {
    let world = World::guarded().await;
    let (app, key) = (service(&world), world.create(1).await);
    let path = format!("/api/v1/keys/{}", key.id);
    assert_eq!(get(&app, &path).await["last_used_at"], Value::Null);

    world.clock.set(at(4000));
    for _ in 0..2 {
        report(&world, &app, "main", vec![ten_requests(&world, &key)]).await;
    }
    let last_use = "2027-01-15T09:06:39Z";
    assert_eq!(get(&app, &path).await["last_used_at"], last_use);
    assert_eq!(get(&app, "/api/v1/keys").await[0]["last_used_at"], last_use);
    let bucket = |from: &str, to: &str, requests: u64| json!({ "from": from, "to": to, "requests": requests, "lineage_requests": requests, "refusals": {} });
    let expected = json!({
        "key_id": key.id.to_string(),
        "granularity": "hour",
        "from": "2027-01-15T07:00:00Z",
        "to": "2027-01-15T10:00:00Z",
        "requests": 10,
        "lineage_requests": 10,
        "refusals": {},
        "last_used_at": last_use,
        "current_hour": { "from": "2027-01-15T09:00:00Z", "limit": 5000, "requests": 0, "lineage_requests": 0 },
        "current_month": {
            "from": "2027-01-01T00:00:00Z",
            "limit": 1_000_000,
            "meters": [{ "meter": "predictions", "requests": 4, "lineage_requests": 4 }],
        },
        "buckets": [
            bucket("2027-01-15T07:00:00Z", "2027-01-15T08:00:00Z", 0),
            bucket("2027-01-15T08:00:00Z", "2027-01-15T09:00:00Z", 10),
            bucket("2027-01-15T09:00:00Z", "2027-01-15T10:00:00Z", 0),
        ],
    });
    assert_eq!(
        usage(&app, &key, "granularity=hour&from=2027-01-15T07:30:00Z").await,
        expected
    );
}

#[tokio::test]
async fn a_month_shows_its_days_together_and_its_meters() {
    let world = World::guarded().await;
    let (app, key) = (service(&world), world.create(1).await);
    let february = Month::of(now(&world)).next();
    world.clock.set(at(18 * 86_400));
    let counted = KeyUsage {
        // The first hour of January, one on its last day, and one in February.
        hours: vec![(HOUR - 14 * 24 - 8, 1), (HOUR + 16 * 24, 2), (HOUR + 17 * 24, 4)],
        metered: vec![on_meter(february, 3)],
        ..ten_requests(&world, &key)
    };
    report(&world, &app, "main", vec![counted]).await;
    let by_month = usage(&app, &key, "granularity=month&from=2027-01-01").await;
    let buckets = by_month["buckets"].as_array().unwrap();
    let shown: Vec<_> = buckets
        .iter()
        .map(|bucket| (&bucket["from"], &bucket["requests"], &bucket["meters"]))
        .collect();
    let metered = json!([{ "meter": "predictions", "requests": 3, "lineage_requests": 3 }]);
    assert_eq!(
        shown,
        [
            (&json!("2027-01-01T00:00:00Z"), &json!(3), &json!([])),
            (&json!("2027-02-01T00:00:00Z"), &json!(4), &metered),
        ]
    );
    let by_day = usage(&app, &key, "").await;
    assert_eq!(
        (&by_day["granularity"], &by_day["requests"]),
        (&json!("day"), &json!(6))
    );
    assert_eq!(by_day["buckets"].as_array().unwrap().len(), 30);
}

#[tokio::test]
async fn a_rotated_key_shows_its_own_usage_and_that_of_its_lineage() {
    let world = World::guarded().await;
    let (app, first) = (service(&world), world.create(1).await);
    let second = Key {
        lineage: first.lineage,
        ..keys::key(2)
    };
    let insert = vec![KeyWrite::Insert(second.clone())];
    let rotation = keys::change(Action::KeyRotated, insert, &[], at(100));
    world.store.commit(&rotation).await.unwrap();
    let both = vec![ten_requests(&world, &first), ten_requests(&world, &second)];
    report(&world, &app, "main", both).await;
    let usage = usage(&app, &second, "").await;
    let meter = &usage["current_month"]["meters"][0];
    for (count, own, of_lineage) in [(&usage, 10, 20), (&usage["current_hour"], 10, 20), (meter, 4, 8)] {
        assert_eq!(
            (&count["requests"], &count["lineage_requests"]),
            (&json!(own), &json!(of_lineage)),
            "{count}"
        );
    }
}

#[tokio::test]
async fn two_deployments_of_one_environment_add_up() {
    let world = World::guarded_at(&["eu", "us"]).await;
    let (app, key) = (service(&world), world.create(1).await);
    for deployment in ["eu", "us", "us"] {
        report(&world, &app, deployment, vec![ten_requests(&world, &key)]).await;
    }
    assert_eq!(usage(&app, &key, "").await["requests"], 20);
}

#[tokio::test]
async fn what_an_edge_refused_is_shown_by_reason_and_counts_once() {
    let world = World::guarded().await;
    let (app, key) = (service(&world), world.create(1).await);
    let other = world.create(2).await;
    world.clock.set(at(4000));
    let first = refused(1, &key, &[("rate_limited", 7), ("expired", 1)]);
    let second = refused(2, &key, &[("rate_limited", 3), ("invalid_key", 9)]);
    let foreign = refused(3, &keys::key(9), &[("expired", 1)]);
    report_refusals(&world, &app, vec![first.clone(), foreign]).await;
    report_refusals(&world, &app, vec![second, first.clone()]).await;
    report_refusals(&world, &app, vec![first, refused(4, &other, &[("expired", 20)])]).await;
    for granularity in ["hour", "day", "month"] {
        let shown = usage(&app, &key, &format!("granularity={granularity}")).await;
        let refusals = json!({ "rate_limited": 10, "expired": 1 });
        assert_eq!((&shown["refusals"], &shown["requests"]), (&refusals, &json!(0)));
        let buckets = shown["buckets"].as_array().unwrap();
        let with_some: Vec<_> = buckets
            .iter()
            .filter(|bucket| bucket["refusals"] != json!({}))
            .map(|bucket| (&bucket["from"], &bucket["refusals"]))
            .collect();
        let from = match granularity {
            "hour" => "2027-01-15T08:00:00Z",
            "day" => "2027-01-15T00:00:00Z",
            _ => "2027-01-01T00:00:00Z",
        };
        assert_eq!(with_some, [(&json!(from), &refusals)], "{granularity}");
    }
    let path = format!("/api/v1/organizations/{}/usage", keys::DEFAULT);
    let of_all = get(&app, &path).await;
    assert_eq!(of_all["refusals"], json!({ "rate_limited": 10, "expired": 21 }));
    assert_eq!(of_all["buckets"][29]["refusals"], of_all["refusals"]);
}

#[tokio::test]
async fn an_answer_begins_with_what_is_kept() {
    let world = World::guarded().await;
    let (app, key) = (service(&world), world.create(1).await);
    world.clock.set(at(4000));
    report(&world, &app, "main", vec![ten_requests(&world, &key)]).await;
    let hour = u32::try_from(HOUR).unwrap();
    world
        .store
        .move_usage_horizon(Slots::Hours, hour + 1)
        .await
        .unwrap();
    let shown = usage(&app, &key, "granularity=hour").await;
    assert_eq!(
        (&shown["from"], &shown["requests"]),
        (&json!("2027-01-15T09:00:00Z"), &json!(0))
    );
    assert_eq!(shown["buckets"].as_array().unwrap().len(), 1);
    let gone = usage(
        &app,
        &key,
        "granularity=hour&from=2027-01-15T07:00:00Z&to=2027-01-15T08:00:00Z",
    )
    .await;
    assert_eq!((&gone["from"], &gone["buckets"]), (&gone["to"], &json!([])));
    assert_eq!(usage(&app, &key, "").await["requests"], 10);
}

#[tokio::test]
async fn what_is_wrong_with_one_key_loses_no_other() {
    let world = World::guarded().await;
    let (app, key) = (service(&world), world.create(1).await);
    let stranger = ten_requests(&world, &keys::key(9));
    let nonsense = KeyUsage {
        key_id: "nonsense".into(),
        ..stranger.clone()
    };
    let mut own = ten_requests(&world, &key);
    own.hours.push((u64::MAX, u64::MAX));
    report(&world, &app, "main", vec![nonsense, stranger, own]).await;
    assert_eq!(usage(&app, &key, "").await["requests"], 10);
}

#[tokio::test]
async fn only_a_deployment_is_believed_and_only_about_itself() {
    let world = World::guarded().await;
    let (app, key) = (service(&world), world.create(1).await);
    let body = body(vec![ten_requests(&world, &key)]);
    let of = |deployment: &str, ring: &SecretRing, at: UnixMillis, body: &[u8]| {
        vec![signature(deployment, ring, at, body)]
    };
    let (own, now) = (ring(SYNC_RING), now(&world));
    let good = signature("main", &own, now, &body);
    let long_ago = now.before(5 * 60 * 1000 + 1);
    for (headers, what) in [
        (vec![], "missing"),
        (vec![good.clone(), good.clone()], "missing"),
        (vec!["main".to_owned()], "missing"),
        (of("main", &ring(&[4]), now, &body), "sync secret 4"),
        (of("spare", &own, now, &body), "`spare` is no deployment"),
        (of("main", &own, long_ago, &body), "clocks"),
        (of("main", &own, now, b"{}"), "signature"),
    ] {
        let headers: Vec<_> = headers.iter().map(String::as_str).collect();
        let (status, problem) = post(&app, &headers, body.clone()).await;
        assert_eq!(
            (status, &problem["code"]),
            (StatusCode::UNAUTHORIZED, &json!("invalid_signature"))
        );
        assert!(
            problem["detail"].as_str().unwrap().contains(what),
            "{what}: {problem}"
        );
    }
    assert_eq!(usage(&app, &key, "").await["requests"], 0);
    assert_eq!(post(&app, &[&good], body).await.0, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_deployment_without_sync_secrets_reports_nothing() {
    let world = World::new().await;
    let body = body(vec![]);
    let header = signature("main", &ring(SYNC_RING), now(&world), &body);
    let (status, _) = post(&service(&world), &[&header], body).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_body_that_is_no_report_or_too_large_is_refused() {
    let world = World::guarded().await;
    let app = service(&world);
    let sign = |body: &[u8]| signature("main", &ring(SYNC_RING), now(&world), body);
    let nonsense = b"[]".to_vec();
    let (status, problem) = post(&app, &[&sign(&nonsense)], nonsense).await;
    assert_eq!(
        (status, &problem["code"]),
        (StatusCode::BAD_REQUEST, &json!("invalid_request"))
    );
    let mut largest = body(vec![]);
    largest.resize(MAX_BODY_BYTES, b' ');
    let (status, _) = post(&app, &[&sign(&largest)], largest.clone()).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    largest.push(b' ');
    let (status, problem) = post(&app, &[&sign(&largest)], largest.clone()).await;
    assert_eq!(
        (status, &problem["code"]),
        (StatusCode::PAYLOAD_TOO_LARGE, &json!("too_large"))
    );
    // Nor may it be that long if it does not say so beforehand.
    let request = Request::post(PATH).header(HEADER, sign(&largest));
    let unannounced = Body::from_stream(stream::iter([Ok::<_, std::io::Error>(Bytes::from(largest))]));
    let (status, ..) = send(&app, request.body(unannounced).unwrap()).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
}

/// A body of which nothing ever comes.
fn silence() -> Body {
    Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>())
}

#[tokio::test]
async fn a_body_that_is_announced_too_large_is_not_waited_for() {
    let world = World::guarded().await;
    let request = Request::post(PATH)
        .header(HEADER, signature("main", &ring(SYNC_RING), now(&world), b""))
        .header(header::CONTENT_LENGTH, MAX_BODY_BYTES + 1);
    let app = service(&world);
    let answer = send(&app, request.body(silence()).unwrap());
    let (status, ..) = tokio::time::timeout(Duration::from_secs(5), answer)
        .await
        .unwrap();
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_body_that_never_comes_is_given_up_and_takes_a_place_no_longer() {
    let world = World::guarded().await;
    let (app, header) = (
        service(&world),
        signature("main", &ring(SYNC_RING), now(&world), b""),
    );
    let silent = |_| {
        let request = Request::post(PATH).header(HEADER, &header).body(silence());
        let app = app.clone();
        async move { send(&app, request.unwrap()).await.0 }
    };
    tokio::time::pause();
    let all = futures_util::future::join_all((0..33).map(silent)).await;
    let count = |wanted: StatusCode| all.iter().filter(|status| **status == wanted).count();
    assert_eq!(
        (
            count(StatusCode::REQUEST_TIMEOUT),
            count(StatusCode::SERVICE_UNAVAILABLE)
        ),
        (32, 1)
    );
    tokio::time::resume();
    report(&world, &app, "main", vec![]).await;
}
