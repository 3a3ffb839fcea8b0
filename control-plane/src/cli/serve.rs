//! `keyward serve`.

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal as _},
    net::SocketAddr,
    pin::pin,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, anyhow};
use clap::Args;
use rustix::process::{Resource, Rlimit};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::watch,
};
use tracing_subscriber::EnvFilter;

use super::configuration::Configuration;
use crate::{
    audit::Refusals,
    clock::{Clock as _, SystemClock, SystemEntropy, new_id},
    crash::{Point, crash_point},
    domain::OrganizationId,
    expiry,
    http::{App, FailureThrottle, QuestionThrottle, Repeats, Rules, router},
    metrics::{self, Metrics, Sources},
    oidc::{PublishedAt, PublishedKeys, SignIn, TokenKeys, UserTokens},
    publish::{CloudflareKv, Deployment, Deployments, Edge, EdgeClient, Follower, Publisher, Reconciler},
    retention::Retention,
    server::{self, Places},
    settings::{DeploymentSettings, JwtKeys, JwtSettings, LogFormat, Overview, ServerSettings, Settings},
    sweep,
};

/// What is logged when `KEYWARD_LOG` says nothing.
const DEFAULT_LOG: &str = "info,sqlx=warn,hyper=warn";
/// How long requests under way may take to end, before the process ends without them. What is due for the edge has the same time, or
/// `drain_seconds` if that is longer.
const GRACE: Duration = Duration::from_secs(4);
/// How long the batch in flight may take to end after that.
const LAST_BATCH: Duration = Duration::from_secs(2);
/// Files that are no connections of clients: the database, and the ways to the edge.
const FILES_OF_OUR_OWN: usize = 256;

#[derive(Args)]
pub(super) struct Serve {
    #[command(flatten)]
    configuration: Configuration,
}

impl Serve {
    /// Serves until SIGINT or SIGTERM.
    pub(super) fn run(self) -> anyhow::Result<()> {
        let settings = self.configuration.settings()?;
        start_log(settings.log_format)?;
        tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .context("cannot start the runtime")?
            .block_on(serve(settings))
    }
}

fn start_log(format: LogFormat) -> anyhow::Result<()> {
    let directives = std::env::var("KEYWARD_LOG").unwrap_or_else(|_| DEFAULT_LOG.to_owned());
    let filter = EnvFilter::try_new(&directives).map_err(|error| {
        anyhow!("KEYWARD_LOG: `{directives}` is not a list such as `info,sqlx=warn`: {error}")
    })?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr);
    match format {
        LogFormat::Pretty => builder.init(),
        LogFormat::Json => builder.json().init(),
    }
    Ok(())
}

async fn serve(settings: Settings) -> anyhow::Result<()> {
    // reqwest is built without a provider, so that `ring` is the only one there is.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let clock = Arc::new(SystemClock);
    let overview = Overview::of(&settings);
    let entropy = Arc::new(SystemEntropy);
    let database = settings.database.clone();
    let store = database
        .open()
        .await
        .with_context(|| format!("cannot open {database}"))?;
    crash_point(Point::Opened);
    let now = clock.now();
    let fresh = || OrganizationId(new_id(now, entropy.as_ref()));
    let wanted = settings.default_organization.unwrap_or_else(fresh);
    let organization = store.prepare(wanted, &settings.brands, now).await?;
    if settings
        .default_organization
        .is_some_and(|wanted| wanted != organization)
    {
        tracing::warn!(
            %organization,
            "the database has a default organization already, with another id than default_organization_id"
        );
    }
    if let Some(key) = &settings.static_key
        && store.organization(key.organization()).await?.is_none()
    {
        tracing::warn!(
            organization = %key.organization(),
            "API_KEY names an organization that does not exist, so it opens nothing"
        );
    }
    settings
        .tag_secrets
        .check_cover(&store.tag_secrets_in_use(now).await?)?;
    let deployments = connect(settings.deployments, &clock, &entropy)?;
    let process = new_id(now, entropy.as_ref()).to_string();
    let publisher = Arc::new(Publisher::new(
        Arc::clone(&store),
        &deployments,
        clock.clone(),
        entropy.clone(),
        process,
    ));
    publisher.look_back().await;
    let reconciler = Reconciler::new(Arc::clone(&publisher));
    let reconciler = Arc::new(reconciler.keeping_ended_names(settings.retention.ended_names()));
    let follower = Arc::new(Follower::new(
        Arc::clone(&store),
        deployments.clone(),
        Arc::clone(&publisher),
    ));
    let user_tokens = settings.jwt.map(|jwt| user_tokens(jwt, &clock)).transpose()?;
    let sealer = settings.sealer;
    let sign_in = settings
        .oidc
        .map(|oidc| SignIn::new(oidc, sealer.clone(), clock.clone()));
    let rules = Rules {
        admin_token: settings.admin_token,
        static_key: settings.static_key,
        github_keys: settings.github_keys,
        public_url: settings.public_url,
        session_times: settings.session,
        services: settings.services,
        brands: settings.brands,
        tag_secrets: settings.tag_secrets,
        unused_after_days: settings.unused_after_days,
        ready_lag: settings.server.ready_lag,
        propagation_wait: settings.propagation_wait,
    };
    let metrics = Arc::new(Metrics::default());
    let places = Arc::new(places(&settings.server));
    let sources = Arc::new(Sources {
        metrics: Arc::clone(&metrics),
        publisher: Arc::clone(&publisher),
        places: Arc::clone(&places),
        clock: clock.clone(),
    });
    let (stop, stopping) = watch::channel(false);
    tokio::spawn(sweep::forget(
        Arc::clone(&store),
        clock.clone(),
        settings.session.idle,
        stopping.clone(),
    ));
    tokio::spawn(expiry::watch(
        Arc::clone(&store),
        clock.clone(),
        entropy.clone(),
        stopping.clone(),
    ));
    let retention = Retention::new(
        Arc::clone(&store),
        clock.clone(),
        entropy.clone(),
        settings.retention,
    );
    tokio::spawn(retention.run(stopping.clone()));
    let refusals = Arc::new(Refusals::new(Arc::clone(&store), clock.clone(), entropy.clone()));
    let app = Arc::new(App {
        store,
        deployments,
        publisher: Arc::clone(&publisher),
        reconciler: Arc::clone(&reconciler),
        follower: Arc::clone(&follower),
        clock,
        entropy,
        default_organization: organization,
        user_tokens,
        sign_in,
        rules,
        overview,
        repeats: Repeats::new(sealer),
        metrics,
        refusals: Arc::clone(&refusals),
        failures: FailureThrottle::default(),
        questions: QuestionThrottle::default(),
    });

    let listener = listen(settings.listen, "KEYWARD_LISTEN").await?;
    let (stop_serving, serving_ends) = watch::channel(false);
    if let Some(address) = settings.server.metrics_listen {
        let listener = listen(address, "KEYWARD_METRICS_LISTEN").await?;
        tracing::info!(address = %listener.local_addr()?, "serving metrics");
        tokio::spawn(metrics::serve(listener, sources, stopping.clone()));
    }
    let draining = Arc::clone(&publisher);
    let publishing = tokio::spawn(publisher.run(stopping.clone()));
    let following = {
        let stopping = stopping.clone();
        tokio::spawn(async move { follower.run(stopping).await })
    };
    let chaining = {
        let (refusals, stopping) = (Arc::clone(&refusals), stopping.clone());
        tokio::spawn(async move { refusals.run(stopping).await })
    };
    if let Some(interval) = settings.reconcile_interval {
        let stopping = stopping.clone();
        tokio::spawn(async move { reconciler.run_every(interval, stopping).await });
    }
    tracing::info!(address = %listener.local_addr()?, %database, "serving");
    let mut serving = tokio::spawn(server::serve(listener, router(app), places, serving_ends));
    tokio::select! {
        () = terminated() => {}
        ended = &mut serving => return ended.context("the server ended"),
    }
    tracing::info!("stopping");
    let mut time_is_over = pin!(tokio::time::sleep(settings.server.drain.max(GRACE)));
    stop_serving.send_replace(true);
    if tokio::time::timeout(GRACE, serving).await.is_err() {
        tracing::warn!(
            "some requests did not end in time; what they changed is committed or was never begun"
        );
    }
    // What was changed until now still reaches the edge, if the edge takes it.
    let is_drained = tokio::select! {
        is_drained = draining.drained_within(settings.server.drain) => is_drained,
        () = &mut time_is_over => false,
    };
    if !is_drained {
        tracing::warn!("some changes have not reached the edge; they are published after the next start");
    }
    stop.send_replace(true);
    let ended = tokio::time::timeout(LAST_BATCH, async {
        let chained = async {
            let _ = chaining.await;
            refusals.flush(true).await;
        };
        let _ = tokio::join!(publishing, following, chained);
    });
    if ended.await.is_err() {
        tracing::warn!(
            "what was being published did not end in time; it is published anew after the next start"
        );
    }
    tracing::info!("stopped");
    Ok(())
}

async fn listen(address: SocketAddr, variable: &str) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).await;
    listener.with_context(|| format!("cannot listen on {address}; is it in use? {variable} sets another"))
}

/// As many places as are wanted, and as the system has files for.
fn places(settings: &ServerSettings) -> Places {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let files = match rustix::process::setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    let files = files.map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(usize::MAX));
    let room = files.saturating_sub(FILES_OF_OUR_OWN).max(1);
    if room < settings.max_connections {
        tracing::warn!(
            connections = room,
            "the system allows {files} open files, so there are fewer connections than max_connections"
        );
    }
    Places::new(
        settings.max_connections.min(room),
        settings.connections_per_client,
    )
}

/// Clients for each deployment's namespace and, if it has one, its edge.
fn connect(
    settings: BTreeMap<String, DeploymentSettings>,
    clock: &Arc<SystemClock>,
    entropy: &Arc<SystemEntropy>,
) -> anyhow::Result<Deployments> {
    if settings.is_empty() {
        tracing::warn!("no deployment is configured: keys are made, but no edge hears of them");
    }
    let connect = |(id, settings): (String, DeploymentSettings)| -> anyhow::Result<Deployment> {
        let kv = CloudflareKv::new(settings.endpoint, clock.clone())
            .with_context(|| format!("cannot set up the deployment {id}"))?;
        let sync_secrets = settings.edge.as_ref().map(|edge| edge.sync_secrets.clone());
        let edge = settings.edge.map(|edge| {
            EdgeClient::new(
                edge.endpoint,
                id.clone(),
                edge.sync_secrets,
                clock.clone(),
                entropy.clone(),
            )
        });
        let edge = edge
            .transpose()
            .with_context(|| format!("cannot set up the edge of the deployment {id}"))?;
        Ok(Deployment {
            id,
            environment: settings.environment,
            record_secrets: settings.record_secrets,
            kv: Arc::new(kv),
            edge: edge.map(|edge| Arc::new(edge) as Arc<dyn Edge>),
            sync_secrets,
        })
    };
    let deployments: Vec<Deployment> = settings.into_iter().map(connect).collect::<Result<_, _>>()?;
    Ok(Deployments::new(deployments))
}

/// What takes user tokens.
fn user_tokens(settings: JwtSettings, clock: &Arc<SystemClock>) -> anyhow::Result<UserTokens> {
    let keys = match settings.keys {
        JwtKeys::Shared(key) => {
            tracing::warn!(
                "user tokens are verified with a shared secret, which is for development only: whoever knows it is \
                 whoever it likes"
            );
            TokenKeys::Shared(key)
        }
        JwtKeys::Published {
            endpoint,
            cooldown,
            max_age,
        } => {
            let source = PublishedAt::new(&endpoint)
                .map_err(|error| anyhow!("cannot set up the client for the issuer's keys: {error}"))?;
            TokenKeys::Published(Arc::new(PublishedKeys::new(
                Box::new(source),
                clock.clone(),
                cooldown,
                max_age,
            )))
        }
    };
    Ok(UserTokens::new(
        settings.issuer,
        settings.audience,
        keys,
        clock.clone(),
    ))
}

/// Ends on SIGINT or SIGTERM.
async fn terminated() {
    match (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) {
        (Ok(mut interrupt), Ok(mut terminate)) => {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        }
        // Without handlers the signals end the process by themselves.
        _ => std::future::pending().await,
    }
}
