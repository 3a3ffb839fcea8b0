//! The traits of a store, each method passed on: `reads` as they are, `writes` as what makes remembered reads forgotten, and the
//! few that are more than that by name.

use std::{collections::HashSet, ops::Range, time::Duration};

use async_trait::async_trait;
use jiff::Timestamp;
use keyward_control_plane::{
    domain::{
        AuditEvent, Change, Group, GroupId, Job, JobId, Key, KeyId, Organization, OrganizationId,
        UsageReport,
        audit::{Anchor, ChainedEvent, Pruning},
        change::Dirty,
        idempotency::{Done, Slot},
        organization::Member,
        principal::{Membership, Reach},
        refusals::{self, ByReason},
        session::{self, AttemptHash, SessionHash},
        usage::{Requests, Slots},
    },
    store::{
        AtDeployment, AtEdge, AuditFilter, AuditTrail, Backlog, Claim, Claimed, CommitError, Condition,
        Confirmation, Directory, GroupJob, GroupJobs, GroupPage, Groups, History, Idempotency, KeyFilter,
        KeyJob, KeyJobs, KeyPage, KeyPlace, Link, Metered, RecoveryState, Sessions, Settled, Store,
        StoreError, SyncBacklog, SyncOutbox, SyncSettled, TagSecretInUse, UsageBook, condition::Migrations,
    },
};
use keyward_shared::{Brands, Environment, KeyHash, month::Month, sync::Promise};
use uuid::Uuid;

use super::{Session, locked};
use crate::planted::{Bug, is_planted};

macro_rules! pass_on {
    ($trait:ident {
        reads { $(fn $read:ident($($read_arg:ident: $read_type:ty),*) -> $read_answer:ty;)* }
        writes { $(fn $write:ident($($write_arg:ident: $write_type:ty),*) -> $write_answer:ty;)* }
        by_name { $($by_name:tt)* }
    }) => {
        #[async_trait]
        impl $trait for Session {
            $(async fn $read(&self, $($read_arg: $read_type),*) -> $read_answer {
                self.call(self.database.store.$read($($read_arg),*)).await
            })*
            $(async fn $write(&self, $($write_arg: $write_type),*) -> $write_answer {
                self.write(self.database.store.$write($($write_arg),*)).await
            })*
            $($by_name)*
        }
    };
}

pass_on!(Store {
    reads {
        fn key(reach: &Reach, id: KeyId) -> Result<Option<Key>, StoreError>;
        fn keys(filter: &KeyFilter, after: Option<&KeyPlace>, limit: u32) -> Result<Vec<Key>, StoreError>;
        fn count_keys(filter: &KeyFilter) -> Result<u64, StoreError>;
        fn at_edge(deployment: &str, keys: &[KeyId]) -> Result<Vec<AtEdge>, StoreError>;
        fn unnoted_ends(now: Timestamp, limit: u32) -> Result<Vec<Key>, StoreError>;
        fn keys_in_grace(lineage: KeyId, now: Timestamp) -> Result<Vec<Key>, StoreError>;
        fn keys_of_environment(
            environment: Environment,
            after: Option<KeyId>,
            limit: u32
        ) -> Result<Vec<Key>, StoreError>;
        fn keys_by_hash(hashes: &[KeyHash]) -> Result<Vec<Key>, StoreError>;
        fn tag_secrets_in_use(now: Timestamp) -> Result<Vec<TagSecretInUse>, StoreError>;
        fn waiting(deployment: &str, keys: &[KeyId]) -> Result<HashSet<KeyId>, StoreError>;
        fn backlog() -> Result<Vec<Backlog>, StoreError>;
        fn has_arrived(dirty: &[Dirty]) -> Result<bool, StoreError>;
        fn is_up_to_date() -> Result<bool, StoreError>;
        fn ping() -> Result<(), StoreError>;
        fn rehearse(change: &Change) -> Result<(), CommitError>;
    }
    writes {
        fn note_ends(ends: &[(Key, AuditEvent)]) -> Result<u64, StoreError>;
        fn prepare(
            default: OrganizationId,
            brands: &Brands,
            now: Timestamp
        ) -> Result<OrganizationId, StoreError>;
        fn mark_dirty(dirty: &[Dirty], now: Timestamp) -> Result<(), StoreError>;
    }
    by_name {
        async fn commit(&self, change: &Change) -> Result<(), CommitError> {
            self.commit_change(change).await
        }

        async fn claim(
            &self,
            deployment: &str,
            limit: u32,
            claim: &Claim<'_>,
        ) -> Result<Vec<Claimed>, StoreError> {
            self.claim_rows(deployment, limit, claim).await
        }

        async fn settle(
            &self,
            deployment: &str,
            claim: &Claim<'_>,
            outcomes: &[Settled],
            now: Timestamp,
        ) -> Result<(), StoreError> {
            self.settle_rows(deployment, claim, outcomes, now).await
        }

        async fn next_due(&self, deployment: &str) -> Result<Option<Timestamp>, StoreError> {
            self.next_due_at(deployment).await
        }
    }
});

pass_on!(AuditTrail {
    reads {
        fn audit_events(
            filter: &AuditFilter,
            after: Option<Uuid>,
            limit: u32
        ) -> Result<Vec<ChainedEvent>, StoreError>;
        fn audit_chain(after: i64, limit: u32) -> Result<Vec<ChainedEvent>, StoreError>;
        fn audit_anchor() -> Result<Anchor, StoreError>;
        fn audit_prunable(before: Timestamp) -> Result<Option<i64>, StoreError>;
    }
    writes {
        fn drop_pruned(limit: u32) -> Result<u64, StoreError>;
    }
    by_name {
        async fn prune_audit(&self, pruning: &Pruning, event: &AuditEvent) -> Result<bool, StoreError> {
            let pruned = self.write(self.database.store.prune_audit(pruning, event)).await?;
            if pruned {
                self.database.witness.noted(event);
            }
            Ok(pruned)
        }
    }
});

pass_on!(Directory {
    reads {
        fn organization(id: OrganizationId) -> Result<Option<Organization>, StoreError>;
        fn organizations(
            reach: &Reach,
            after: Option<OrganizationId>,
            limit: u32
        ) -> Result<Vec<Organization>, StoreError>;
        fn memberships(subject: &str) -> Result<Vec<Membership>, StoreError>;
        fn member(organization: OrganizationId, subject: &str) -> Result<Option<Member>, StoreError>;
        fn members(
            organization: OrganizationId,
            after: Option<&str>,
            limit: u32
        ) -> Result<Vec<Member>, StoreError>;
    }
    writes {}
    by_name {}
});

pass_on!(Groups {
    reads {
        fn group(reach: &Reach, id: GroupId) -> Result<Option<Group>, StoreError>;
        fn groups(
            organization: OrganizationId,
            after: Option<&str>,
            limit: u32
        ) -> Result<Vec<Group>, StoreError>;
        fn groups_named(organization: OrganizationId, names: &[String]) -> Result<Vec<Group>, StoreError>;
        fn key_with_groups(
            organization: Option<OrganizationId>,
            hash: &KeyHash
        ) -> Result<Option<(Key, Vec<Group>)>, StoreError>;
        fn note_use(key: KeyId, at: Timestamp) -> Result<(), StoreError>;
    }
    writes {}
    by_name {}
});

pass_on!(GroupJobs {
    reads {
        fn group_jobs() -> Result<Vec<GroupJob>, StoreError>;
    }
    writes {}
    by_name {
        async fn group_page(
            &self,
            group: Option<GroupId>,
            limit: u32,
        ) -> Result<Option<GroupPage>, StoreError> {
            if group.is_none() && locked(&self.database.remembered).has_no_job {
                return Ok(None);
            }
            let page = self.call(self.database.store.group_page(group, limit)).await?;
            if group.is_none() {
                locked(&self.database.remembered).has_no_job = page.is_none();
            }
            Ok(page)
        }

        async fn commit_group_page(
            &self,
            page: &GroupPage,
            next: &[Key],
            dirty: &[Dirty],
            now: Timestamp,
        ) -> Result<bool, StoreError> {
            let store = &self.database.store;
            let written = self
                .write(store.commit_group_page(page, next, dirty, now))
                .await?;
            if written {
                self.database.witness.followed(next);
            }
            Ok(written)
        }
    }
});

pass_on!(History {
    reads {
        fn installation() -> Result<OrganizationId, StoreError>;
    }
    writes {
        fn begin_recovery(deployment: &str, now: Timestamp) -> Result<(), StoreError>;
        fn end_recovery(
            deployment: &str,
            raised_by: u64,
            report: &str,
            now: Timestamp
        ) -> Result<(), StoreError>;
        fn was_restored(ends_unknown: bool, now: Timestamp) -> Result<(), StoreError>;
    }
    by_name {
        async fn last_event(&self) -> Result<Option<Link>, StoreError> {
            if let Some(known) = locked(&self.database.remembered).last_event {
                return Ok(known);
            }
            let last = self.call(self.database.store.last_event()).await?;
            locked(&self.database.remembered).last_event = Some(last);
            Ok(last)
        }

        async fn remembers(&self, event: &Link) -> Result<bool, StoreError> {
            if is_planted(Bug::RestoredWithoutRecovery) {
                return Ok(true);
            }
            self.call(self.database.store.remembers(event)).await
        }

        async fn recovery(&self, deployment: &str) -> Result<RecoveryState, StoreError> {
            let mut state = self.call(self.database.store.recovery(deployment)).await?;
            state.is_due &= !is_planted(Bug::RestoredWithoutRecovery);
            Ok(state)
        }
    }
});

pass_on!(Idempotency {
    reads {
        fn done(slot: &Slot, now: Timestamp) -> Result<Option<Done>, StoreError>;
    }
    writes {
        fn forget(now: Timestamp) -> Result<(), StoreError>;
    }
    by_name {}
});

pass_on!(SyncOutbox {
    reads {
        fn confirmed(dirty: &[Dirty]) -> Result<Vec<Option<Promise>>, StoreError>;
        fn unconfirmed(deployment: &str, keys: &[KeyId]) -> Result<HashSet<KeyId>, StoreError>;
        fn never_confirmed(
            deployment: &str,
            environment: Environment,
            after: Option<KeyId>,
            limit: u32
        ) -> Result<Vec<Key>, StoreError>;
        fn sync_backlog() -> Result<Vec<SyncBacklog>, StoreError>;
    }
    writes {
        fn claim_syncs(deployment: &str, limit: u32, claim: &Claim<'_>) -> Result<Vec<Claimed>, StoreError>;
        fn settle_syncs(
            deployment: &str,
            claim: &Claim<'_>,
            outcomes: &[SyncSettled],
            now: Timestamp
        ) -> Result<(), StoreError>;
        fn ask_again(dirty: &[Dirty], now: Timestamp) -> Result<(), StoreError>;
    }
    by_name {
        async fn confirm(
            &self,
            deployment: &str,
            confirmations: &[Confirmation],
            now: Timestamp,
        ) -> Result<(), StoreError> {
            let store = &self.database.store;
            self.write(store.confirm(deployment, confirmations, now)).await?;
            self.database.witness.confirmed(confirmations);
            Ok(())
        }

        async fn next_sync_due(&self, deployment: &str) -> Result<Option<Timestamp>, StoreError> {
            if let Some(known) = locked(&self.database.remembered).next_sync_due.get(deployment) {
                return Ok(*known);
            }
            let due = self.call(self.database.store.next_sync_due(deployment)).await?;
            let mut remembered = locked(&self.database.remembered);
            remembered.next_sync_due.insert(deployment.to_owned(), due);
            Ok(due)
        }
    }
});

pass_on!(UsageBook {
    reads {
        fn usage(key: &Key, slots: Slots, range: Range<u32>) -> Result<Vec<(u32, Requests)>, StoreError>;
        fn metered_usage(key: &Key, months: Range<Month>) -> Result<Vec<Metered>, StoreError>;
        fn organization_usage(
            organization: OrganizationId,
            slots: Slots,
            range: Range<u32>
        ) -> Result<Vec<(u32, AtDeployment)>, StoreError>;
        fn organization_metered_usage(
            organization: OrganizationId,
            months: Range<Month>
        ) -> Result<Vec<(Month, String, u64)>, StoreError>;
        fn record_refusals(
            deployment: &str,
            environment: Environment,
            batches: &[refusals::Batch],
            now: Timestamp
        ) -> Result<ByReason, StoreError>;
        fn refusals(
            key: KeyId,
            slots: Slots,
            range: Range<u32>
        ) -> Result<Vec<(u32, &'static str, u64)>, StoreError>;
        fn organization_refusals(
            organization: OrganizationId,
            slots: Slots,
            range: Range<u32>
        ) -> Result<Vec<(u32, &'static str, u64)>, StoreError>;
        fn forget_batches(before: Timestamp, limit: u32) -> Result<u64, StoreError>;
        fn usage_horizon(slots: Slots) -> Result<u32, StoreError>;
        fn move_usage_horizon(slots: Slots, first: u32) -> Result<(), StoreError>;
        fn drop_usage(slots: Slots, limit: u32) -> Result<u64, StoreError>;
    }
    writes {}
    by_name {
        async fn record_usage(
            &self,
            deployment: &str,
            environment: Environment,
            report: &UsageReport,
        ) -> Result<(), StoreError> {
            let store = &self.database.store;
            if is_planted(Bug::UsageAddedUp) {
                let added_up = self.added_up(report);
                return self
                    .call(store.record_usage(deployment, environment, &added_up))
                    .await;
            }
            self.call(store.record_usage(deployment, environment, report)).await
        }
    }
});

pass_on!(Condition {
    reads {
        fn migrations() -> Result<Migrations, StoreError>;
        fn damage() -> Result<Option<String>, StoreError>;
        fn time() -> Result<Timestamp, StoreError>;
    }
    writes {}
    by_name {}
});

pass_on!(KeyJobs {
    reads {
        fn keys_to_do(job: &Job, now: Timestamp) -> Result<u64, StoreError>;
        fn key_jobs() -> Result<Vec<KeyJob>, StoreError>;
        fn key_job(id: JobId) -> Result<Option<KeyJob>, StoreError>;
        fn key_jobs_of(
            organization: OrganizationId,
            after: Option<JobId>,
            limit: u32
        ) -> Result<Vec<KeyJob>, StoreError>;
    }
    writes {}
    by_name {
        async fn key_page(
            &self,
            wanted: Option<JobId>,
            now: Timestamp,
            limit: u32,
        ) -> Result<Option<KeyPage>, StoreError> {
            if wanted.is_none() && locked(&self.database.remembered).has_no_key_job {
                return Ok(None);
            }
            let page = self
                .call(self.database.store.key_page(wanted, now, limit))
                .await?;
            if wanted.is_none() {
                locked(&self.database.remembered).has_no_key_job = page.is_none();
            }
            Ok(page)
        }

        async fn commit_key_page(
            &self,
            page: &KeyPage,
            next: &[Key],
            events: &[AuditEvent],
            dirty: &[Dirty],
            now: Timestamp,
        ) -> Result<bool, StoreError> {
            let store = &self.database.store;
            let written = self
                .write(store.commit_key_page(page, next, events, dirty, now))
                .await?;
            if written {
                self.database.witness.followed(next);
                for event in events {
                    self.database.witness.noted(event);
                }
            }
            Ok(written)
        }
    }
});

pass_on!(Sessions {
    reads {
        fn session(
            hash: &SessionHash,
            idle: Duration,
            now: Timestamp
        ) -> Result<Option<session::Session>, StoreError>;
        fn use_sign_in(attempt: &AttemptHash, ends_at: Timestamp) -> Result<bool, StoreError>;
        fn note_session(hash: &SessionHash, at: Timestamp) -> Result<(), StoreError>;
        fn forget_sessions(idle: Duration, now: Timestamp) -> Result<(), StoreError>;
    }
    writes {}
    by_name {
        async fn start_session(
            &self,
            session: &session::Session,
            replaced: Option<&SessionHash>,
            event: &AuditEvent,
        ) -> Result<(), StoreError> {
            let store = &self.database.store;
            self.write(store.start_session(session, replaced, event)).await?;
            self.database.witness.noted(event);
            Ok(())
        }

        async fn end_session(&self, hash: &SessionHash, event: &AuditEvent) -> Result<bool, StoreError> {
            let ended = self.write(self.database.store.end_session(hash, event)).await?;
            if ended {
                self.database.witness.noted(event);
            }
            Ok(ended)
        }
    }
});
