//! Mistakes planted around the production code, so that the simulation can show that it would notice them.
//!
//! Each is made in what an adapter of the simulation does with the real code: in what it passes on, or in the rows and clocks that
//! the real code finds. One of them is a switch in the edge's own code (`keyward_edge::mistakes`), which only this crate compiles in.

use std::cell::Cell;

/// A mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// The record of a key that has ended is deleted from KV instead of overwritten by its tombstone.
    DeletedInsteadOfTombstone,
    /// The edge's answer is taken for given before the question is sent.
    AcknowledgedBeforePush,
    /// The outbox holds the key as it was when it became dirty, and that is published.
    SnapshotPublished,
    /// A guard that starts knows no records: an old one passes for the highest.
    FenceForgotten,
    /// A change is confirmed as soon as the guards have answered.
    LeaseNotWaitedFor,
    /// A guard that starts knows no more what it has counted.
    CounterOnlyInMemory,
    /// What counts towards the hour counts from the latest request on.
    WindowSlidesWithRequests,
    /// A record that the isolate remembers is not checked for its expiry.
    CacheHitSkipsExpiry,
    /// Publishers take no notice of each other's claims.
    PublishersWithoutClaim,
    /// The guard's clock shows local time, and it counts months by that.
    MonthByLocalTime,
    /// A write to KV of which nobody knows how it ended is taken for written.
    UnknownTakenForWritten,
    /// A guard's answer leaves before its rows are stored.
    AnsweredBeforeStored,
    /// What guards report is added to what they reported before.
    UsageAddedUp,
    /// A database that was restored publishes what it has.
    RestoredWithoutRecovery,
}

impl Bug {
    /// Each of them.
    pub const ALL: [Self; 14] = [
        Self::DeletedInsteadOfTombstone,
        Self::AcknowledgedBeforePush,
        Self::SnapshotPublished,
        Self::FenceForgotten,
        Self::LeaseNotWaitedFor,
        Self::CounterOnlyInMemory,
        Self::WindowSlidesWithRequests,
        Self::CacheHitSkipsExpiry,
        Self::PublishersWithoutClaim,
        Self::MonthByLocalTime,
        Self::UnknownTakenForWritten,
        Self::AnsweredBeforeStored,
        Self::UsageAddedUp,
        Self::RestoredWithoutRecovery,
    ];
}

thread_local! {
    static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
}

/// Whether a mistake is planted in what runs on this thread.
pub fn is_planted(bug: Bug) -> bool {
    PLANTED.get() == Some(bug)
}

/// A mistake, for as long as this is not dropped.
#[derive(Debug)]
pub struct Planting(());

impl Planting {
    /// Plants a mistake, or none, in what runs on this thread.
    pub fn of(bug: Option<Bug>) -> Self {
        PLANTED.set(bug);
        keyward_edge::mistakes::skip_expiry_of_remembered(bug == Some(Bug::CacheHitSkipsExpiry));
        Self(())
    }
}

impl Drop for Planting {
    fn drop(&mut self) {
        PLANTED.set(None);
        keyward_edge::mistakes::skip_expiry_of_remembered(false);
    }
}
