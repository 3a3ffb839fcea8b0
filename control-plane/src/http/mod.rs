//! The REST API, and the web page beside it. One operation per file; what they share stands here and beside it.

use std::sync::Arc;

use axum::{Router, extract::DefaultBodyLimit, middleware, routing::get};
use keyward_shared::Entropy;

use crate::{
    audit::Refusals,
    clock::Clock,
    domain::{OrganizationId, session::SessionTimes},
    metrics::Metrics,
    oidc::{SignIn, UserTokens},
    publish::{Deployments, Follower, Publisher, Reconciler},
    settings::{AdminToken, GithubKeys, Overview, PublicUrl, StaticKey, TagSecrets},
    store::Store,
};

mod audit;
mod authentication;
mod body;
mod caller;
mod change;
mod groups;
mod health;
mod idempotency;
mod keys;
mod leaks;
mod members;
mod message;
mod moments;
mod names;
pub mod openapi;
mod operations;
mod organizations;
mod paging;
mod places;
mod problem;
mod query;
mod refused;
mod request;
mod session;
mod settings;
mod streaming;
mod sync;
mod throttle;
mod usage;
mod userinfo;
mod web;

pub use idempotency::Repeats;
pub(crate) use keys::narrowing::MAX_SEARCH;
pub use paging::{MAX_LIMIT, reread_cursor};
pub use problem::Problem;

pub use throttle::{FailureThrottle, QuestionThrottle};

/// The largest request body, in bytes. A key with every list full needs a tenth of it.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// What every operation works with.
pub struct App {
    /// Keys, audit events, outbox.
    pub store: Arc<dyn Store>,
    /// Which edges there are.
    pub deployments: Deployments,
    /// The way to them.
    pub publisher: Arc<Publisher>,
    /// Compares them with the store.
    pub reconciler: Arc<Reconciler>,
    /// Brings the keys of changed groups up to date.
    pub follower: Arc<Follower>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy + Send + Sync>,
    /// The organization that the platform admin's keys belong to.
    pub default_organization: OrganizationId,
    /// Tells whose user token it is, if there is an issuer.
    pub user_tokens: Option<UserTokens>,
    /// Signs people in with that issuer on the web page, if it is set up for that.
    pub sign_in: Option<SignIn>,
    /// What keys are made and checked by.
    pub rules: Rules,
    /// What is configured, to be looked at.
    pub overview: Overview,
    /// What repeated requests are answered by.
    pub repeats: Repeats,
    /// Counts what is asked and refused.
    pub metrics: Arc<Metrics>,
    /// Puts refused calls into the audit trail.
    pub refusals: Arc<Refusals>,
    /// Counts failed tries to sign in.
    pub failures: FailureThrottle,
    /// Counts questions about keys.
    pub questions: QuestionThrottle,
}

/// The part of the settings that operations go by.
#[derive(Debug)]
pub struct Rules {
    /// The token of platform admins.
    pub admin_token: AdminToken,
    /// The legacy static key, if there is one.
    pub static_key: Option<StaticKey>,
    /// Where browsers reach the page; none: at whatever host they name.
    pub public_url: Option<PublicUrl>,
    /// How long sessions of the page last.
    pub session_times: SessionTimes,
    /// The keys by which GitHub signs reports of leaked keys, if it reports here.
    pub github_keys: Option<GithubKeys>,
    /// The services there are keys for.
    pub services: Vec<String>,
    /// The brand parts of prefixes.
    pub brands: keyward_shared::Brands,
    /// The secrets that tag keys.
    pub tag_secrets: TagSecrets,
    /// After how many days without use keys are flagged, where their organization says nothing else.
    pub unused_after_days: Option<u32>,
    /// From which lag of the publisher on the service is not ready.
    pub ready_lag: std::time::Duration,
    /// How long a management call waits for its change to arrive.
    pub propagation_wait: std::time::Duration,
}

/// The API as a service. It needs the client's address as `ConnectInfo<SocketAddr>`.
pub fn router(app: Arc<App>) -> Router {
    operations::routes()
        .layer(middleware::from_fn_with_state(Arc::clone(&app), refused::witness))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .merge(openapi::router())
        .merge(usage::router())
        .merge(leaks::github::router())
        .merge(session::oidc::router())
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .fallback(web::page_or_nothing)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(middleware::from_fn_with_state(
            Arc::clone(&app),
            request::identify,
        ))
        .with_state(app)
}
