//! The client of the REST API: what it sends, and what it makes of what comes back.

use std::{collections::HashMap, net::TcpListener, sync::Arc, time::Duration};

use keyward_control_plane::publish::{
    CloudflareKv, Endpoint, KeyValueStore as _, KvError,
    kv::{KvFault, MAX_PAIRS, Pair},
};

use crate::{
    clock::ManualClock,
    keys::at,
    wire::{Reply, Server, answer, result},
};

const NAMESPACE: &str = "0123456789abcdef0123456789abcdef";
const TOKEN: &str = "a-token-that-no-error-shows";

fn client(address: std::net::SocketAddr) -> CloudflareKv {
    // Whichever test comes first installs it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let base = format!("http://{address}/client/v4/accounts/abc");
    let endpoint = Endpoint::new(&base, NAMESPACE, Some(TOKEN.parse().unwrap())).unwrap();
    CloudflareKv::new(endpoint, Arc::new(ManualClock::at(at(0)))).unwrap()
}

fn pairs(names: &[&str]) -> Vec<Pair> {
    let pair = |name: &&str| Pair {
        name: (*name).to_owned(),
        value: format!("{{\"of\":\"{name}\"}}\n1.mac"),
    };
    names.iter().map(pair).collect()
}

/// How a write of one pair fails when the server replies so. Whatever comes back, nothing is sent a second time, and the
/// token shows nowhere.
async fn failure(reply: Reply) -> KvError {
    let server = Server::start([reply]);
    let error = client(server.address)
        .write_bulk(&pairs(&["a"]))
        .await
        .unwrap_err();
    assert_eq!(server.requests().len(), 1, "{error}");
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains(TOKEN), "{shown}");
    error
}

#[tokio::test]
async fn a_bulk_write_is_what_the_api_describes() {
    let server = Server::start([
        result(r#"{"successful_key_count":2,"unsuccessful_keys":[]}"#),
        result(r#"{"successful_key_count":1,"unsuccessful_keys":["b"]}"#),
    ]);
    let kv = client(server.address);
    let sent = pairs(&["a", "b"]);
    assert_eq!(kv.write_bulk(&sent).await.unwrap(), [].into());
    assert_eq!(kv.write_bulk(&sent).await.unwrap(), ["b".to_owned()].into());

    let request = &server.requests()[0];
    let path = format!("/client/v4/accounts/abc/storage/kv/namespaces/{NAMESPACE}");
    assert_eq!(request.line, format!("PUT {path}/bulk"));
    assert_eq!(request.headers["authorization"], format!("Bearer {TOKEN}"));
    assert_eq!(request.headers["content-type"], "application/json");
    let body: serde_json::Value = serde_json::from_str(&request.body).unwrap();
    assert_eq!(
        body,
        serde_json::json!([
            { "key": "a", "value": "{\"of\":\"a\"}\n1.mac" },
            { "key": "b", "value": "{\"of\":\"b\"}\n1.mac" },
        ])
    );
    assert!(request.body.len() <= sent.iter().map(Pair::body_bytes).sum::<usize>() + 2);
}

#[tokio::test]
async fn a_bulk_delete_is_what_the_api_describes() {
    let server = Server::start([result(r#"{"successful_key_count":1,"unsuccessful_keys":["b"]}"#)]);
    let names = ["a".to_owned(), "b".to_owned()];
    let left = client(server.address).delete_bulk(&names).await.unwrap();
    assert_eq!(left, ["b".to_owned()].into());
    let request = &server.requests()[0];
    assert!(
        request.line.starts_with("POST ") && request.line.ends_with("/bulk/delete"),
        "{}",
        request.line
    );
    assert_eq!(request.body, r#"["a","b"]"#);
}

#[tokio::test]
async fn a_list_goes_on_where_the_page_ended() {
    let page = r#"{"success":true,"result":[{"name":"k1:a"},{"name":"k1:b","metadata":{"x":1}}],"result_info":{"count":2,"cursor":"c&1"}}"#;
    let last = r#"{"success":true,"result":[{"name":"k1:c"}],"result_info":{"count":1,"cursor":""}}"#;
    let server = Server::start([answer("200 OK", "", page), answer("200 OK", "", last)]);
    let kv = client(server.address);
    let first = kv.list("k1:", None).await.unwrap();
    assert_eq!(
        (first.names, first.cursor.as_deref()),
        (vec!["k1:a".into(), "k1:b".into()], Some("c&1"))
    );
    let second = kv.list("k1:", Some("c&1")).await.unwrap();
    assert_eq!((second.names, second.cursor), (vec!["k1:c".into()], None));
    let lines: Vec<_> = server
        .requests()
        .into_iter()
        .map(|request| request.line)
        .collect();
    assert!(
        lines[0].ends_with("/keys?prefix=k1%3A&limit=1000"),
        "{}",
        lines[0]
    );
    assert!(
        lines[1].ends_with("/keys?prefix=k1%3A&limit=1000&cursor=c%261"),
        "{}",
        lines[1]
    );
}

#[tokio::test]
async fn a_bulk_read_leaves_out_what_is_absent() {
    let server = Server::start([result(r#"{"values":{"a":"1","b":null}}"#)]);
    let names = ["a".to_owned(), "b".to_owned()];
    let values = client(server.address).read_bulk(&names).await.unwrap();
    assert_eq!(values, HashMap::from([("a".to_owned(), "1".to_owned())]));
    let request = &server.requests()[0];
    assert!(
        request.line.starts_with("POST ") && request.line.ends_with("/bulk/get"),
        "{}",
        request.line
    );
    assert_eq!(request.body, r#"{"keys":["a","b"],"type":"text"}"#);
}

#[tokio::test]
async fn too_large_a_call_is_not_made() {
    let server = Server::start([]);
    let kv = client(server.address);
    let names: Vec<_> = (0..=MAX_PAIRS).map(|number| number.to_string()).collect();
    let many: Vec<_> = names
        .iter()
        .map(|name| Pair {
            name: name.clone(),
            value: String::new(),
        })
        .collect();
    let large = [Pair {
        name: "a".into(),
        value: "x".repeat(100_000_000),
    }];
    for error in [
        kv.write_bulk(&many).await.unwrap_err(),
        kv.write_bulk(&large).await.unwrap_err(),
        kv.delete_bulk(&names).await.unwrap_err(),
        kv.read_bulk(&names[..101]).await.unwrap_err(),
    ] {
        assert_eq!(error.fault, KvFault::Oversized);
    }
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test]
async fn a_connection_that_breaks_leaves_the_outcome_open() {
    let half = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"success\":true,";
    for bytes in ["", "HTTP/1.1 2", half] {
        let error = failure(Reply::BytesAndClose(bytes.to_owned())).await;
        assert_eq!(error.fault, KvFault::Broken, "{bytes}");
    }
}

#[tokio::test]
async fn a_call_on_a_kept_connection_is_not_sent_twice() {
    let written = r#"{"successful_key_count":1,"unsuccessful_keys":[]}"#;
    let server = Server::start([result(written), Reply::BytesAndClose(String::new())]);
    let kv = client(server.address);
    kv.write_bulk(&pairs(&["a"])).await.unwrap();
    let error = kv.write_bulk(&pairs(&["a"])).await.unwrap_err();
    assert_eq!(error.fault, KvFault::Broken);
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn without_a_connection_nothing_was_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = client(address).write_bulk(&pairs(&["a"])).await.unwrap_err();
    assert!(
        matches!(error.fault, KvFault::Unreachable(_)) && error.fault.is_certainly_not_applied(),
        "{error}"
    );
}

#[tokio::test]
async fn a_silent_server_is_given_up_on() {
    let mut server = Server::start([Reply::Silence]);
    let kv = client(server.address);
    let call = tokio::spawn(async move { kv.write_bulk(&pairs(&["a"])).await });
    server.request_arrived().await;
    // Only from here on, so that connecting does not count as standing still.
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(31)).await;
    assert_eq!(call.await.unwrap().unwrap_err().fault, KvFault::TimedOut);
}

#[tokio::test]
async fn an_answer_that_makes_no_sense_leaves_the_outcome_open() {
    for body in [
        "",
        "garbage",
        "<html>",
        "[]",
        r#"{"success":true}"#,
        r#"{"success":false,"result":{}}"#,
    ] {
        let error = failure(answer("200 OK", "", body)).await;
        assert!(matches!(error.fault, KvFault::Unreadable(_)), "{body}: {error}");
        assert!(!error.fault.is_certainly_not_applied());
    }
    let wrong_count = result(r#"{"successful_key_count":0,"unsuccessful_keys":[]}"#);
    assert!(matches!(failure(wrong_count).await.fault, KvFault::Unreadable(_)));
}

#[tokio::test]
async fn an_answer_without_an_end_is_cut_off() {
    for beginning in [
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
    ] {
        let error = failure(Reply::Flood(beginning.to_owned())).await;
        assert_eq!(error.fault, KvFault::AnswerTooLarge);
    }
    let error = failure(Reply::Flood(
        "HTTP/1.1 429 Slow down\r\nRetry-After: 7\r\n\r\n".to_owned(),
    ))
    .await;
    assert!(
        matches!(error.fault, KvFault::Refused { status: 429, .. }),
        "{error}"
    );
    assert_eq!(error.retry_after, Some(Duration::from_secs(7)));
}

#[tokio::test]
async fn a_pause_is_asked_for_in_seconds_or_until_a_date() {
    // `at(0)` is 2027-01-15T08:00:00Z.
    for (header, seconds) in [
        ("Retry-After: 120\r\n", Some(120)),
        ("Retry-After: Fri, 15 Jan 2027 08:00:30 GMT\r\n", Some(30)),
        ("Retry-After: whenever\r\n", None),
        ("", None),
    ] {
        for (status, certain) in [("429 Too Many Requests", true), ("503 Unavailable", false)] {
            let error = failure(answer(status, header, "slow down")).await;
            assert_eq!(error.retry_after, seconds.map(Duration::from_secs), "{header}");
            assert_eq!(error.fault.is_certainly_not_applied(), certain, "{status}");
        }
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let error = failure(answer("307 Temporary Redirect", "Location: /elsewhere\r\n", "")).await;
    assert!(
        matches!(error.fault, KvFault::Refused { status: 307, .. }),
        "{error}"
    );
    assert!(
        error.to_string().contains("set the address it redirects to"),
        "{error}"
    );
}

#[tokio::test]
async fn a_refusal_is_shown_in_the_servers_words_without_the_token() {
    let body = format!(
        r#"{{"success":false,"errors":[{{"code":10000,"message":"Bad token {TOKEN}"}}],"result":null}}"#
    );
    let error = failure(answer("403 Forbidden", "", &body)).await;
    assert!(
        error.to_string().contains("10000 Bad token …") && error.to_string().contains("api_token"),
        "{error}"
    );
    assert!(error.fault.is_certainly_not_applied());
}

#[tokio::test]
async fn a_client_shows_nothing_of_its_settings() {
    let shown = format!("{:?}", client("127.0.0.1:1".parse().unwrap()));
    assert!(!shown.contains(TOKEN) && !shown.contains("abc"), "{shown}");
}
