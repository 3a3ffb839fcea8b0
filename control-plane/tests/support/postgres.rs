//! Databases of a PostgreSQL server that tests may fill.

use std::{
    env, process,
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

/// Names the server.
const SERVER: &str = "KEYWARD_TEST_POSTGRES";

/// A database of a test's own, which goes with it.
pub(crate) struct Database {
    server: String,
    name: String,
    /// Its address.
    pub(crate) url: String,
}

impl Database {
    pub(crate) async fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let Ok(server) = env::var(SERVER) else {
            panic!(
                "{SERVER} names no PostgreSQL server; `cargo xtask test --step postgres` starts one for these tests"
            );
        };
        let name = format!("test_{}_{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        run(&server, format!("CREATE DATABASE {name}")).await;
        let url = server.replacen("/postgres?", &format!("/{name}?"), 1);
        assert_ne!(url, server, "{SERVER} is to name the database `postgres`");
        Self { server, name, url }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        let dropped = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            // Whoever is still connected is thrown out.
            let drop = run(&server, format!("DROP DATABASE {name} WITH (FORCE)"));
            runtime.unwrap().block_on(drop);
        });
        let _ = dropped.join();
    }
}

/// Does something to the server. What it says comes from these tests.
async fn run(server: &str, statement: String) {
    let mut connection = PgConnection::connect(server).await.unwrap();
    sqlx::query(AssertSqlSafe(statement))
        .execute(&mut connection)
        .await
        .unwrap();
}
