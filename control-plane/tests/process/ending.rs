//! SIGTERM.

use std::{net::Ipv4Addr, time::Duration};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::stage::{ADMIN_TOKEN, Process, SlowKv, client};

#[tokio::test]
async fn what_was_changed_reaches_kv_before_the_process_ends() {
    let kv = SlowKv::start(Duration::from_millis(1500)).await;
    let mut process = Process::start(&kv.settings()).await;
    let client = client(Ipv4Addr::LOCALHOST);
    // The first batch is under way while the others are made.
    for number in 0..12 {
        let made = process.create(&client, &format!("key {number}")).await;
        assert_eq!(made.status(), 201);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(kv.len() < 12);
    process.terminate();
    assert!(process.ended().await.success(), "{}", process.log());
    assert_eq!(kv.len(), 12, "{}", process.log());
}

#[tokio::test]
async fn a_request_under_way_is_answered_and_no_other_taken() {
    let mut process = Process::start("").await;
    let mut stream = TcpStream::connect(process.address()).await.unwrap();
    let body = r#"{"name": "late", "service_id": "prediction"}"#;
    let head = format!(
        "POST /api/v1/keys HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {ADMIN_TOKEN}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&body.as_bytes()[..10]).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    process.terminate();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(
        TcpStream::connect(process.address()).await.is_err(),
        "it takes no connections any more"
    );
    stream.write_all(&body.as_bytes()[10..]).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    assert!(process.ended().await.success());
    let last = process.log().lines().last().map(str::to_owned).unwrap();
    let last: Value = serde_json::from_str(&last).unwrap();
    assert_eq!(last["fields"]["message"], "stopped");
}

#[tokio::test]
async fn a_kv_that_is_gone_does_not_hold_up_the_end() {
    let mut process = Process::start(&crate::stage::deployment(crate::stage::free_port())).await;
    let client = client(Ipv4Addr::LOCALHOST);
    assert_eq!(process.create(&client, "key").await.status(), 201);
    // The first try has failed by then, and the next is not due.
    tokio::time::sleep(Duration::from_millis(300)).await;
    process.terminate();
    let ended = tokio::time::timeout(Duration::from_secs(20), process.ended())
        .await
        .unwrap();
    assert!(ended.success());
}

/// Whatever hangs: a request that goes on never, and a KV that takes what it is sent and says nothing.
#[tokio::test]
async fn the_end_comes_in_time_whatever_hangs() {
    // The longer of `drain_seconds` and 4, and 2 more; the rest is for a busy machine. One after the other they would be 13.
    const ENDS_WITHIN: Duration = Duration::from_secs(11);
    let kv = SlowKv::start(Duration::from_secs(3600)).await;
    let mut process = Process::start(&kv.settings()).await;
    let client = client(Ipv4Addr::LOCALHOST);
    assert_eq!(process.create(&client, "key").await.status(), 201);
    let mut stream = TcpStream::connect(process.address()).await.unwrap();
    let head = format!(
        "POST /api/v1/keys HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {ADMIN_TOKEN}\r\ncontent-type: application/json\r\n\
         content-length: 100\r\n\r\n{{"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // The batch is under way by then.
    tokio::time::sleep(Duration::from_millis(500)).await;
    process.terminate();
    let ended = tokio::time::timeout(ENDS_WITHIN, process.ended()).await;
    assert!(ended.expect("it ends in time").success(), "{}", process.log());
}
