//! The KV endpoint that records go to: takes every call, takes its time for it, and counts what is in it.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use xtask::{clock::Stopwatch, interrupt::Interrupt, progress::Step};

use super::service::{DEPLOYMENT, Service};
use crate::{line::Line, stand_in::StandIn};

/// The most pairs of one call: a limit of Workers KV.
const FULL_CALL: u32 = 10_000;
/// How many full calls are timed by themselves.
const CALLS_ALONE: u32 = 5;
/// Begins each pair of a key in a body: names and values are escaped, so nowhere else does this stand.
const PAIR: &[u8] = b"{\"key\":\"k1:";

/// A server on this machine with the paths of Cloudflare's API.
pub(crate) struct Endpoint {
    server: StandIn,
    pairs: Arc<AtomicU64>,
}

/// What a full publish took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Publish {
    /// From the start of the service until the last record had arrived.
    pub(crate) took: Duration,
    /// Calls made for it.
    pub(crate) calls: u64,
}

impl Endpoint {
    /// `call` is what it takes for each call, whatever is in it. Calls at the same time do not wait for each other.
    pub(crate) fn start(call: Duration) -> Result<Self> {
        let pairs = Arc::<AtomicU64>::default();
        let counter = Arc::clone(&pairs);
        let server = StandIn::answering(move |request| {
            let count = request
                .body
                .windows(PAIR.len())
                .filter(|bytes| *bytes == PAIR)
                .count() as u64;
            thread::sleep(call);
            counter.fetch_add(count, Ordering::Relaxed);
            json!({
                "success": true,
                "errors": [],
                "messages": [],
                "result": { "successful_key_count": count, "unsuccessful_keys": [], "values": {} },
            })
            .to_string()
        })?;
        Ok(Self { server, pairs })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// How long it takes for a full call, when such calls come one after the other and are ready to be sent.
    pub(crate) fn time_of_full_calls(&self, interrupt: &Interrupt) -> Result<Duration> {
        // As long as a record of ours with its MAC.
        let value = "x".repeat(520);
        let pairs: Vec<_> = (0..FULL_CALL)
            .map(|number| json!({ "key": format!("k1:{number:064x}"), "value": value }))
            .collect();
        let body = serde_json::to_string(&pairs)?;
        let call = format!(
            "PUT /storage/kv/namespaces/{DEPLOYMENT}/bulk HTTP/1.1\r\nHost: kv\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut line = Line::open(self.address())?;
        let watch = Stopwatch::start();
        for _ in 0..CALLS_ALONE {
            interrupt.check()?;
            ensure!(
                line.ask(&call)?.status() == Some(200),
                "the KV endpoint refused a call"
            );
        }
        let took = watch.elapsed() / CALLS_ALONE;
        let counted = self.pairs.swap(0, Ordering::Relaxed);
        ensure!(
            counted == u64::from(FULL_CALL * CALLS_ALONE),
            "the KV endpoint counted {counted} pairs"
        );
        Ok(took)
    }

    /// Waits until so many records have arrived; [`Endpoint::time_of_full_calls`] came before.
    pub(crate) fn wait_for_all(
        &self,
        keys: u32,
        service: &mut Service,
        interrupt: &Interrupt,
        step: &mut Step,
    ) -> Result<Publish> {
        loop {
            let pairs = self.pairs.load(Ordering::Relaxed);
            if pairs >= u64::from(keys) {
                break;
            }
            step.tick(|| format!("{pairs} records"));
            service.ensure_runs().context("while it published")?;
            interrupt.pause()?;
        }
        Ok(Publish {
            took: service.started.elapsed(),
            calls: self.server.requests() - u64::from(CALLS_ALONE),
        })
    }
}
