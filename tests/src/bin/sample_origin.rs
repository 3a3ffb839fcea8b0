//! The program `sample-origin`: an origin behind the Worker that answers any request with what it received.
//!
//! `sample-origin [--listen <address>:<port>]`; without the argument it listens on 127.0.0.1 and the port in `KEYWARD_ORIGIN_PORT`, or 9000.
//! It ends on SIGTERM and SIGINT.

use std::{env, net::SocketAddr, process::ExitCode};

use anyhow::{Context as _, Result, bail};
use keyward_tests::origin;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

/// The port that the Worker's routes.toml names.
const DEFAULT_PORT: u16 = 9000;

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
    let arguments: Vec<_> = env::args().skip(1).collect();
    let address = address(&arguments, env::var("KEYWARD_ORIGIN_PORT").ok())?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot handle SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot handle SIGINT")?;
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}"))?;
    println!("listening on http://{}", listener.local_addr()?);

    // Ends at once: there is nothing to lose, and a stream under way may never end.
    tokio::select! {
        served = axum::serve(listener, origin::router()).into_future() => Ok(served?),
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    }
}

fn address(arguments: &[String], port: Option<String>) -> Result<SocketAddr> {
    match arguments {
        [] => {
            let port = match port.filter(|port| !port.is_empty()) {
                Some(port) => port
                    .parse()
                    .with_context(|| format!("KEYWARD_ORIGIN_PORT is `{port}`; it must be a port"))?,
                None => DEFAULT_PORT,
            };
            Ok(SocketAddr::from(([127, 0, 0, 1], port)))
        }
        [option, address] if option == "--listen" => address
            .parse()
            .with_context(|| format!("--listen is `{address}`; it must be like 127.0.0.1:{DEFAULT_PORT}")),
        _ => bail!("usage: sample-origin [--listen <address>:<port>]"),
    }
}
