//! The web page, as the service answers beside the API.

use crate::service::Service;

const HTML: (&str, &str) = ("accept", "text/html,*/*;q=0.8");

#[tokio::test]
async fn the_page_is_at_its_routes_and_never_in_the_place_of_the_api() {
    let service = Service::start().await;
    for path in ["/", "/keys", "/keys/0198c0de-0000-7000-8000-000000000000"] {
        let answer = service.send("GET", path, &[HTML], None).await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.headers["content-type"], "text/html; charset=utf-8");
        assert_eq!(answer.headers["cache-control"], "no-store");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
        ] {
            assert_eq!(answer.headers[name], value, "{path}");
        }
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        let parts: Vec<_> = policy.split("; ").collect();
        assert_eq!(
            parts,
            [
                "default-src 'none'",
                "script-src 'self'",
                "style-src 'self'",
                "img-src 'self' data:",
                "connect-src 'self'",
                "font-src 'self'",
                "form-action 'self'",
                "base-uri 'none'",
                "frame-ancestors 'none'",
            ]
        );
    }
    for path in [
        "/api/v1/nothing",
        "/internal/nothing",
        "/readyz/x",
        "/assets/none.js",
    ] {
        let answer = service.send("GET", path, &[HTML], None).await;
        answer.expect_problem(404, "no_such_path");
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        assert_eq!(answer.headers["cache-control"], "no-store");
    }
    service
        .send("POST", "/keys", &[HTML], None)
        .await
        .expect_problem(404, "no_such_path");
    service
        .send("GET", "/keys", &[("accept", "application/json")], None)
        .await
        .expect_problem(404, "no_such_path");
}

#[tokio::test]
async fn what_the_api_says_is_no_page_and_in_no_frame() {
    let service = Service::start().await;
    for path in ["/api/v1/keys", "/api/userinfo", "/healthz", "/nothing"] {
        let answer = service.send("GET", path, &[], None).await;
        for (name, value) in [
            ("cache-control", "no-store"),
            (
                "content-security-policy",
                "default-src 'none'; frame-ancestors 'none'",
            ),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.headers[name], value, "{path}");
        }
    }
}
