//! The suite on PostgreSQL, and what only PostgreSQL promises: several processes on one database.
//!
//! `cargo xtask test --step postgres` starts a server for it and names it in `KEYWARD_TEST_POSTGRES`.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Mutex,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures_util::future::join_all;
use keyward_control_plane::{
    domain::{
        AuditEvent, Change, Key, KeyId,
        audit::CHAIN_START,
        change::Dirty,
        usage::{Slots, UsageReport},
    },
    store::{
        Claim, CommitError, Confirmation, Groups as _, Outcome, PostgresStore, Settled, Store,
        SyncOutbox as _, SyncOutcome, SyncSettled, UsageBook as _,
    },
};
use keyward_shared::{Brands, Environment, month::Month, sync::Promise};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, PgPool, Row as _};

use crate::{
    backend::{Backend, StoredEvent, within},
    database::Database,
    keys::{self, at, create, key, renamed, update},
    outbox::{MAIN, as_claim},
};

pub(crate) struct Postgres {
    store: PostgresStore,
    /// Looks at the tables from outside.
    tables: PgPool,
    database: Database,
}

impl Postgres {
    async fn on(database: Database) -> Self {
        Self {
            store: open(&database).await,
            tables: PgPool::connect(&database.url).await.unwrap(),
            database,
        }
    }
}

impl Postgres {
    /// A store on what a dump holds.
    pub(crate) async fn of_dump(dump: String) -> Self {
        let database = Database::new().await;
        let mut connection = PgConnection::connect(&database.url).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(dump))
            .execute(&mut connection)
            .await
            .unwrap();
        Self::on(database).await
    }

    /// Where the database is.
    pub(crate) fn url(&self) -> &str {
        &self.database.url
    }
}

async fn open(database: &Database) -> PostgresStore {
    PostgresStore::open(&database.url.parse().unwrap()).await.unwrap()
}

#[async_trait]
impl Backend for Postgres {
    async fn open() -> Self {
        Self::on(Database::new().await).await
    }

    fn store(&self) -> &dyn Store {
        &self.store
    }

    async fn reopen(self) -> Self {
        Self::on(self.database).await
    }

    async fn audit(&self) -> Vec<StoredEvent> {
        let rows = sqlx::query("SELECT id, detail, chain FROM audit_events ORDER BY sequence")
            .fetch_all(&self.tables)
            .await
            .unwrap();
        rows.iter()
            .map(|row| StoredEvent {
                id: row.get("id"),
                detail: row.get("detail"),
                chain: row.get("chain"),
            })
            .collect()
    }

    async fn tamper(&self, statement: &'static str) {
        sqlx::raw_sql(statement).execute(&self.tables).await.unwrap();
    }

    fn putting_back(&self) -> &'static str {
        "INSERT INTO audit_events OVERRIDING SYSTEM VALUE SELECT * FROM kept"
    }

    async fn rows(&self, table: &str) -> i64 {
        // The names of tables come from these tests.
        sqlx::query_scalar(AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}")))
            .fetch_one(&self.tables)
            .await
            .unwrap()
    }
}

store_contract!(Postgres [#[ignore = "needs a PostgreSQL server: cargo xtask test --step postgres"]]);

#[tokio::test]
#[ignore = "needs a PostgreSQL server: cargo xtask test --step postgres"]
async fn several_start_at_once_on_a_new_database() {
    let database = Database::new().await;
    let stores = join_all((0..4).map(|_| open(&database))).await;
    let brands = Brands::default();
    let prepared = stores
        .iter()
        .map(|store| store.prepare(keys::DEFAULT, &brands, at(0)));
    for organization in join_all(prepared).await {
        assert_eq!(organization.unwrap(), keys::DEFAULT);
    }
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server: cargo xtask test --step postgres"]
async fn usage_of_an_older_version_is_added_up() {
    let database = Database::new().await;
    let tables = PgPool::connect(&database.url).await.unwrap();
    let mut migrator = sqlx::migrate!("./migrations/postgres");
    let before = migrator.migrations.iter().filter(|one| one.version < 14);
    migrator.migrations = before.cloned().collect::<Vec<_>>().into();
    migrator.run(&tables).await.unwrap();
    let id = "'\\x00000000000000000000000000000002'";
    let insert = format!(
        "INSERT INTO organizations (id, name, created_at, is_default, created_by)
         VALUES ('\\x00000000000000000000000000000001', 'Default', 1800000000000, 1, 'admin');
         INSERT INTO keys (id, organization, owner, hash, preview, tag_secret, service, environment, name, scopes, groups, group_scopes,
             allowed_ips, rate_limit_per_hour, plan, status, revision, lineage, created_by, created_at)
         VALUES ({id}, '\\x00000000000000000000000000000001', 'somebody', decode(repeat('00', 32), 'hex'), 'hk_test_abc***', 1, 'prediction',
             'test', 'old', '[]', '[]', '[]', '[]', 10, 'free', 'active', 3, {id}, 'somebody', 1800000000000);
         INSERT INTO usage_hours VALUES ({id}, 500000, 'main', 5), ({id}, 500016, 'main', 2), ({id}, 500001, 'spare', 1),
             ({id}, 500400, 'main', 9), ({id}, 0, 'main', 3);
         INSERT INTO usage_months VALUES ({id}, 24324, 'predictions', 'main', 4);"
    );
    sqlx::raw_sql(AssertSqlSafe(insert))
        .execute(&tables)
        .await
        .unwrap();
    let store = open(&database).await;
    store
        .prepare(keys::DEFAULT, &Brands::default(), at(0))
        .await
        .unwrap();
    let key = KeyId(uuid::Uuid::from_u128(2));
    let key = store.key(&within(keys::DEFAULT), key).await.unwrap().unwrap();
    let counted = async |slots: Slots| {
        let counted = store.usage(&key, slots, 0..u32::MAX).await.unwrap();
        let shown = counted
            .into_iter()
            .map(|(slot, requests)| (slot, requests.of_key));
        shown.collect::<Vec<_>>()
    };
    assert_eq!(
        counted(Slots::Days).await,
        [(0, 3), (20_833, 6), (20_834, 2), (20_850, 9)]
    );
    let january = 2027 * 12;
    assert_eq!(
        counted(Slots::Months).await,
        [(1970 * 12, 3), (january, 8), (january + 1, 9)]
    );
    assert_eq!(counted(Slots::Hours).await.len(), 5);
    let of_all = store
        .organization_usage(keys::DEFAULT, Slots::Days, 20_000..20_834)
        .await;
    let of_all = of_all.unwrap().into_iter();
    let of_all: Vec<_> = of_all
        .map(|(day, there)| (day, there.deployment, there.requests))
        .collect();
    assert_eq!(
        of_all,
        [(20_833, "main".to_owned(), 5), (20_833, "spare".to_owned(), 1)]
    );
    let months = Month::from_index(january)..Month::from_index(january + 1);
    let of_all = store
        .organization_metered_usage(keys::DEFAULT, months)
        .await
        .unwrap();
    assert_eq!((of_all.len(), of_all[0].2), (1, 4));
    let months = Month::from_index(january)..Month::from_index(january + 1);
    let metered = store.metered_usage(&key, months).await.unwrap();
    assert_eq!(
        (metered.len(), metered[0].requests.of_key),
        (1, 4),
        "what is metered stays"
    );
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server: cargo xtask test --step postgres"]
async fn a_start_takes_nothing_from_others() {
    let first = Postgres::start().await;
    let key = key(1);
    first.store.commit(&create(&key, &[MAIN], at(0))).await.unwrap();
    let claim = as_claim(("first", 1));
    assert_eq!(first.store.claim(MAIN, 10, &claim).await.unwrap().len(), 1);

    let second = open(&first.database).await;
    let brands = Brands::default();
    second.prepare(keys::DEFAULT, &brands, at(2)).await.unwrap();
    let others = second.claim(MAIN, 10, &as_claim(("second", 2))).await.unwrap();
    assert!(others.is_empty());
    first
        .store
        .settle(MAIN, &claim, &[written(&key)], at(3))
        .await
        .unwrap();
    assert_eq!(second.next_due(MAIN).await.unwrap(), None);
}

/// What two processes do at once.
struct Scene {
    keys: Vec<Key>,
    /// Seconds. Each look of a publisher takes one.
    clock: AtomicI64,
    /// How many still change something.
    changing: AtomicUsize,
    /// The events of what was committed.
    events: Mutex<HashMap<Vec<u8>, AuditEvent>>,
    /// Each key and revision that somebody published.
    published: Mutex<Vec<(KeyId, u64)>>,
}

/// Changes of the same keys, and all that publishers and edges write, from two processes at once: nobody waits for whoever waits
/// for him, each change is written once, and all of them arrive.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs a PostgreSQL server: cargo xtask test --step postgres"]
async fn two_processes_change_and_publish_at_once() {
    const KEYS: u64 = 8;
    const CHANGES: u64 = 12;
    let first = Postgres::start().await;
    let second = open(&first.database).await;
    let scene = Scene {
        keys: (1..=KEYS).map(key).collect(),
        clock: AtomicI64::new(2),
        changing: AtomicUsize::new(2),
        events: Mutex::default(),
        published: Mutex::default(),
    };
    for key in &scene.keys {
        scene
            .commit(&first.store, create(key, &[MAIN], at(0)))
            .await
            .unwrap();
    }
    let process = |name, store| {
        let scene = &scene;
        let changes = async move {
            let of_key = |key| scene.change(name, store, key, CHANGES);
            join_all(scene.keys.iter().map(of_key)).await;
            scene.changing.fetch_sub(1, Ordering::SeqCst);
        };
        async move { tokio::join!(changes, scene.publish(store)) }
    };
    tokio::join!(process("first", &first.store), process("second", &second));

    let last = 1 + 2 * CHANGES;
    let dirty: Vec<_> = scene.keys.iter().map(|key| at_revision(key, last)).collect();
    assert!(first.store.has_arrived(&dirty).await.unwrap());
    let confirmed = first.store.confirmed(&dirty).await.unwrap();
    assert!(confirmed.iter().all(Option::is_some));
    let published = scene.published.into_inner().unwrap();
    let distinct: HashSet<_> = published.iter().collect();
    assert_eq!(distinct.len(), published.len(), "published twice");

    let events = scene.events.into_inner().unwrap();
    let stored = first.audit().await;
    assert_eq!(stored.len(), usize::try_from(KEYS * last).unwrap());
    let mut link = CHAIN_START;
    for stored in stored {
        link = events[&stored.id].chain(&link, &stored.detail);
        assert_eq!(stored.chain, link);
    }
}

impl Scene {
    async fn commit(&self, store: &PostgresStore, change: Change) -> Result<(), CommitError> {
        store.commit(&change).await?;
        let event = change.event;
        self.events
            .lock()
            .unwrap()
            .insert(event.id.as_bytes().to_vec(), event);
        Ok(())
    }

    /// Changes a key so often, each time anew when somebody else was faster, and each time to what nobody else has made of it.
    async fn change(&self, process: &str, store: &PostgresStore, key: &Key, times: u64) {
        let mut done = 0;
        while done < times {
            let now = store.key(&within(keys::DEFAULT), key.id).await.unwrap().unwrap();
            let next = renamed(&now, &format!("change {done} of the {process}"), at(1));
            let mut change = update(&next, &[MAIN], at(1));
            change.dirty = vec![at_revision(key, next.revision)];
            match self.commit(store, change).await {
                Ok(()) => done += 1,
                Err(CommitError::Conflict) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Publishes, confirms and reports usage, until nobody changes anything and nothing waits.
    async fn publish(&self, store: &PostgresStore) {
        loop {
            let is_last = self.changing.load(Ordering::SeqCst) == 0;
            let second = self.clock.fetch_add(1, Ordering::SeqCst);
            let owner = format!("owner {second}");
            // Nobody is so slow that a claim is taken over.
            let claim = Claim {
                owner: &owner,
                at: at(second),
                holds_for: Duration::from_secs(1_000_000),
            };
            let claimed = store.claim(MAIN, 5, &claim).await.unwrap();
            let revisions = claimed
                .iter()
                .map(|claimed| (claimed.key.id, claimed.key.revision));
            self.published.lock().unwrap().extend(revisions);
            let written: Vec<_> = claimed.iter().map(|claimed| written(&claimed.key)).collect();
            store.settle(MAIN, &claim, &written, at(second)).await.unwrap();

            let claimed = store.claim_syncs(MAIN, 5, &claim).await.unwrap();
            let confirmed: Vec<_> = claimed.iter().map(|claimed| confirmation(&claimed.key)).collect();
            store.confirm(MAIN, &confirmed, at(second)).await.unwrap();
            let given_back: Vec<_> = claimed
                .iter()
                .map(|claimed| asked(&claimed.key, second))
                .collect();
            store
                .settle_syncs(MAIN, &claim, &given_back, at(second))
                .await
                .unwrap();

            // In the other order than anybody else writes them.
            let report = UsageReport {
                last_used: self.keys.iter().rev().map(|key| (key.id, at(second))).collect(),
                ..UsageReport::default()
            };
            store
                .record_usage(MAIN, Environment::Production, &report)
                .await
                .unwrap();
            store.note_use(self.keys[0].id, at(second)).await.unwrap();
            let due = store.next_due(MAIN).await.unwrap();
            let sync_due = store.next_sync_due(MAIN).await.unwrap();
            if is_last && due.is_none() && sync_due.is_none() {
                return;
            }
        }
    }
}

fn at_revision(key: &Key, revision: u64) -> Dirty {
    Dirty {
        deployment: MAIN.to_owned(),
        key: key.id,
        revision,
        to_guards: true,
    }
}

fn written(key: &Key) -> Settled {
    Settled {
        key: key.id,
        revision: key.revision,
        outcome: Outcome::Written,
    }
}

fn confirmation(key: &Key) -> Confirmation {
    Confirmation {
        key: key.id,
        revision: key.revision,
        promise: Promise::Everywhere,
    }
}

fn asked(key: &Key, second: i64) -> SyncSettled {
    SyncSettled {
        key: key.id,
        revision: key.revision,
        outcome: SyncOutcome::Adopted {
            ask_again_at: at(second),
        },
    }
}
