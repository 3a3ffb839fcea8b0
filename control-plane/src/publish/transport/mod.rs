//! What the ways over HTTP have in common: how a client is set up, and what a failed exchange means.

use std::{net::IpAddr, time::Duration};

use jiff::Timestamp;
use reqwest::{
    Client, Url,
    header::{HeaderMap, RETRY_AFTER},
    redirect,
};

mod retry_after;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A client for one address. The process-wide TLS provider must have been installed.
///
/// # Errors
/// Why it cannot be set up, for people.
pub(crate) fn client(address: &Url, timeout: Duration) -> Result<Client, String> {
    let mut builder = Client::builder()
        .user_agent(concat!("keyward/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(timeout)
        // Tokens and records go to the configured address and nowhere else.
        .redirect(redirect::Policy::none());
    if is_on_this_machine(address) {
        // A proxy could not reach the runtime on this machine.
        builder = builder.no_proxy();
    }
    builder.build().map_err(|error| error.without_url().to_string())
}

/// Whether what is sent to an address stays on this machine.
pub(crate) fn is_on_this_machine(address: &Url) -> bool {
    address.host_str().is_some_and(is_loopback)
}

/// Whether a host, as addresses write it, is this machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// How long an answer asks to wait.
pub(crate) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    retry_after::parse(headers.get(RETRY_AFTER)?.to_str().ok()?, now)
}

/// An exchange that came to no answer. The address is left out: what it holds is nobody's business but the settings'.
pub(crate) enum Failure {
    /// Nothing was sent.
    Unreachable(&'static str),
    /// No answer in time; what was sent may have been acted on.
    TimedOut,
    /// It broke off; likewise.
    Broken,
}

impl From<reqwest::Error> for Failure {
    fn from(error: reqwest::Error) -> Self {
        // A connection that never came about has carried nothing, also when what failed was its time limit.
        if error.is_connect() {
            Self::Unreachable(if error.is_timeout() {
                "no answer in time"
            } else {
                "no connection"
            })
        } else if error.is_timeout() {
            Self::TimedOut
        } else if error.is_builder() {
            Self::Unreachable("the request could not be made")
        } else {
            Self::Broken
        }
    }
}
