use axum::{
    body::to_bytes,
    http::{HeaderMap, HeaderName, StatusCode},
};

use super::*;
use crate::http::web::assets::Asset;

const SCRIPT: &str = "/assets/index-4f2a.js";

fn site() -> Site {
    Site::of(&[
        Asset {
            path: "/index.html",
            bytes: b"<!doctype html>page",
            gzip: Some(b"page, compressed"),
        },
        Asset {
            path: SCRIPT,
            bytes: b"script",
            gzip: Some(b"script, compressed"),
        },
        Asset {
            path: "/favicon.svg",
            bytes: b"<svg/>",
            gzip: None,
        },
    ])
}

fn accepting(pairs: &[(HeaderName, &'static str)]) -> Accepted {
    let headers: HeaderMap = pairs
        .iter()
        .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
        .collect();
    Accepted::of(&headers)
}

fn html() -> Accepted {
    accepting(&[(header::ACCEPT, "text/html,application/xhtml+xml,*/*;q=0.8")])
}

fn header_of(response: &Response, name: HeaderName) -> &str {
    response
        .headers()
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

async fn body(response: Response) -> String {
    let bytes = to_bytes(response.into_body(), 4096).await.unwrap();
    String::from_utf8(bytes.into()).unwrap()
}

#[tokio::test]
async fn files_are_what_they_are_and_those_with_a_hash_stay() {
    let response = find(&site(), SCRIPT, &Accepted::default()).unwrap();
    assert_eq!(
        header_of(&response, header::CONTENT_TYPE),
        "text/javascript; charset=utf-8"
    );
    assert_eq!(
        header_of(&response, header::CACHE_CONTROL),
        "public, max-age=31536000, immutable"
    );
    assert_eq!(header_of(&response, header::VARY), "accept-encoding");
    assert_eq!(body(response).await, "script");
    let response = find(&site(), "/favicon.svg", &Accepted::default()).unwrap();
    assert_eq!(header_of(&response, header::CONTENT_TYPE), "image/svg+xml");
    assert_eq!(header_of(&response, header::CACHE_CONTROL), "no-cache");
}

#[tokio::test]
async fn the_page_is_at_its_routes_for_those_who_want_a_page() {
    for path in [
        "/",
        "/index.html",
        "/keys",
        "/keys/0198c0de",
        "/apis",
        "/healthz2",
    ] {
        let response = find(&site(), path, &html()).unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(header_of(&response, header::CACHE_CONTROL), "no-store", "{path}");
        let policy = header_of(&response, header::CONTENT_SECURITY_POLICY);
        assert!(
            policy.contains("script-src 'self';") && !policy.contains("unsafe"),
            "{policy}"
        );
        assert_eq!(body(response).await, "<!doctype html>page", "{path}");
    }
    for path in [
        "/api",
        "/api/v1/keyz",
        "/internal/x",
        "/healthz/",
        "/readyz/x",
        "/assets/none.js",
        "/assets/../index.html",
    ] {
        assert!(find(&site(), path, &html()).is_none(), "{path}");
    }
    let others = ["*/*", "application/json", "text/html;q=0", ""];
    for accept in others {
        let accepted = accepting(&[(header::ACCEPT, accept)]);
        assert!(find(&site(), "/keys", &accepted).is_none(), "{accept}");
        assert!(find(&site(), "/", &accepted).is_some(), "{accept}");
    }
}

#[tokio::test]
async fn who_takes_gzip_gets_it_under_a_tag_of_its_own() {
    let plain = find(&site(), SCRIPT, &Accepted::default()).unwrap();
    let taking = accepting(&[(header::ACCEPT_ENCODING, "br, gzip;q=0.5")]);
    let packed = find(&site(), SCRIPT, &taking).unwrap();
    assert_eq!(header_of(&packed, header::CONTENT_ENCODING), "gzip");
    assert_ne!(header_of(&packed, header::ETAG), header_of(&plain, header::ETAG));
    assert_eq!(body(packed).await, "script, compressed");
    let refusing = accepting(&[(header::ACCEPT_ENCODING, "gzip;q=0, identity")]);
    assert_eq!(body(find(&site(), SCRIPT, &refusing).unwrap()).await, "script");
    let packed = find(&site(), "/favicon.svg", &taking).unwrap();
    assert_eq!(header_of(&packed, header::CONTENT_ENCODING), "");
}

#[tokio::test]
async fn who_has_it_already_is_told_so() {
    let first = find(&site(), SCRIPT, &Accepted::default()).unwrap();
    let tag = header_of(&first, header::ETAG).to_owned();
    for text in [tag.clone(), format!("\"other\", W/{tag}"), "*".to_owned()] {
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_NONE_MATCH, text.parse().unwrap());
        let again = find(&site(), SCRIPT, &Accepted::of(&headers)).unwrap();
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{text}");
        assert_eq!(header_of(&again, header::ETAG), tag);
        assert_eq!(body(again).await, "");
    }
    let mut headers = HeaderMap::new();
    headers.insert(header::IF_NONE_MATCH, "\"other\"".parse().unwrap());
    let other = find(&site(), SCRIPT, &Accepted::of(&headers)).unwrap();
    assert_eq!(other.status(), StatusCode::OK);
}

#[tokio::test]
async fn without_a_page_there_is_one_that_says_how_to_build_it() {
    let site = Site::of(&[]);
    let response = find(&site, "/", &Accepted::default()).unwrap();
    assert_eq!(
        header_of(&response, header::CONTENT_TYPE),
        "text/html; charset=utf-8"
    );
    assert!(body(response).await.contains("npm run build"));
    assert!(find(&site, SCRIPT, &html()).is_none());
}
