//! What a management call says of how far its change has come: the header, over the whole API.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use keyward_control_plane::{
    audit::Refusals,
    domain::session::SessionTimes,
    http::{App, FailureThrottle, QuestionThrottle, Repeats, Rules, router},
    publish::{Follower, Reconciler},
    settings::{AdminToken, Overview, TagSecrets},
};
use keyward_shared::{Brands, Environment, sync::Promise};
use tokio::sync::watch;
use tower::ServiceExt as _;

use crate::{
    fake_edge::Call,
    keys::{DEFAULT, Seeded, ring},
    world::World,
};

pub(crate) const TOKEN: &str = "mT3kWq8xZp-1rYv_9sLb2C";

pub(crate) fn app(world: &World, wait: Duration) -> axum::Router {
    let rules = Rules {
        github_keys: None,
        static_key: None,
        admin_token: AdminToken::new(TOKEN).unwrap(),
        services: vec!["prediction".into()],
        brands: Brands::default(),
        tag_secrets: TagSecrets {
            service: [(Environment::Production, ring(&[9]))].into(),
            gateway: None,
        },
        public_url: None,
        session_times: SessionTimes {
            idle: Duration::from_secs(900),
            longest: Duration::from_secs(3600),
        },
        unused_after_days: None,
        ready_lag: Duration::from_secs(300),
        propagation_wait: wait,
    };
    router(Arc::new(App {
        user_tokens: None,
        sign_in: None,
        store: Arc::clone(&world.store) as _,
        deployments: world.deployments(),
        publisher: Arc::clone(&world.publisher),
        reconciler: Arc::new(Reconciler::new(Arc::clone(&world.publisher))),
        follower: Arc::new(Follower::new(
            Arc::clone(&world.store) as _,
            world.deployments(),
            Arc::clone(&world.publisher),
        )),
        clock: Arc::clone(&world.clock) as _,
        entropy: Arc::new(Seeded::new(3)),
        default_organization: DEFAULT,
        rules,
        overview: Overview::default(),
        repeats: Repeats::new("1:AQEBAQEBAQEBAQEBAQEBAQ".parse().unwrap()),
        metrics: Arc::default(),
        refusals: Arc::new(Refusals::new(
            Arc::clone(&world.store) as _,
            Arc::clone(&world.clock) as _,
            Arc::new(Seeded::new(4)),
        )),
        failures: FailureThrottle::default(),
        questions: QuestionThrottle::default(),
    }))
}

/// The status and what the answer says of propagation.
async fn delete(app: &axum::Router, id: &str) -> (StatusCode, String) {
    let request = Request::delete(format!("/api/v1/keys/{id}"))
        .header("Authorization", format!("Bearer {TOKEN}"))
        .body(Body::empty());
    let answer = app.clone().oneshot(request.unwrap()).await.unwrap();
    let header = answer.headers().get("keyward-propagation");
    let header = header.map(|value| value.to_str().unwrap().to_owned());
    (answer.status(), header.unwrap_or_default())
}

#[tokio::test]
async fn a_revocation_says_how_far_it_has_come() {
    for (promise, expected) in [
        (Promise::Everywhere, "confirmed"),
        (
            Promise::ButForOutages { seconds: 30 },
            "confirmed; outage-seconds=30",
        ),
        (Promise::Eventually, "eventual; typical-seconds=60"),
    ] {
        let world = World::guarded().await;
        world.edges[0].promises(promise);
        let (_shutdown, ends) = watch::channel(false);
        tokio::spawn(Arc::clone(&world.publisher).run(ends));
        let key = crate::keys::key(1);
        world.create_silently(&key).await;
        let patient = app(&world, Duration::from_secs(20));
        assert_eq!(
            delete(&patient, &key.id.to_string()).await,
            (StatusCode::OK, expected.into())
        );
    }
}

#[tokio::test]
async fn a_revocation_that_is_not_confirmed_is_pending_and_asking_again_waits_again() {
    let world = World::guarded().await;
    world.edges[0].next_call(Call::Quiet(400));
    let key = world.create(1).await;
    let impatient = app(&world, Duration::ZERO);
    let id = key.id.to_string();
    assert_eq!(delete(&impatient, &id).await, (StatusCode::OK, "pending".into()));
    let (_shutdown, ends) = watch::channel(false);
    tokio::spawn(Arc::clone(&world.publisher).run(ends));
    let patient = app(&world, Duration::from_secs(20));
    assert_eq!(delete(&patient, &id).await, (StatusCode::OK, "confirmed".into()));
}

#[tokio::test]
async fn a_key_that_ended_before_there_was_an_edge_is_confirmed_when_asked_again() {
    let world = World::guarded().await;
    let key = crate::keys::key(1);
    world.create_silently(&key).await;
    let (_shutdown, ends) = watch::channel(false);
    tokio::spawn(Arc::clone(&world.publisher).run(ends));
    let ended = key.revoked("admin", crate::keys::at(100));
    let change = crate::keys::update(&ended, &[], crate::keys::at(100));
    keyward_control_plane::store::Store::commit(world.store.as_ref(), &change)
        .await
        .unwrap();
    let patient = app(&world, Duration::from_secs(20));
    assert_eq!(
        delete(&patient, &key.id.to_string()).await,
        (StatusCode::OK, "confirmed".into())
    );
}
