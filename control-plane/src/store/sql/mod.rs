//! The store in SQL, as far as databases agree: each compiles these files for itself (`Db` and what goes with it), and keeps
//! beside them where it is opened, how its transactions begin, and the few statements of its own.

use std::collections::HashSet;

use async_trait::async_trait;
use jiff::Timestamp;
use keyward_shared::{Brands, Environment, KeyHash};
use sqlx::{Row as _, Transaction};

use super::{Db, DbConnection, DbPool, DbRow, MIGRATIONS, SERVES_ALONE, SqlStore, statements};
use crate::{
    clock::whole_second,
    crash::{Point, crash_point},
    domain::{
        AuditEvent, Change, Key, KeyId, Organization, OrganizationId, change::Dirty, leak::LeakPolicy,
        principal::Reach,
    },
    store::{
        AtEdge, Backlog, Claim, Claimed, CommitError, KeyFilter, KeyPlace, Settled, Store, StoreError,
        TagSecretInUse,
    },
};

mod audit;
mod changes;
mod columns;
mod condition;
mod directory;
mod ends;
mod group_jobs;
mod groups;
mod history;
mod idempotency;
mod key_jobs;
mod key_lists;
mod keys;
mod outbox;
mod refusals;
mod sessions;
mod sync_outbox;
mod usage;

#[async_trait]
impl Store for SqlStore {
    async fn prepare(
        &self,
        default: OrganizationId,
        brands: &Brands,
        now: Timestamp,
    ) -> Result<OrganizationId, StoreError> {
        let mut transaction = self.begin_change().await?;
        let organization = default_organization(&mut transaction, default, now).await?;
        check_brand(&mut transaction, "service_key_brand", brands.service()).await?;
        check_brand(&mut transaction, "gateway_key_brand", brands.gateway()).await?;
        if SERVES_ALONE {
            outbox::release_all(&mut transaction, now).await?;
            sync_outbox::release_all(&mut transaction, now).await?;
        }
        crash_point(Point::PrepareUncommitted);
        transaction.commit().await?;
        crash_point(Point::Prepared);
        Ok(organization)
    }

    async fn key(&self, reach: &Reach, id: KeyId) -> Result<Option<Key>, StoreError> {
        keys::one(&self.readers, reach, id).await
    }

    async fn keys(
        &self,
        filter: &KeyFilter,
        after: Option<&KeyPlace>,
        limit: u32,
    ) -> Result<Vec<Key>, StoreError> {
        key_lists::list(&self.readers, filter, after, limit).await
    }

    async fn count_keys(&self, filter: &KeyFilter) -> Result<u64, StoreError> {
        key_lists::count(&self.readers, filter).await
    }

    async fn at_edge(&self, deployment: &str, keys: &[KeyId]) -> Result<Vec<AtEdge>, StoreError> {
        key_lists::at_edge(&self.readers, deployment, keys).await
    }

    async fn keys_in_grace(&self, lineage: KeyId, now: Timestamp) -> Result<Vec<Key>, StoreError> {
        keys::in_grace(&self.readers, lineage, now).await
    }

    async fn keys_of_environment(
        &self,
        environment: Environment,
        after: Option<KeyId>,
        limit: u32,
    ) -> Result<Vec<Key>, StoreError> {
        keys::of_environment(&self.readers, environment, after, limit).await
    }

    async fn keys_by_hash(&self, hashes: &[KeyHash]) -> Result<Vec<Key>, StoreError> {
        keys::by_hash(&self.readers, hashes).await
    }

    async fn tag_secrets_in_use(&self, now: Timestamp) -> Result<Vec<TagSecretInUse>, StoreError> {
        keys::tag_secrets_in_use(&self.readers, now).await
    }

    async fn commit(&self, change: &Change) -> Result<(), CommitError> {
        let mut transaction = self.begin_change().await?;
        crash_point(Point::ChangeBegun);
        changes::write(&mut transaction, change).await?;
        crash_point(Point::ChangeUncommitted);
        transaction.commit().await?;
        crash_point(Point::ChangeCommitted);
        Ok(())
    }

    async fn rehearse(&self, change: &Change) -> Result<(), CommitError> {
        let mut transaction = self.begin_change().await?;
        let written = changes::write(&mut transaction, change).await;
        transaction.rollback().await?;
        written
    }

    async fn unnoted_ends(&self, now: Timestamp, limit: u32) -> Result<Vec<Key>, StoreError> {
        ends::unnoted(&self.readers, now, limit).await
    }

    async fn note_ends(&self, ends: &[(Key, AuditEvent)]) -> Result<u64, StoreError> {
        let mut transaction = self.begin_change().await?;
        let mut noted = 0;
        for (key, event) in ends {
            noted += u64::from(ends::note(&mut transaction, key, event).await?);
        }
        transaction.commit().await?;
        Ok(noted)
    }

    async fn mark_dirty(&self, dirty: &[Dirty], now: Timestamp) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        outbox::mark(&mut transaction, dirty, now).await?;
        crash_point(Point::MarkUncommitted);
        transaction.commit().await?;
        crash_point(Point::Marked);
        Ok(())
    }

    async fn claim(
        &self,
        deployment: &str,
        limit: u32,
        claim: &Claim<'_>,
    ) -> Result<Vec<Claimed>, StoreError> {
        let mut transaction = self.begin().await?;
        let claimed = outbox::claim(&mut transaction, deployment, limit, claim).await?;
        crash_point(Point::ClaimUncommitted);
        transaction.commit().await?;
        crash_point(Point::Claimed);
        Ok(claimed)
    }

    async fn settle(
        &self,
        deployment: &str,
        claim: &Claim<'_>,
        outcomes: &[Settled],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        outbox::settle(&mut transaction, deployment, claim, outcomes, now).await?;
        crash_point(Point::SettleUncommitted);
        transaction.commit().await?;
        crash_point(Point::Settled);
        Ok(())
    }

    async fn waiting(&self, deployment: &str, keys: &[KeyId]) -> Result<HashSet<KeyId>, StoreError> {
        outbox::waiting(&self.readers, deployment, keys).await
    }

    async fn backlog(&self) -> Result<Vec<Backlog>, StoreError> {
        outbox::backlog(&self.readers).await
    }

    async fn next_due(&self, deployment: &str) -> Result<Option<Timestamp>, StoreError> {
        outbox::next_due(&self.readers, deployment).await
    }

    async fn has_arrived(&self, dirty: &[Dirty]) -> Result<bool, StoreError> {
        outbox::has_arrived(&self.readers, dirty).await
    }

    async fn is_up_to_date(&self) -> Result<bool, StoreError> {
        let applied: Option<i64> =
            sqlx::query_scalar("SELECT MAX(version) FROM _sqlx_migrations WHERE success")
                .fetch_one(&self.readers)
                .await?;
        let known = MIGRATIONS.iter().map(|migration| migration.version).max();
        Ok(applied >= known)
    }

    async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(&self.readers).await?;
        Ok(())
    }
}

/// The default organization, made with the id given when there is none.
async fn default_organization(
    transaction: &mut Transaction<'_, Db>,
    id: OrganizationId,
    now: Timestamp,
) -> Result<OrganizationId, StoreError> {
    let existing =
        sqlx::query("SELECT id FROM organizations WHERE is_default = 1").fetch_optional(&mut **transaction);
    if let Some(row) = existing.await? {
        return Ok(OrganizationId(columns::uuid(
            row.try_get("id")?,
            "organization id",
        )?));
    }
    let organization = Organization {
        id,
        name: "Default".to_owned(),
        created_by: "admin".to_owned(),
        created_at: whole_second(now),
        leak_policy: LeakPolicy::default(),
        unused_after_days: None,
        suspended: None,
    };
    directory::add_organization(transaction, &organization).await?;
    sqlx::query("UPDATE organizations SET is_default = 1 WHERE id = $1")
        .bind(id.0.as_bytes().as_slice())
        .execute(&mut **transaction)
        .await?;
    Ok(id)
}

/// Once issued, a prefix never changes: the brand is written down at the first start and compared ever after.
async fn check_brand(
    transaction: &mut Transaction<'_, Db>,
    setting: &'static str,
    brand: &str,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO installation (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING")
        .bind(setting)
        .bind(brand)
        .execute(&mut **transaction)
        .await?;
    let issued: String = sqlx::query_scalar("SELECT value FROM installation WHERE name = $1")
        .bind(setting)
        .fetch_one(&mut **transaction)
        .await?;
    if issued == brand {
        return Ok(());
    }
    Err(StoreError::Unusable(format!(
        "{setting} is `{brand}`, but this database was set up with `{issued}`, and a prefix never changes once keys \
         carry it: set it back to `{issued}`"
    )))
}
