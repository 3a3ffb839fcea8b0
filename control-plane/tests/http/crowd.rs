//! A group with very many keys changes. Nobody who asks for something else meanwhile waits long, and its progress shows.
//!
//! Not part of the usual run, since it takes minutes; it prints what others waited for beside what they wait for otherwise:
//! `cargo test --package keyward-control-plane --test http -- --ignored --nocapture --test-threads 1 crowd::`

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    env,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use keyward_control_plane::{
    domain::{Action, Key, KeyWrite, group::Grouping},
    publish::{
        Deployment, Deployments, KeyValueStore, KvError,
        kv::{Page, Pair},
    },
    store::{KeyFilter, PostgresStore, Store},
};
use keyward_shared::{Brands, Environment};
use serde_json::{Value, json};
use tokio::{sync::watch, time::Instant};

use crate::{
    database::Database,
    keys::{self, DEFAULT, at, ring},
    service::{ADMIN_TOKEN, Service},
};

/// How many keys the group has. `CROWD` says another number.
const KEYS: u64 = 100_000;
/// How many keys one change of the preparation makes.
const AT_ONCE: u64 = 1000;
/// How often everything is asked for while nothing else goes on.
const IDLE_ROUNDS: usize = 100;
/// What nobody waits longer for, on whatever machine.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the namespace takes for a bulk write.
const WRITE: Duration = Duration::from_millis(100);

/// A namespace that takes everything, and keeps the number of it.
#[derive(Debug, Default)]
struct Sink(AtomicUsize);

#[async_trait]
impl KeyValueStore for Sink {
    async fn write_bulk(&self, pairs: &[Pair]) -> Result<HashSet<String>, KvError> {
        tokio::time::sleep(WRITE).await;
        self.0.fetch_add(pairs.len(), Ordering::Relaxed);
        Ok(HashSet::new())
    }

    async fn delete_bulk(&self, _names: &[String]) -> Result<HashSet<String>, KvError> {
        Ok(HashSet::new())
    }

    async fn list(&self, _prefix: &str, _cursor: Option<&str>) -> Result<Page, KvError> {
        Ok(Page::default())
    }

    async fn read_bulk(&self, _names: &[String]) -> Result<HashMap<String, String>, KvError> {
        Ok(HashMap::new())
    }
}

/// What each kind of request waited for.
type Waits = BTreeMap<&'static str, Vec<Duration>>;

async fn ask(service: &Service, method: &str, path: &str, body: Option<Value>) -> Value {
    let answer = service.ask(ADMIN_TOKEN, method, path, body.as_ref()).await;
    assert!((200..300).contains(&answer.status), "{path}: {}", answer.body);
    answer.body
}

/// Asks once for everything.
async fn round(service: &Service, waits: &mut Waits, number: usize) {
    let mut timed = async |what, method: &str, path: &str, body: Option<Value>| {
        let begin = Instant::now();
        let answer = ask(service, method, path, body).await;
        waits.entry(what).or_default().push(begin.elapsed());
        answer
    };
    let wish = json!({ "name": format!("other {number}"), "service_id": "prediction", "scopes": ["read"] });
    let made = timed("create a key", "POST", "/api/v1/keys", Some(wish)).await;
    let path = format!("/api/v1/keys/{}", made["key_info"]["key_id"].as_str().unwrap());
    timed("read it", "GET", &path, None).await;
    let name = json!({ "name": "renamed" });
    timed("change it", "PATCH", &path, Some(name)).await;
    timed("a page of keys", "GET", "/api/v1/keys?limit=50", None).await;
    timed("revoke it", "DELETE", &path, None).await;
}

/// Keys of one group, which nobody has heard of yet.
async fn fill(service: &Service, keys: u64) -> String {
    let wish = json!({ "name": "crowd", "scopes": ["predict"] });
    let made = ask(service, "POST", "/api/v1/groups", Some(wish)).await;
    let found = service.store.groups_named(DEFAULT, &["crowd".into()]).await;
    let group = found.unwrap().pop().unwrap();
    for first in (0..keys).step_by(usize::try_from(AT_ONCE).unwrap()) {
        let inserts = (first..keys.min(first + AT_ONCE)).map(|seed| {
            let key = keys::key(1_000_000 + seed);
            KeyWrite::Insert(Key {
                groups: Grouping::of([&group]),
                ..key
            })
        });
        let change = keys::change(Action::KeysImported, inserts.collect(), &[], at(0));
        service.store.commit(&change).await.unwrap();
    }
    made["group_id"].as_str().unwrap().to_owned()
}

/// The share of the waits that is below.
fn quantile(waits: &[Duration], share: f64) -> Duration {
    let mut sorted = waits.to_vec();
    sorted.sort_unstable();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "of some thousands"
    )]
    let place = ((sorted.len() - 1) as f64 * share).round() as usize;
    sorted[place]
}

async fn a_crowd_follows_beside_others(name: &str, store: Arc<dyn Store>) {
    let keys = env::var("CROWD").map_or(KEYS, |keys| keys.parse().unwrap());
    let sink = Arc::new(Sink::default());
    let deployments = Deployments::new([Deployment {
        id: "main".to_owned(),
        environment: Environment::Production,
        record_secrets: ring(&[1]),
        kv: Arc::clone(&sink) as _,
        edge: None,
        sync_secrets: None,
    }]);
    let service = Arc::new(Service::with(store, deployments));
    let begin = Instant::now();
    let group = fill(&service, keys).await;
    println!(
        "{name}: {keys} keys made in {:.1} s",
        begin.elapsed().as_secs_f64()
    );
    let (stop, stopping) = watch::channel(false);
    let running = service.run(stopping);

    let (mut idle, mut busy) = (Waits::new(), Waits::new());
    for number in 0..IDLE_ROUNDS {
        round(&service, &mut idle, number).await;
    }
    let path = format!("/api/v1/groups/{group}");
    let begin = Instant::now();
    ask(&service, "PATCH", &path, Some(json!({ "scopes": ["read"] }))).await;
    println!("{name}: the change answered after {:.0?}", begin.elapsed());
    let mut seen = Vec::new();
    loop {
        round(&service, &mut busy, IDLE_ROUNDS + seen.len()).await;
        let sync = ask(&service, "GET", "/api/v1/sync", None).await;
        let Some(change) = sync["group_changes"].as_array().unwrap().first() else {
            break;
        };
        assert_eq!(
            (&change["name"], &change["keys"]),
            (&json!("crowd"), &json!(keys))
        );
        seen.push(change["done"].as_u64().unwrap());
    }
    let took = begin.elapsed();
    assert!(
        seen.is_sorted() && seen.len() > 2 && seen.first() < seen.last(),
        "{seen:?}"
    );
    let left = KeyFilter {
        scope: Some("predict".into()),
        group: Some("crowd".into()),
        ..KeyFilter::of(DEFAULT)
    };
    let left = service.store.keys(&left, None, 10).await.unwrap();
    assert!(left.iter().all(|key| key.groups.scopes == ["read"]), "{left:?}");
    while service
        .store
        .backlog()
        .await
        .unwrap()
        .iter()
        .any(|of| of.waiting > 0)
    {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    println!(
        "{name}: all {keys} keys followed after {:.1} s, in {} looks at /api/v1/sync, and were in KV after {:.1} s",
        took.as_secs_f64(),
        seen.len(),
        begin.elapsed().as_secs_f64(),
    );
    assert!(sink.0.load(Ordering::Relaxed) as u64 >= keys);
    println!(
        "{:<16}{:>10}{:>10}{:>10}{:>12}{:>10}{:>10}{:>8}",
        "waits in ms", "idle p50", "p99", "max", "beside p50", "p99", "max", "ratio"
    );
    let millis = |wait: Duration| wait.as_secs_f64() * 1000.0;
    for (what, idle) in &idle {
        let busy = &busy[what];
        let of = |waits: &[Duration]| [0.5, 0.99, 1.0].map(|share| millis(quantile(waits, share)));
        let ([a, b, c], [d, e, f]) = (of(idle), of(busy));
        println!(
            "{what:<16}{a:>10.1}{b:>10.1}{c:>10.1}{d:>12.1}{e:>10.1}{f:>10.1}{:>8.1}",
            d / a
        );
        let longest = quantile(busy, 1.0);
        assert!(longest < PATIENCE, "{what}: {longest:?}");
    }
    stop.send_replace(true);
    running.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: docs/benchmarks.md"]
async fn on_sqlite() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("keyward.db");
    let store = keyward_control_plane::store::SqliteStore::open(&file)
        .await
        .unwrap();
    store.prepare(DEFAULT, &Brands::default(), at(0)).await.unwrap();
    a_crowd_follows_beside_others("SQLite", Arc::new(store)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes, and a PostgreSQL server: docs/benchmarks.md"]
async fn on_postgres() {
    let database = Database::new().await;
    let store = PostgresStore::open(&database.url.parse().unwrap()).await.unwrap();
    store.prepare(DEFAULT, &Brands::default(), at(0)).await.unwrap();
    a_crowd_follows_beside_others("PostgreSQL", Arc::new(store)).await;
}
