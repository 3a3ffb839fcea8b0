//! An origin that does what the sample origin need not: it checks what was streamed to it, compresses, and breaks off.

use std::{convert::Infallible, io, net::SocketAddr, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{Path, Request},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::{any, get},
};
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use keyward_tests::origin;
use tower::ServiceExt as _;

use super::server::Server;
use crate::stream::{CHUNK, Comparison, Noise};

/// What `/platform/gzip` sends: any bytes will do, since nobody but the client may unpack them.
pub(crate) const GZIP: &[u8] = &[
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0xff, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00,
    0x86, 0xa6, 0x10, 0x36, 0x05, 0x00, 0x00, 0x00,
];

/// A running origin. Dropping it ends it, and its port refuses connections.
#[derive(Debug)]
pub(crate) struct TestOrigin(Server);

impl TestOrigin {
    pub(crate) fn start(address: SocketAddr) -> Self {
        Self(Server::start(address, router()))
    }

    /// On any free port of this machine.
    pub(crate) fn anywhere() -> Self {
        Self(Server::anywhere(router()))
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.0.address())
    }
}

/// The `Cache-Control` of `/<route>/cacheable`: everyone may share its answer.
pub(crate) const CACHEABLE: &str = "public, max-age=600, s-maxage=600";

fn router() -> Router {
    Router::new()
        .route("/{route}/cacheable", get(cacheable))
        .route("/platform/compare", any(compare))
        .route("/platform/noise/{length}", get(noise))
        .route("/platform/gzip", get(gzip))
        .route("/platform/broken", get(broken))
        .route("/platform/breaks-off", get(breaks_off))
        .fallback_service(origin::router())
}

/// What the body was, compared while it comes in: how long, and whether it is noise.
async fn compare(request: Request) -> Result<String, StatusCode> {
    let body = request.into_body().into_data_stream();
    let comparison = body.try_fold(Comparison::default(), |comparison, chunk| async move {
        Ok(comparison.and(&chunk))
    });
    let comparison = comparison.await.map_err(|_| StatusCode::BAD_REQUEST)?;
    Ok(format!("{comparison:?}"))
}

/// Bytes that no compression makes fewer.
async fn noise(Path(length): Path<usize>) -> Response {
    let chunks = stream::iter(Noise::of(length)).map(|chunk| Ok::<_, Infallible>(Bytes::from_static(chunk)));
    let length = [(header::CONTENT_LENGTH, length.to_string())];
    (length, Body::from_stream(chunks)).into_response()
}

/// What the sample origin says, for any cache to keep.
async fn cacheable(request: Request) -> Response {
    let mut answer = origin::router().oneshot(request).await.into_response();
    let generous = [
        ("cache-control", CACHEABLE),
        ("cdn-cache-control", "max-age=600"),
        ("surrogate-control", "max-age=600"),
    ];
    for (name, value) in generous {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer
}

async fn gzip(headers: HeaderMap) -> Response {
    let asked = headers
        .get(header::ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok());
    if asked.is_some_and(|value| value.contains("gzip")) {
        (
            [(header::CONTENT_ENCODING, "gzip"), (header::ETAG, "\"packed\"")],
            GZIP,
        )
            .into_response()
    } else {
        "hello".into_response()
    }
}

/// An answer that ends before its head does.
async fn broken() -> Response {
    // hyper sends the head with the first bytes of the body; an error instead of those closes the connection.
    Body::from_stream(stream::once(async {
        Err::<Bytes, _>(io::Error::other("planned"))
    }))
    .into_response()
}

/// An answer whose body ends too early.
async fn breaks_off() -> Response {
    let body = stream::once(async { Ok(Bytes::from(vec![b'x'; CHUNK])) }).chain(stream::once(async {
        // So that the first bytes are on their way before the connection breaks.
        tokio::time::sleep(Duration::from_millis(200)).await;
        Err(io::Error::other("planned"))
    }));
    (
        [(header::CONTENT_LENGTH, (10 * CHUNK).to_string())],
        Body::from_stream(body),
    )
        .into_response()
}
