//! A database for a test.

use async_trait::async_trait;
use jiff::Timestamp;
use keyward_control_plane::{
    domain::{OrganizationId, principal::Reach},
    store::Store,
};
use keyward_shared::Brands;

use crate::keys::{DEFAULT, at};

/// A database with a store on it.
#[async_trait]
pub(crate) trait Backend: Sized + Send + Sync {
    /// A store on a fresh database, not yet prepared.
    async fn open() -> Self;

    fn store(&self) -> &dyn Store;

    /// The store as another process finds it after this one was killed: nothing was closed in order.
    async fn reopen(self) -> Self;

    /// All audit events, oldest first.
    async fn audit(&self) -> Vec<StoredEvent>;

    /// Changes the tables behind the store's back.
    async fn tamper(&self, statement: &'static str);

    /// What puts audit events back that were copied to the table `kept`.
    fn putting_back(&self) -> &'static str;

    /// How many rows a table has.
    async fn rows(&self, table: &str) -> i64;

    /// A prepared store on a fresh database.
    async fn start() -> Self {
        let backend = Self::open().await;
        backend.prepare(at(0)).await;
        backend
    }

    async fn prepare(&self, now: Timestamp) {
        let organization = self
            .store()
            .prepare(DEFAULT, &Brands::default(), now)
            .await
            .unwrap();
        assert_eq!(organization, DEFAULT);
    }

    /// Rows of audit events, outbox and keys.
    async fn row_counts(&self) -> [i64; 3] {
        [
            self.rows("audit_events").await,
            self.rows("outbox").await,
            self.rows("keys").await,
        ]
    }
}

/// Just this organization.
pub(crate) fn within(organization: OrganizationId) -> Reach {
    Reach::Within(vec![organization])
}

/// An audit event as it stands in the database.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct StoredEvent {
    pub(crate) id: Vec<u8>,
    pub(crate) detail: String,
    pub(crate) chain: Vec<u8>,
}
