//! The client of `POST /.keyward/sync`: what it sends, and what it believes of what comes back.

use std::{net::TcpListener, sync::Arc, time::Duration};

use keyward_control_plane::{
    clock::Clock as _,
    publish::{Edge as _, EdgeClient, EdgeEndpoint, EdgeError, edge::EdgeFault},
};
use keyward_shared::{
    Entropy as _, SecretRing, UnixMillis,
    sync::{self, Batch, Entry, NONCE_BYTES, Nonce, Outcome, Promise, Report, SyncError},
};

use crate::{
    clock::ManualClock,
    keys::{Seeded, at, ring},
    wire::{Reply, Server, answer},
};

const SEED: u64 = 7;

fn client(address: std::net::SocketAddr) -> EdgeClient {
    // Whichever test comes first installs it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let endpoint = EdgeEndpoint::new(&format!("http://{address}")).unwrap();
    let clock = Arc::new(ManualClock::at(at(0)));
    EdgeClient::new(
        endpoint,
        "main".into(),
        ring(&[1, 2]),
        clock,
        Arc::new(Seeded::new(SEED)),
    )
    .unwrap()
}

/// The nonce of the first question.
fn nonce() -> Nonce {
    let mut nonce = [0; NONCE_BYTES];
    Seeded::new(SEED).fill(&mut nonce);
    nonce
}

fn batch() -> Batch {
    let entry = Entry {
        name: "k1:00".into(),
        value: "{}\n1.mac".into(),
    };
    Batch { records: vec![entry] }
}

fn report() -> Report {
    let adopted = Outcome::Adopted {
        revision: 3,
        knew: None,
        above: None,
        quiet_in_ms: 2000,
    };
    Report {
        promise: Promise::Everywhere,
        results: vec![adopted],
    }
}

/// A good answer, but for what is given.
fn signed(ring: &SecretRing, deployment: &str, nonce: &Nonce, body: &str) -> Reply {
    let id = ring.current().0;
    let signature = sync::sign_answer(ring, &format!("{id}."), deployment, nonce, body.as_bytes()).unwrap();
    answer("200 OK", &format!("Keyward-Sync: {signature}\r\n"), body)
}

async fn outcome(reply: Reply) -> Result<Report, EdgeError> {
    let server = Server::start([reply]);
    let outcome = client(server.address).sync(&batch()).await;
    assert_eq!(server.requests().len(), 1, "asked once");
    outcome
}

async fn fault(reply: Reply) -> EdgeFault {
    outcome(reply).await.unwrap_err().fault
}

fn body() -> String {
    serde_json::to_string(&report()).unwrap()
}

#[tokio::test]
async fn a_question_proves_who_asks_and_its_answer_is_read() {
    let server = Server::start([signed(&ring(&[2]), "main", &nonce(), &body())]);
    assert_eq!(client(server.address).sync(&batch()).await, Ok(report()));
    let request = &server.requests()[0];
    assert_eq!(request.line, "POST /.keyward/sync");
    assert_eq!(request.headers["content-type"], "application/json");
    let now = UnixMillis(u64::try_from(ManualClock::at(at(0)).now().as_millisecond()).unwrap());
    let header = &request.headers["keyward-sync"];
    assert!(header.starts_with("2."), "the newest secret signs");
    assert_eq!(
        sync::verify_question(header, &ring(&[2]), "main", now, request.body.as_bytes()),
        Ok(nonce())
    );
    assert_eq!(serde_json::from_str::<Batch>(&request.body).unwrap(), batch());
}

#[tokio::test]
async fn an_older_secret_of_the_ring_is_believed() {
    let good = signed(&ring(&[1]), "main", &nonce(), &body());
    assert_eq!(outcome(good).await, Ok(report()));
}

#[tokio::test]
async fn what_does_not_prove_itself_is_not_believed() {
    let (good, own) = (body(), nonce());
    let other = SecretRing::new(vec![(2, keyward_shared::Secret::new(vec![99; 32]).unwrap())]).unwrap();
    let tampered = |body: &str| {
        let Reply::Bytes(text) = signed(&ring(&[2]), "main", &own, body) else {
            unreachable!("it is made of bytes");
        };
        Reply::Bytes(text.replace("\"revision\":3", "\"revision\":9"))
    };
    for (reply, error) in [
        (signed(&other, "main", &own, &good), SyncError::Mac),
        (
            signed(&ring(&[3]), "main", &own, &good),
            SyncError::UnknownSecret(3),
        ),
        (signed(&ring(&[2]), "spare", &own, &good), SyncError::Mac),
        (
            signed(&ring(&[2]), "main", &[7; NONCE_BYTES], &good),
            SyncError::Mac,
        ),
        (tampered(&good), SyncError::Mac),
        (signed(&ring(&[2]), "main", &own, "{}"), SyncError::Body),
        (answer("200 OK", "", &good), SyncError::Header),
        (
            answer("200 OK", "Keyward-Sync: yes\r\n", &good),
            SyncError::Header,
        ),
    ] {
        assert_eq!(fault(reply).await, EdgeFault::Unbelieved(error));
    }
}

#[tokio::test]
async fn a_refusal_is_one_whoever_signed_it() {
    for (status, word) in [
        ("307 Temporary Redirect", "redirects"),
        ("401 Unauthorized", "SYNC_SECRETS"),
        ("404 Not Found", "edge_url"),
        ("500 Oops", "500"),
    ] {
        let Reply::Bytes(text) = signed(&ring(&[2]), "main", &nonce(), &body()) else {
            unreachable!("it is made of bytes");
        };
        let text = text.replace("200 OK", &format!("{status}\r\nLocation: /.keyward/sync"));
        let error = outcome(Reply::Bytes(text)).await.unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
    let busy = answer("503 Busy", "Retry-After: 7\r\n", "");
    assert_eq!(
        outcome(busy).await.unwrap_err().retry_after,
        Some(Duration::from_secs(7))
    );
}

#[tokio::test]
async fn an_answer_that_does_not_come_whole_is_none() {
    let half = "HTTP/1.1 200 OK\r\nKeyward-Sync: 2.AA\r\nContent-Length: 1000\r\n\r\n{\"promise\"";
    for bytes in ["", "HTTP/1.1 2", half] {
        assert_eq!(
            fault(Reply::BytesAndClose(bytes.to_owned())).await,
            EdgeFault::Broken,
            "{bytes}"
        );
    }
    let endless = "HTTP/1.1 200 OK\r\nKeyward-Sync: 2.AA\r\n\r\n";
    assert_eq!(
        fault(Reply::Flood(endless.to_owned())).await,
        EdgeFault::AnswerTooLarge
    );
}

#[tokio::test]
async fn an_edge_that_is_not_there_is_told_from_one_that_is_silent() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = client(address).sync(&batch()).await.unwrap_err();
    assert!(matches!(error.fault, EdgeFault::Unreachable(_)), "{error}");

    let mut server = Server::start([Reply::Silence]);
    let client = client(server.address);
    let call = tokio::spawn(async move { client.sync(&batch()).await });
    server.request_arrived().await;
    // Only from here on, so that connecting does not count as standing still.
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(11)).await;
    assert_eq!(call.await.unwrap().unwrap_err().fault, EdgeFault::TimedOut);
}

#[tokio::test]
async fn a_client_shows_nothing_of_its_settings() {
    assert_eq!(
        format!("{:?}", client("127.0.0.1:1".parse().unwrap())),
        "EdgeClient { .. }"
    );
}
