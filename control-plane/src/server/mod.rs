//! The server under the API: HTTP/1.1 over TCP, with bounds on what a client may take of it.
//!
//! A connection carries one request at a time, so what bounds a client's connections bounds its requests. Who has sent no request
//! yet makes room when all places are taken; a right credential is never refused for what others do.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::ConnectInfo};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};
use tower::ServiceExt as _;

mod places;
mod writing;

use places::Place;
pub use places::{Places, PlacesTaken};
use writing::Bounded;

/// The most bytes of a request's head. A user token takes 8 KiB of it.
pub const MAX_HEAD_BYTES: usize = 32 * 1024;
/// The most headers of a request.
const MAX_HEADERS: usize = 100;
/// How long after it has connected a client may take until its first request's head is there.
pub const FIRST_REQUEST_WITHIN: Duration = Duration::from_secs(10);
/// How long a connection may wait for its next request, head included.
const NEXT_REQUEST_WITHIN: Duration = Duration::from_secs(75);
/// How long to wait before the next connection is taken when the system has none left.
const OUT_OF_FILES: Duration = Duration::from_millis(50);

/// Serves until `stopping` turns true, and then until the requests under way have been answered.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    places: Arc<Places>,
    mut stopping: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopping.wait_for(|stop| *stop) => break,
        };
        // Those that have ended.
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((stream, client)) => {
                if let Some(place) = places.take(client.ip()) {
                    connections.spawn(converse(stream, client, router.clone(), place, stopping.clone()));
                }
            }
            Err(error) => {
                tracing::warn!(%error, "cannot take a connection");
                tokio::time::sleep(OUT_OF_FILES).await;
            }
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Answers one client's requests, one after the other.
async fn converse(
    stream: TcpStream,
    client: SocketAddr,
    router: Router,
    place: Place,
    mut stopping: watch::Receiver<bool>,
) {
    // Answers are written whole; waiting for more would only delay them.
    let _ = stream.set_nodelay(true);
    let place = Arc::new(place);
    let answering = {
        let place = Arc::clone(&place);
        service_fn(move |request: hyper::Request<Incoming>| {
            place.begin();
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(client));
            router.clone().oneshot(request)
        })
    };
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(NEXT_REQUEST_WITHIN)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(Bounded::new(stream)), answering);
    tokio::pin!(connection);
    let first = tokio::time::sleep(FIRST_REQUEST_WITHIN);
    tokio::pin!(first);
    let (mut is_first, mut is_ending) = (true, false);
    loop {
        tokio::select! {
            // How a connection ended is no news: clients go away.
            _ended = &mut connection => return,
            () = &mut first, if is_first => {
                is_first = false;
                if !place.has_begun() {
                    return;
                }
            }
            () = place.taken_away() => return,
            _ = stopping.wait_for(|stop| *stop), if !is_ending => {
                is_ending = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}
