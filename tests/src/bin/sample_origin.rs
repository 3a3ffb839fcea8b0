//! The program `sample-origin`: an origin behind the Worker that answers any request with what it received.
//!
//! `sample-origin [--listen <address>:<port>] [--edge <URL of the Worker> --issuer <iss>] [--audience <origin>] [--require-assertion]`
//!
//! - `--listen`: default 127.0.0.1 and the port in `KEYWARD_ORIGIN_PORT`, or 9000.
//! - `--edge`, `--issuer`: verifies `Keyward-Assertion` with the keys of this Worker, and shows what it says.
//! - `--audience`: how the Worker names this origin; default `http://<address>:<port>`.
//! - `--require-assertion`: refuses what did not pass the Worker.
//!
//! It ends on SIGTERM and SIGINT.

use std::{env, net::SocketAddr, process::ExitCode};

use anyhow::{Context as _, Result, bail};
use axum::Router;
use keyward_tests::{assertion::Guard, origin};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

/// The port that the Worker's routes.toml names.
const DEFAULT_PORT: u16 = 9000;
const USAGE: &str = "usage: sample-origin [--listen <address>:<port>] [--edge <URL> --issuer <iss>] [--audience <origin>] [--require-assertion]";

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sample-origin: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    let options = Options::read(env::args().skip(1), env::var("KEYWARD_ORIGIN_PORT").ok())?;
    let router = options.router()?;
    let address = options.listen;
    let mut terminate = signal(SignalKind::terminate()).context("cannot handle SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot handle SIGINT")?;
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}"))?;
    println!("listening on http://{}", listener.local_addr()?);

    // Ends at once: there is nothing to lose, and a stream under way may never end.
    tokio::select! {
        served = axum::serve(listener, router).into_future() => Ok(served?),
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    }
}

/// What it is told to do.
struct Options {
    listen: SocketAddr,
    edge: Option<String>,
    issuer: Option<String>,
    audience: Option<String>,
    requires_assertion: bool,
}

impl Options {
    fn read(mut arguments: impl Iterator<Item = String>, port: Option<String>) -> Result<Self> {
        let mut options = Self {
            listen: SocketAddr::from(([127, 0, 0, 1], default_port(port)?)),
            edge: None,
            issuer: None,
            audience: None,
            requires_assertion: false,
        };
        while let Some(option) = arguments.next() {
            if option == "--require-assertion" {
                options.requires_assertion = true;
                continue;
            }
            let value = arguments.next().context(USAGE)?;
            match option.as_str() {
                "--listen" => {
                    options.listen = value.parse().with_context(|| {
                        format!("--listen is `{value}`; it must be like 127.0.0.1:{DEFAULT_PORT}")
                    })?;
                }
                "--edge" => options.edge = Some(value),
                "--issuer" => options.issuer = Some(value),
                "--audience" => options.audience = Some(value),
                _ => bail!(USAGE),
            }
        }
        Ok(options)
    }

    fn router(&self) -> Result<Router> {
        let (edge, issuer) = match (&self.edge, &self.issuer) {
            (Some(edge), Some(issuer)) => (edge, issuer),
            (None, None) if !self.requires_assertion => return Ok(origin::router()),
            _ => bail!("to verify assertions, --edge and --issuer are both needed; {USAGE}"),
        };
        let own = format!("http://{}", self.listen);
        let audience = self.audience.as_ref().unwrap_or(&own);
        let guard = Guard::new(edge, issuer, audience, self.requires_assertion)?;
        Ok(origin::guarded_router(guard))
    }
}

fn default_port(port: Option<String>) -> Result<u16> {
    match port.filter(|port| !port.is_empty()) {
        None => Ok(DEFAULT_PORT),
        Some(port) => port
            .parse()
            .with_context(|| format!("KEYWARD_ORIGIN_PORT is `{port}`; it must be a port")),
    }
}
