//! A database, namespaces, and a publisher between them.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use keyward_control_plane::{
    clock::Clock as _,
    domain::{Key, change::Dirty},
    publish::{Deployment, Deployments, Lane, Progress, Publisher, SyncStatus},
    store::{SqliteStore, Store as _},
};
use keyward_shared::{Brands, Environment, Record, SecretRing};
use tempfile::TempDir;

use crate::{
    clock::ManualClock,
    fake_edge::FakeEdge,
    fake_kv::FakeKv,
    keys::{self, DEFAULT, Seeded, at, ring},
};

/// The ids of the sync secrets of every deployment that has an edge.
pub(crate) const SYNC_RING: &[u8] = &[3];

/// The name of the database's file.
const DATABASE: &str = "keyward.db";

pub(crate) struct World {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) kvs: Vec<Arc<FakeKv>>,
    pub(crate) publisher: Arc<Publisher>,
    /// One for each deployment, or none at all.
    pub(crate) edges: Vec<Arc<FakeEdge>>,
    names: Vec<&'static str>,
    folder: TempDir,
}

impl World {
    /// One deployment, `main`, of production.
    pub(crate) async fn new() -> Self {
        Self::with(&["main"]).await
    }

    /// One deployment, `main`, of production, with an edge that can be asked.
    pub(crate) async fn guarded() -> Self {
        Self::guarded_at(&["main"]).await
    }

    /// Deployments of production, each with an edge.
    pub(crate) async fn guarded_at(names: &[&'static str]) -> Self {
        let edges = names.iter().map(|_| Arc::new(FakeEdge::new()));
        Self::of(names, edges.collect()).await
    }

    pub(crate) async fn with(names: &[&'static str]) -> Self {
        Self::of(names, Vec::new()).await
    }

    async fn of(names: &[&'static str], edges: Vec<Arc<FakeEdge>>) -> Self {
        let clock = Arc::new(ManualClock::at(at(100)));
        let kvs = names.iter().map(|_| Arc::new(FakeKv::new(Arc::clone(&clock))));
        let kvs = kvs.collect();
        Self::on(TempDir::new().unwrap(), names, edges, kvs, clock).await
    }

    /// The same namespaces and guards, copied, and another database.
    pub(crate) async fn with_database(&self, file: &Path) -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::copy(file, folder.path().join(DATABASE)).unwrap();
        let edges = self.edges.iter().map(|edge| Arc::new(edge.copy())).collect();
        let kvs = self.kvs.iter().map(|kv| Arc::new(kv.copy())).collect();
        Self::on(folder, &self.names, edges, kvs, Arc::clone(&self.clock)).await
    }

    async fn on(
        folder: TempDir,
        names: &[&'static str],
        edges: Vec<Arc<FakeEdge>>,
        kvs: Vec<Arc<FakeKv>>,
        clock: Arc<ManualClock>,
    ) -> Self {
        let store = SqliteStore::open(&folder.path().join(DATABASE)).await.unwrap();
        store.prepare(DEFAULT, &Brands::default(), at(0)).await.unwrap();
        let store = Arc::new(store);
        let mut world = Self {
            publisher: Arc::new(publisher("placeholder", &clock, &store, &Deployments::default())),
            clock,
            store,
            kvs,
            edges,
            names: names.to_vec(),
            folder,
        };
        world.publisher = world.another_publisher("first", &ring(&[1]));
        world
    }

    /// The file of the database.
    pub(crate) fn database(&self) -> PathBuf {
        self.folder.path().join(DATABASE)
    }

    /// A publisher as a further process would run it.
    pub(crate) fn another_publisher(&self, process: &str, record_secrets: &SecretRing) -> Arc<Publisher> {
        let deployments = self.deployments_with(record_secrets);
        Arc::new(publisher(process, &self.clock, &self.store, &deployments))
    }

    pub(crate) fn deployments(&self) -> Deployments {
        self.deployments_with(&ring(&[1]))
    }

    fn deployments_with(&self, record_secrets: &SecretRing) -> Deployments {
        let named = self.names.iter().zip(&self.kvs).enumerate();
        Deployments::new(named.map(|(at, (name, kv))| Deployment {
            id: (*name).to_owned(),
            environment: Environment::Production,
            record_secrets: record_secrets.clone(),
            kv: Arc::clone(kv) as _,
            edge: self.edges.get(at).map(|edge| Arc::clone(edge) as _),
            sync_secrets: self.edges.get(at).map(|_| ring(SYNC_RING)),
        }))
    }

    pub(crate) fn kv(&self) -> &FakeKv {
        &self.kvs[0]
    }

    pub(crate) fn lane(&self) -> &Lane {
        self.publisher.lanes().next().unwrap()
    }

    /// A new key, committed now.
    pub(crate) async fn create(&self, seed: u64) -> Key {
        let key = keys::key(seed);
        self.commit(&keys::create(&key, &self.names, self.clock.now()))
            .await;
        key
    }

    /// The next state of a key, committed now.
    pub(crate) async fn update(&self, key: &Key) {
        self.commit(&keys::update(key, &self.names, self.clock.now()))
            .await;
    }

    /// A key that no deployment is told of.
    pub(crate) async fn create_silently(&self, key: &Key) {
        self.commit(&keys::create(key, &[], self.clock.now())).await;
    }

    async fn commit(&self, change: &keyward_control_plane::domain::Change) {
        let mut change = change.clone();
        for dirty in &mut change.dirty {
            dirty.to_guards = !self.edges.is_empty();
        }
        self.store.commit(&change).await.unwrap();
        self.publisher.wake();
    }

    pub(crate) async fn publish(&self) -> Progress {
        self.publisher.publish_once(self.lane()).await.unwrap()
    }

    /// Publishes, second by second, for so long.
    pub(crate) async fn publish_for(&self, seconds: u64) {
        for _ in 0..seconds {
            self.publish().await;
            self.clock.advance(1);
        }
    }

    pub(crate) async fn status(&self) -> SyncStatus {
        self.publisher.status().await.unwrap()
    }

    pub(crate) async fn has_arrived(&self, key: &Key) -> bool {
        self.store.has_arrived(&[self.dirty(key)]).await.unwrap()
    }

    pub(crate) fn dirty(&self, key: &Key) -> Dirty {
        Dirty {
            deployment: self.names[0].to_owned(),
            key: key.id,
            revision: key.revision,
            to_guards: !self.edges.is_empty(),
        }
    }

    /// What KV says of a key, if its signature is good.
    pub(crate) fn published(&self, key: &Key) -> Option<Record> {
        let value = self.kv().get(&key.hash.kv_name())?;
        Some(self.lane().deployment().verify(&value, &key.hash).unwrap().record)
    }

    /// Puts a record into KV behind the publisher's back.
    pub(crate) fn plant(&self, record: &Record, key: &Key) {
        let pair = self.lane().deployment().sign(record, &key.hash).unwrap();
        self.kv().put(&pair.name, &pair.value);
    }
}

fn publisher(
    process: &str,
    clock: &Arc<ManualClock>,
    store: &Arc<SqliteStore>,
    deployments: &Deployments,
) -> Publisher {
    Publisher::new(
        Arc::clone(store) as _,
        deployments,
        Arc::clone(clock) as _,
        Arc::new(Seeded::new(42)),
        process.to_owned(),
    )
}
