//! What operators see: readiness, metrics, log lines.

use std::{net::Ipv4Addr, time::Duration};

use serde_json::Value;

use crate::stage::{ADMIN_TOKEN, Process, SlowKv, client, deployment, free_port};

#[tokio::test]
async fn metrics_tell_of_operations_refusals_and_lag_and_hold_no_secret() {
    let kv = SlowKv::start(Duration::ZERO).await;
    let port = free_port();
    let settings = format!(
        "[server]\nmetrics_listen = \"127.0.0.1:{port}\"\n{}",
        kv.settings()
    );
    let process = Process::start(&settings).await;
    let client = client(Ipv4Addr::LOCALHOST);
    let made: Value = process.create(&client, "key").await.json().await.unwrap();
    let wrong = client
        .get(process.url("/api/v1/keys"))
        .bearer_auth("hk_live_wrong");
    assert_eq!(wrong.send().await.unwrap().status(), 401);
    assert_eq!(
        client
            .get(process.url("/api/v1/keys"))
            .send()
            .await
            .unwrap()
            .status(),
        401
    );
    // Where clients come there are none.
    assert_eq!(
        client.get(process.url("/metrics")).send().await.unwrap().status(),
        404
    );
    let metrics = client
        .get(format!("http://127.0.0.1:{port}/metrics"))
        .send()
        .await
        .unwrap();
    let content_type = metrics.headers()["content-type"].to_str().unwrap().to_owned();
    assert!(
        content_type.starts_with("application/openmetrics-text"),
        "{content_type}"
    );
    let text = metrics.text().await.unwrap();
    for line in [
        "keyward_http_requests_total{operation=\"create_key\",status=\"201\"} 1",
        "keyward_http_requests_total{operation=\"list_keys\",status=\"401\"} 2",
        "keyward_http_request_duration_seconds_count{operation=\"create_key\"} 1",
        "keyward_refused_credentials_total{reason=\"wrong\"} 1",
        "keyward_refused_credentials_total{reason=\"missing\"} 1",
        "keyward_database_errors_total 0",
        "keyward_connections_refused_total 0",
    ] {
        assert!(text.lines().any(|known| known == line), "{line}\n{text}");
    }
    for start in [
        "keyward_publisher_lag_seconds{deployment=\"main\",to=\"kv\"} ",
        "keyward_outbox_waiting{deployment=\"main\",to=\"kv\"} ",
        "keyward_connections ",
    ] {
        assert!(
            text.lines().any(|known| known.starts_with(start)),
            "{start}\n{text}"
        );
    }
    for secret in [ADMIN_TOKEN, made["api_key"].as_str().unwrap(), "hk_live"] {
        assert!(!text.contains(secret), "{text}");
    }
    assert!(text.ends_with("# EOF\n"));
}

#[tokio::test]
async fn readiness_is_lost_when_the_edge_is_far_behind_and_health_is_not() {
    let settings = format!("[server]\nready_lag_seconds = 1\n{}", deployment(free_port()));
    let process = Process::start(&settings).await;
    let client = client(Ipv4Addr::LOCALHOST);
    let ask = async |path: &str| client.get(process.url(path)).send().await.unwrap();
    let ready: Value = ask("/readyz").await.json().await.unwrap();
    assert_eq!(ready["status"], "ready");
    process.create(&client, "key").await;
    tokio::time::sleep(Duration::from_millis(2500)).await;
    let lagging = ask("/readyz").await;
    assert_eq!(lagging.status(), 503);
    assert!(lagging.headers().contains_key("retry-after"));
    assert_eq!(lagging.json::<Value>().await.unwrap()["code"], "not_ready");
    assert_eq!(ask("/healthz").await.status(), 200);
}

#[tokio::test]
async fn every_line_about_a_request_names_it() {
    let static_key = "d9fe7aa1-b0a2-48d9-bde1-4ee759481b61|Vu0nc2nUwv8aCRhfOGspC84nUkDOvF0=";
    let settings = format!(
        "legacy_api_key = {static_key:?}\ndefault_organization_id = \"d9fe7aa1-b0a2-48d9-bde1-4ee759481b61\"\n"
    );
    let process = Process::start(&settings).await;
    let client = client(Ipv4Addr::LOCALHOST);
    let answer = client
        .get(process.url("/api/v1/keys"))
        .header("api-key", static_key)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    let id = answer.headers()["keyward-request-id"].to_str().unwrap();
    let log = process.log();
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of_request: Vec<_> = lines.iter().filter(|line| line["span"]["id"] == id).collect();
    let said = |text: &str| {
        of_request
            .iter()
            .any(|line| line["fields"]["message"].as_str().unwrap().contains(text))
    };
    assert!(said("legacy static key") && said("answered"), "{log}");
    assert!(!log.contains("Vu0nc2nUwv8aCRhfOGspC84nUkDOvF0"), "{log}");
}
