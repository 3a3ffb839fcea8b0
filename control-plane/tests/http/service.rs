//! The API as a service in this process.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{HeaderMap, Request},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use keyward_control_plane::{
    audit::Refusals,
    domain::{OrganizationId, session::SessionTimes},
    http::{App, FailureThrottle, QuestionThrottle, Repeats, Rules, router},
    oidc::{OidcSettings, SignIn, TokenKeys, UserTokens, VerifyingKey},
    publish::{Deployments, Followed, Follower, Publisher, Reconciler},
    settings::{AdminToken, Overview, Settings, StaticKey, TagSecrets},
    store::{SqliteStore, Store},
};
use keyward_shared::{Brands, Environment};
use ring::hmac;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{sync::watch, task::JoinHandle};
use tower::ServiceExt as _;

use crate::{
    clock::ManualClock,
    github,
    keys::{DEFAULT, Seeded, at, ring},
};

/// Where requests go that do not say otherwise.
pub(crate) const HOST: &str = "127.0.0.1:8080";
pub(crate) const ADMIN_TOKEN: &str = "mT3kWq8xZp-1rYv_9sLb2C";
pub(crate) const JWT_SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
const ISSUER: &str = "https://id.example";
const IDEMPOTENCY_SECRETS: &str = "1:AQEBAQEBAQEBAQEBAQEBAQ";
const STATIC_PART: &str = "Vu0nc2nUwv8aCRhfOGspC84nUkDOvF0=";

/// A service without deployments, on a database of its own. Its time is [`at`]`(100)` until a test moves it.
pub(crate) struct Service {
    router: Router,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: Arc<dyn Store>,
    follower: Arc<Follower>,
    publisher: Arc<Publisher>,
    pub(crate) refusals: Arc<Refusals>,
    folder: Arc<TempDir>,
}

/// Whom a service believes.
struct Trust<'a> {
    admin_token: &'a str,
    issuer: &'a str,
    sign_in: Option<OidcSettings>,
}

impl Trust<'_> {
    const USUAL: Self = Self {
        admin_token: ADMIN_TOKEN,
        issuer: ISSUER,
        sign_in: None,
    };
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
    /// The body as it came.
    pub(crate) text: String,
}

impl Answer {
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        self.body
    }

    #[track_caller]
    pub(crate) fn expect_problem(&self, status: u16, code: &str) {
        assert_eq!(
            (self.status, self.body["code"].as_str()),
            (status, Some(code)),
            "{}",
            self.body
        );
    }
}

impl Service {
    pub(crate) async fn start() -> Self {
        Self::waiting(Duration::from_secs(10)).await
    }

    /// The same, where a request waits so long for another one like it.
    pub(crate) async fn waiting(wait: Duration) -> Self {
        Self::fresh(wait, Trust::USUAL).await
    }

    /// The same, where people sign in with an issuer, which is also that of user tokens.
    pub(crate) async fn signing_in_with(settings: OidcSettings) -> Self {
        let issuer = settings.issuer.clone();
        let trust = Trust {
            issuer: &issuer,
            sign_in: Some(settings),
            ..Trust::USUAL
        };
        Self::fresh(Duration::ZERO, trust).await
    }

    async fn fresh(wait: Duration, trust: Trust<'_>) -> Self {
        let folder = Arc::new(TempDir::new().unwrap());
        let clock = Arc::new(ManualClock::at(at(100)));
        let store = SqliteStore::open(&folder.path().join("keyward.db"))
            .await
            .unwrap();
        store.prepare(DEFAULT, &Brands::default(), at(0)).await.unwrap();
        let store: Arc<dyn Store> = Arc::new(store);
        let none = Deployments::default();
        Self::on(folder, store, none, clock, 7, wait, trust)
    }

    /// A service on this store, for these deployments.
    pub(crate) fn with(store: Arc<dyn Store>, deployments: Deployments) -> Self {
        let (folder, clock) = (
            Arc::new(TempDir::new().unwrap()),
            Arc::new(ManualClock::at(at(100))),
        );
        let wait = Duration::from_secs(10);
        Self::on(folder, store, deployments, clock, 7, wait, Trust::USUAL)
    }

    /// Another control plane on the same database, with this admin token and issuer.
    pub(crate) fn again(&self, admin_token: &str, issuer: &str) -> Self {
        self.trusting(Trust {
            admin_token,
            issuer,
            sign_in: None,
        })
    }

    /// Another control plane on the same database, where people sign in with the same issuer.
    pub(crate) fn again_signing_in_with(&self, settings: OidcSettings) -> Self {
        let issuer = settings.issuer.clone();
        self.trusting(Trust {
            issuer: &issuer,
            sign_in: Some(settings),
            ..Trust::USUAL
        })
    }

    fn trusting(&self, trust: Trust<'_>) -> Self {
        let (folder, store) = (Arc::clone(&self.folder), Arc::clone(&self.store));
        Self::on(
            folder,
            store,
            Deployments::default(),
            Arc::clone(&self.clock),
            8,
            Duration::ZERO,
            trust,
        )
    }

    fn on(
        folder: Arc<TempDir>,
        store: Arc<dyn Store>,
        deployments: Deployments,
        clock: Arc<ManualClock>,
        seed: u64,
        wait: Duration,
        Trust {
            admin_token,
            issuer,
            sign_in,
        }: Trust<'_>,
    ) -> Self {
        let entropy = Arc::new(Seeded::new(seed));
        let publisher = Arc::new(Publisher::new(
            Arc::clone(&store),
            &deployments,
            clock.clone(),
            entropy.clone(),
            "test".into(),
        ));
        let tokens = UserTokens::new(
            issuer.into(),
            "keyward".into(),
            TokenKeys::Shared(VerifyingKey::shared(JWT_SECRET)),
            clock.clone(),
        );
        let follower = Arc::new(Follower::new(
            Arc::clone(&store),
            deployments.clone(),
            Arc::clone(&publisher),
        ));
        let refusals = Arc::new(Refusals::new(Arc::clone(&store), clock.clone(), entropy.clone()));
        let app = App {
            store: Arc::clone(&store),
            deployments,
            reconciler: Arc::new(Reconciler::new(Arc::clone(&publisher))),
            follower: Arc::clone(&follower),
            publisher: Arc::clone(&publisher),
            clock: clock.clone(),
            entropy,
            default_organization: DEFAULT,
            user_tokens: Some(tokens),
            sign_in: sign_in
                .map(|settings| SignIn::new(settings, IDEMPOTENCY_SECRETS.parse().unwrap(), clock.clone())),
            rules: Rules {
                admin_token: AdminToken::new(admin_token).unwrap(),
                github_keys: Some(format!("test:{}", github::public_key()).parse().unwrap()),
                static_key: Some(StaticKey::new(&static_key(DEFAULT)).unwrap()),
                services: vec!["prediction".into(), "platform".into()],
                brands: Brands::default(),
                tag_secrets: TagSecrets {
                    service: Environment::ALL
                        .map(|environment| (environment, ring(&[9])))
                        .into(),
                    gateway: Some(ring(&[8])),
                },
                public_url: None,
                session_times: SessionTimes {
                    idle: Duration::from_secs(900),
                    longest: Duration::from_secs(28_800),
                },
                unused_after_days: Some(90),
                ready_lag: Duration::from_secs(300),
                propagation_wait: Duration::ZERO,
            },
            overview: Overview::of(&configured()),
            repeats: Repeats::new(IDEMPOTENCY_SECRETS.parse().unwrap()).waiting(wait),
            metrics: Arc::default(),
            refusals: Arc::clone(&refusals),
            failures: FailureThrottle::default(),
            questions: QuestionThrottle::default(),
        };
        Self {
            router: router(Arc::new(app)),
            clock,
            store,
            follower,
            publisher,
            refusals,
            folder,
        }
    }

    /// Sends a request with these headers, and JSON if there is a body.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if headers.iter().all(|(name, _)| *name != "host") {
            request = request.header("host", HOST);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = match body {
            Some(body) => {
                request = request.header("content-type", "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        self.answer(request.body(body).unwrap()).await
    }

    /// Sends a request with a bearer token, as it comes from this client.
    pub(crate) async fn ask_from(&self, client: SocketAddr, token: &str, method: &str, path: &str) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {token}"))
            .extension(ConnectInfo(client));
        self.answer(request.body(Body::empty()).unwrap()).await
    }

    /// The same with JSON, and without a credential.
    pub(crate) async fn send_from(
        &self,
        client: SocketAddr,
        method: &str,
        path: &str,
        body: &Value,
    ) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", HOST)
            .header("content-type", "application/json")
            .extension(ConnectInfo(client));
        self.answer(request.body(Body::from(body.to_string())).unwrap())
            .await
    }

    /// Sends a request with these headers and this body.
    pub(crate) async fn send_text(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header("host", HOST);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.answer(request.body(Body::from(body.to_owned())).unwrap())
            .await
    }

    /// Whether these bytes stand anywhere in the files of the database.
    pub(crate) fn database_holds(&self, text: &[u8]) -> bool {
        let files = std::fs::read_dir(self.folder.path()).unwrap();
        files.into_iter().any(|file| {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            bytes.windows(text.len()).any(|part| part == text)
        })
    }

    /// How many rows a table has.
    pub(crate) async fn database_rows(&self, table: &str) -> i64 {
        let file = sqlx::sqlite::SqliteConnectOptions::new().filename(self.folder.path().join("keyward.db"));
        let pool = sqlx::SqlitePool::connect_with(file).await.unwrap();
        // The names of tables come from these tests.
        let count = sqlx::AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}"));
        sqlx::query_scalar(count).fetch_one(&pool).await.unwrap()
    }

    /// Keeps every other writer waiting until it is dropped.
    pub(crate) async fn hold_database(&self) -> sqlx::Transaction<'static, sqlx::Sqlite> {
        let file = sqlx::sqlite::SqliteConnectOptions::new().filename(self.folder.path().join("keyward.db"));
        let pool = sqlx::SqlitePool::connect_with(file).await.unwrap();
        pool.begin_with("BEGIN IMMEDIATE").await.unwrap()
    }

    /// Does all work on many keys, as the service does beside requests.
    pub(crate) async fn follow_all(&self) {
        while self.follower.step_any().await.unwrap() != Followed::Nothing {}
    }

    /// Works on many keys and publishes beside requests, as the service does, until it is to stop. Its time passes like ours.
    pub(crate) fn run(&self, stopping: watch::Receiver<bool>) -> JoinHandle<()> {
        let (follower, publisher, clock) = (
            Arc::clone(&self.follower),
            Arc::clone(&self.publisher),
            Arc::clone(&self.clock),
        );
        tokio::spawn(async move {
            let time = async {
                loop {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    clock.advance(1);
                }
            };
            let work = async {
                tokio::join!(follower.run(stopping.clone()), publisher.run(stopping));
            };
            tokio::select! {
                () = time => {}
                () = work => {}
            }
        })
    }

    /// What stands at an address, as text.
    pub(crate) async fn text(&self, path: &str) -> (u16, HeaderMap, String) {
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let bytes = axum::body::to_bytes(answer.into_body(), 1 << 24).await.unwrap();
        (status, headers, String::from_utf8(bytes.into()).unwrap())
    }

    async fn answer(&self, request: Request<Body>) -> Answer {
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let headers = answer.headers().clone();
        let bytes = axum::body::to_bytes(answer.into_body(), 1 << 24).await.unwrap();
        Answer {
            status,
            headers,
            body: serde_json::from_slice(&bytes).unwrap_or_default(),
            text: String::from_utf8_lossy(&bytes).into_owned(),
        }
    }

    /// Sends a request with a bearer token.
    pub(crate) async fn ask(&self, token: &str, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let authorization = format!("Bearer {token}");
        self.send(method, path, &[("authorization", &authorization)], body)
            .await
    }
}

/// Settings to be looked at.
fn configured() -> Settings {
    let ring = "1:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";
    let file = format!(
        r#"admin_token = "{ADMIN_TOKEN}"
        services = ["prediction", "platform"]
        examples = {{ prediction = "POST /v1/predict" }}
        [tag_secrets]
        production = "{ring}"
        [deployments.main]
        environment = "production"
        kv_url = "http://127.0.0.1:9"
        namespace_id = "n"
        record_secrets = "{ring}"
        edge_url = "https://api.example.com"
        sync_secrets = "{ring}""#
    );
    Settings::load(Some(("keyward.toml", &file)), []).unwrap()
}

/// The legacy static key of an organization.
pub(crate) fn static_key(organization: OrganizationId) -> String {
    format!("{organization}|{STATIC_PART}")
}

/// A token of the issuer for this person, good for an hour from [`at`]`(100)` on.
pub(crate) fn user(subject: &str) -> String {
    user_with(json!({ "sub": subject }))
}

/// The same with these claims instead of, or besides, the usual ones; null leaves one out.
pub(crate) fn user_with(claims: Value) -> String {
    let mut all = json!({
        "iss": "https://id.example",
        "aud": "keyward",
        "sub": "somebody",
        "exp": at(3700).as_second(),
    });
    let all = all.as_object_mut().unwrap();
    let Value::Object(claims) = claims else {
        panic!("claims are an object")
    };
    all.extend(claims);
    all.retain(|_, value| !value.is_null());
    let part = |text: String| URL_SAFE_NO_PAD.encode(text);
    let header = part(json!({ "alg": "HS256", "typ": "JWT" }).to_string());
    let text = format!("{header}.{}", part(json!(all).to_string()));
    let key = hmac::Key::new(hmac::HMAC_SHA256, JWT_SECRET);
    let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&key, text.as_bytes()));
    format!("{text}.{signature}")
}
