//! Many who want nothing good, and one who has the right token.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use reqwest::Client;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    time::{Instant, interval, timeout},
};

use crate::stage::{ADMIN_TOKEN, Process, client};

/// How long the healthy client may wait for one answer, on a machine that is busy with this test besides.
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);

/// How many wrong tokens come. `KEYWARD_WRONG_TOKENS` says how many instead: 10000 are a minute.
const WRONG: usize = 2000;

/// As many files as the system allows: each connection is one.
fn raise_files() {
    let mut limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    limit.current = limit.maximum;
    rustix::process::setrlimit(rustix::process::Resource::Nofile, limit).unwrap();
}

/// A connection from another address of this machine, on which a request has begun and does not go on.
async fn stalled(number: usize, to: SocketAddr) -> TcpStream {
    let last = u8::try_from(2 + number % 20).unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::new(127, 0, 0, last), 0).into()).unwrap();
    let mut stream = socket.connect(to).await.unwrap();
    // Some have not said a word.
    if number.is_multiple_of(2) {
        let _ = stream
            .write_all(b"GET /api/v1/keys HTTP/1.1\r\nauthorization: Bea")
            .await;
    }
    stream
}

/// Lists keys with the right token until it is told to stop; how often, and the longest that it took.
async fn works(client: Client, url: String, is_over: Arc<AtomicBool>) -> (u32, Duration) {
    let (mut asked, mut slowest) = (0, Duration::ZERO);
    while !is_over.load(Ordering::Relaxed) {
        let started = Instant::now();
        let answer = client.get(&url).bearer_auth(ADMIN_TOKEN).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        slowest = slowest.max(started.elapsed());
        asked += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    (asked, slowest)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stalled_connections_and_wrong_tokens_do_not_stop_who_has_the_right_one() {
    const STALLED: usize = 2000;
    // At 10,000 a minute.
    const EVERY: Duration = Duration::from_millis(6);
    let wrong = std::env::var("KEYWARD_WRONG_TOKENS").map_or(WRONG, |wrong| wrong.parse().unwrap());
    raise_files();
    let process = Process::start("").await;
    let mut crowd = Vec::with_capacity(STALLED);
    for number in 0..STALLED {
        crowd.push(stalled(number, process.address()).await);
    }
    let is_over = Arc::new(AtomicBool::new(false));
    let url = process.url("/api/v1/keys?limit=1");
    let working = tokio::spawn(works(
        client(Ipv4Addr::LOCALHOST),
        url.clone(),
        Arc::clone(&is_over),
    ));
    // From the healthy client's own address as well: it is never held up for what others try.
    let guessing = [client(Ipv4Addr::LOCALHOST), client(Ipv4Addr::new(127, 0, 0, 30))];
    let mut pace = interval(EVERY);
    let mut tries = Vec::with_capacity(wrong);
    for number in 0..wrong {
        pace.tick().await;
        let request = guessing[number % 2]
            .get(&url)
            .bearer_auth(format!("guess-{number}"));
        tries.push(tokio::spawn(request.send()));
    }
    let mut throttled = 0;
    for tried in tries {
        let status = tried.await.unwrap().unwrap().status();
        assert!(status == 401 || status == 429, "{status}");
        throttled += u32::from(status == 429);
    }
    is_over.store(true, Ordering::Relaxed);
    let (asked, slowest) = working.await.unwrap();
    assert!(
        asked >= 20 && slowest < ANSWERED_WITHIN,
        "{asked} answers, the slowest in {slowest:?}"
    );
    assert!(throttled > 0);
    // Who never asked for anything is sent away.
    let mut sent_away = 0;
    for stream in &mut crowd {
        let mut rest = [0; 64];
        let read = timeout(Duration::from_secs(15), stream.read(&mut rest)).await;
        sent_away += usize::from(matches!(read, Ok(Ok(0) | Err(_))));
    }
    assert_eq!(sent_away, STALLED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_all_places_are_taken_the_silent_make_room() {
    raise_files();
    let process = Process::start("[server]\nmax_connections = 32\n").await;
    let mut crowd = Vec::new();
    for number in 0..200 {
        crowd.push(stalled(number, process.address()).await);
    }
    for _ in 0..20 {
        let client = client(Ipv4Addr::LOCALHOST);
        let asked = client.get(process.url("/healthz")).send();
        assert_eq!(
            timeout(ANSWERED_WITHIN, asked).await.unwrap().unwrap().status(),
            200
        );
    }
}

/// The first line of what comes back.
async fn answer(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let _ = timeout(Duration::from_secs(30), stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer)
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned()
}

#[tokio::test]
async fn heads_and_bodies_are_bounded_in_size_and_time() {
    let process = Process::start("[server]\nconnections_per_client = 8\n").await;
    let open = async || TcpStream::connect(process.address()).await.unwrap();

    let mut long = open().await;
    let head = format!(
        "GET /healthz HTTP/1.1\r\nhost: x\r\nx-long: {}\r\n\r\n",
        "a".repeat(64 * 1024)
    );
    let _ = long.write_all(head.as_bytes()).await;
    assert_eq!(
        answer(&mut long).await,
        "HTTP/1.1 431 Request Header Fields Too Large"
    );

    let mut slow = open().await;
    let head = format!(
        "POST /api/v1/keys HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {ADMIN_TOKEN}\r\ncontent-type: application/json\r\n\
         content-length: 100\r\nconnection: close\r\n\r\n{{"
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(answer(&mut slow).await, "HTTP/1.1 408 Request Timeout");

    // Of one client there are so many at once; others have theirs.
    let mut held = Vec::new();
    for _ in 0..8 {
        held.push(open().await);
    }
    let mut one_more = open().await;
    let mut rest = [0; 1];
    let ended = timeout(ANSWERED_WITHIN, one_more.read(&mut rest)).await.unwrap();
    assert!(matches!(ended, Ok(0) | Err(_)));
    let other = client(Ipv4Addr::new(127, 0, 0, 9));
    assert_eq!(
        other.get(process.url("/healthz")).send().await.unwrap().status(),
        200
    );
}
