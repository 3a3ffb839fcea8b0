//! An origin that tells what reached it: for people who try Keyward, and for tests of what the Worker forwards.
//!
//! Any request is answered with 200 and JSON:
//!
//! ```json
//! {
//!   "method": "POST",
//!   "path": "/v1/predict",
//!   "query": "a=1",
//!   "headers": { "content-type": "text/plain" },
//!   "body_bytes": 12
//! }
//! ```
//!
//! Behind a [`Guard`] there is also `assertion`: `{ "verified": { … } }` with the claims of `Keyward-Assertion`, or `{ "refused": "…" }`
//! with the reason why it is not believed. A strict one refuses such requests. `GET /healthz` is always answered with 200.
//!
//! `path` and `query` are as they came, not decoded; `query` is empty when there is none. Names of headers are in lower case; the values of one that
//! came several times are joined with `", "`. A body is counted while it comes in, and never held.
//!
//! Parameters of the query ask for something else. They can be combined; one that cannot be understood is answered with 400:
//!
//! | parameter | answer |
//! |---|---|
//! | `status=<code>` | this status |
//! | `location=<URL>` | a `Location` header, for a redirect |
//! | `download_bytes=<n>` | `application/octet-stream` of n zero bytes, streamed, in the place of JSON |
//! | `sleep_ms=<n>` | the head of the answer is held back for n milliseconds |

use std::{collections::BTreeMap, convert::Infallible, iter, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::{Body, BodyDataStream},
    extract::{Query, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::{Deserialize, Serialize};

use crate::assertion::{Claims, Guard};

/// How much of a download is handed over at a time, in bytes.
const CHUNK: usize = 64 * 1024;

/// What one request brought.
#[derive(Debug, Serialize)]
struct Received {
    method: String,
    path: String,
    query: String,
    headers: BTreeMap<String, String>,
    body_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    assertion: Option<Assertion>,
}

/// What came of the assertion.
#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum Assertion {
    Verified(Claims),
    Refused(String),
}

/// What the query asks for. Parameters that are not listed here are nobody's business: they are in the answer.
#[derive(Debug, Default, Deserialize)]
struct Wish {
    status: Option<u16>,
    location: Option<String>,
    download_bytes: Option<usize>,
    sleep_ms: Option<u64>,
}

/// Answers every method and path of everyone.
pub fn router() -> Router {
    router_behind(None)
}

/// Answers every method and path, once the guard has seen the request.
pub fn guarded_router(guard: Guard) -> Router {
    router_behind(Some(Arc::new(guard)))
}

fn router_behind(guard: Option<Arc<Guard>>) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .fallback(answer)
        .with_state(guard)
}

async fn answer(State(guard): State<Option<Arc<Guard>>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let assertion = match guard {
        None => None,
        Some(guard) => match guard.verifier.verify(&head.headers).await {
            Ok(claims) => Some(Assertion::Verified(claims)),
            Err(refused) if guard.is_strict => return refused.into_response(),
            Err(refused) => Some(Assertion::Refused(refused.detail())),
        },
    };
    let wish = match Query::<Wish>::try_from_uri(&head.uri) {
        Ok(Query(wish)) => wish,
        Err(rejection) => return rejection.into_response(),
    };
    let status = match wish.status.map(StatusCode::from_u16).transpose() {
        Ok(status) => status.unwrap_or(StatusCode::OK),
        Err(_) => return (StatusCode::BAD_REQUEST, "status must be 100 to 999").into_response(),
    };
    let location = match wish.location.as_deref().map(HeaderValue::from_str).transpose() {
        Ok(location) => location,
        Err(_) => return (StatusCode::BAD_REQUEST, "location must be a header value").into_response(),
    };

    let Ok(body_bytes) = count(body.into_data_stream()).await else {
        return (StatusCode::BAD_REQUEST, "the body broke off").into_response();
    };
    if let Some(sleep_ms) = wish.sleep_ms {
        tokio::time::sleep(Duration::from_millis(sleep_ms)).await;
    }
    let mut response = match wish.download_bytes {
        Some(count) => download(count),
        None => Json(Received {
            method: head.method.to_string(),
            path: head.uri.path().to_owned(),
            query: head.uri.query().unwrap_or_default().to_owned(),
            headers: joined(&head.headers),
            body_bytes,
            assertion,
        })
        .into_response(),
    };
    *response.status_mut() = status;
    if let Some(location) = location {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

async fn count(body: BodyDataStream) -> Result<u64, axum::Error> {
    // Bytes of a body fit into 64 bits on every machine.
    body.try_fold(0_u64, |sum, chunk| async move { Ok(sum + chunk.len() as u64) })
        .await
}

fn joined(headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut joined = BTreeMap::<String, String>::new();
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        joined
            .entry(name.as_str().to_owned())
            .and_modify(|before| {
                before.push_str(", ");
                before.push_str(&value);
            })
            .or_insert_with(|| value.clone().into_owned());
    }
    joined
}

fn download(count: usize) -> Response {
    let chunk = Bytes::from_static(&[0; CHUNK]);
    let whole = stream::iter(iter::repeat_n(chunk.clone(), count / CHUNK));
    let rest = stream::once(async move { chunk.slice(..count % CHUNK) });
    let body = Body::from_stream(whole.chain(rest).map(Ok::<_, Infallible>));
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/octet-stream"),
        ),
        (header::CONTENT_LENGTH, HeaderValue::from(count)),
    ];
    (headers, body).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use serde_json::{Value, json};
    use tower::ServiceExt as _;

    use super::*;

    async fn ask(request: Request) -> (StatusCode, HeaderMap, Bytes) {
        let (head, body) = router().oneshot(request).await.unwrap().into_parts();
        (
            head.status,
            head.headers,
            to_bytes(body, usize::MAX).await.unwrap(),
        )
    }

    fn get(uri: &str) -> Request {
        Request::builder().uri(uri).body(Body::empty()).unwrap()
    }

    #[tokio::test]
    async fn it_tells_what_it_received() {
        let request = Request::builder()
            .method("PATCH")
            .uri("/a%2Fb/c?x=1&y=%20")
            .header("X-One", "1")
            .header("X-Two", "2")
            .header("x-two", "zwei")
            .body(Body::from("0123456789"))
            .unwrap();
        let (status, _, body) = ask(request).await;
        assert_eq!(status, StatusCode::OK);
        let body: Value = serde_json::from_slice(&body).unwrap();
        let expected = json!({
            "method": "PATCH",
            "path": "/a%2Fb/c",
            "query": "x=1&y=%20",
            "headers": { "x-one": "1", "x-two": "2, zwei" },
            "body_bytes": 10,
        });
        assert_eq!(body, expected);
    }

    #[tokio::test]
    async fn behind_a_guard_it_tells_what_is_believed_or_refuses() {
        for is_strict in [false, true] {
            let guard = Guard::new("http://127.0.0.1:9", "urn:x", "https://api.example", is_strict).unwrap();
            let router = guarded_router(guard);
            let health = router.clone().oneshot(get("/healthz")).await.unwrap();
            assert_eq!(health.status(), StatusCode::OK);
            let answer = router.oneshot(get("/x")).await.unwrap();
            if is_strict {
                assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
            } else {
                let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
                let body: Value = serde_json::from_slice(&body).unwrap();
                assert!(body["assertion"]["refused"].is_string(), "{body}");
            }
        }
    }

    #[tokio::test]
    async fn a_large_body_is_counted() {
        let chunks = stream::iter(iter::repeat_n(
            Ok::<_, Infallible>(Bytes::from(vec![7; 100_000])),
            50,
        ));
        let request = Request::builder()
            .method("POST")
            .uri("/")
            .body(Body::from_stream(chunks))
            .unwrap();
        let (_, _, body) = ask(request).await;
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body.get("body_bytes"), Some(&json!(5_000_000)));
    }

    #[tokio::test]
    async fn the_query_asks_for_other_answers() {
        let (status, headers, _) = ask(get("/?status=302&location=https://example.com/x")).await;
        assert_eq!(status, StatusCode::FOUND);
        assert_eq!(headers.get("location").unwrap(), "https://example.com/x");

        let (_, headers, body) = ask(get("/?download_bytes=70000&sleep_ms=1")).await;
        assert_eq!(body.len(), 70_000);
        assert_eq!(headers.get("content-type").unwrap(), "application/octet-stream");
    }

    #[tokio::test]
    async fn a_wish_that_is_not_understood_is_refused() {
        for query in [
            "status=abc",
            "status=1",
            "download_bytes=-1",
            "sleep_ms=x",
            "location=%0A",
        ] {
            let (status, _, _) = ask(get(&format!("/?{query}"))).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{query}");
        }
    }
}
