//! Points at which tests end the process as a kill would: inside transactions, and between what one write and the next promise.
//!
//! Only builds with debug assertions have them. There `KEYWARD_CRASH_AT=<name>` ends the process where it first comes to the
//! point of that name. In every other build a point is nothing, and the variable is refused as one that nobody knows.

macro_rules! points {
    ($($(#[$doc:meta])* $point:ident = $name:literal,)+) => {
        /// Where the process can be made to end.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Point {
            $($(#[$doc])* $point,)+
        }

        impl Point {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$point),+];

            /// What it is called in `KEYWARD_CRASH_AT`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$point => $name,)+
                }
            }
        }
    };
}

points! {
    /// The database is open and its schema up to date.
    Opened = "start.opened",
    /// Claims of a process before this one are taken over, uncommitted.
    PrepareUncommitted = "start.uncommitted",
    /// The same, committed.
    Prepared = "start.prepared",
    /// The transaction of a change has begun.
    ChangeBegun = "change.begun",
    /// Its request is remembered.
    RequestRemembered = "change.request_remembered",
    /// What it says of organizations, members and groups is written.
    DirectoryWritten = "change.directory_written",
    /// Its keys are written.
    KeysWritten = "change.keys_written",
    /// Its event is written.
    EventWritten = "change.event_written",
    /// Its outbox rows are written; nothing is committed.
    ChangeUncommitted = "change.uncommitted",
    /// It is committed, and nobody was told.
    ChangeCommitted = "change.committed",
    /// The publisher is woken, the caller waits.
    ChangeWoken = "change.woken",
    /// The caller is about to be answered.
    AnswerDue = "change.answer_due",
    /// Rows are claimed for KV, uncommitted.
    ClaimUncommitted = "outbox.claim_uncommitted",
    /// The same, committed.
    Claimed = "outbox.claimed",
    /// What has arrived is recorded, its rows are still there.
    PublishedRecorded = "outbox.published_recorded",
    /// A batch is settled, uncommitted.
    SettleUncommitted = "outbox.settle_uncommitted",
    /// The same, committed.
    Settled = "outbox.settled",
    /// Rows are marked for another write, uncommitted.
    MarkUncommitted = "outbox.mark_uncommitted",
    /// The same, committed.
    Marked = "outbox.marked",
    /// Records are signed and not sent.
    Signed = "publish.signed",
    /// KV has answered, and nobody noted it.
    KvWritten = "publish.kv_written",
    /// It is noted.
    PublishNoted = "publish.noted",
    /// Rows are claimed for guards, uncommitted.
    SyncClaimUncommitted = "sync.claim_uncommitted",
    /// The same, committed.
    SyncClaimed = "sync.claimed",
    /// Records are signed and guards not asked.
    SyncSigned = "sync.signed",
    /// Guards have answered, and nobody noted it.
    SyncAnswered = "sync.answered",
    /// Their answers are noted, uncommitted.
    SyncSettleUncommitted = "sync.settle_uncommitted",
    /// The same, committed.
    SyncSettled = "sync.settled",
    /// Older leases have run out.
    ConfirmDue = "sync.confirm_due",
    /// That is noted, uncommitted.
    ConfirmUncommitted = "sync.confirm_uncommitted",
    /// The same, committed.
    Confirmed = "sync.confirmed",
    /// Guards are to be asked once more, uncommitted.
    AskAgainUncommitted = "sync.ask_again_uncommitted",
    /// A page of a group's keys is read.
    GroupPageRead = "groups.page_read",
    /// It is written, uncommitted.
    GroupPageUncommitted = "groups.page_uncommitted",
    /// The same, committed.
    GroupPageCommitted = "groups.page_committed",
    /// A page of the keys of a job is read.
    KeyPageRead = "jobs.page_read",
    /// It is written, uncommitted.
    KeyPageUncommitted = "jobs.page_uncommitted",
    /// The same, committed.
    KeyPageCommitted = "jobs.page_committed",
    /// A report of usage is recorded, uncommitted.
    UsageUncommitted = "usage.uncommitted",
    /// The same, committed.
    UsageCommitted = "usage.committed",
    /// Refusals are counted, uncommitted.
    RefusalsUncommitted = "usage.refusals_uncommitted",
    /// What is remembered of requests no longer is dropped, uncommitted.
    ForgetUncommitted = "sweep.forget_uncommitted",
    /// Usage from before some day is not shown any more, and still there.
    HorizonMoved = "retention.horizon_moved",
    /// Some of it is dropped.
    UsageDropped = "retention.usage_dropped",
    /// The trail begins with a later event, uncommitted.
    PruneUncommitted = "retention.prune_uncommitted",
    /// The same, committed. The rows of the events before are still there.
    TrailPruned = "retention.trail_pruned",
    /// Reconcile has marked what differs.
    ReconcileMarked = "reconcile.marked",
    /// Guards know the ends of keys that no row knows.
    OrphansEndedAtGuards = "reconcile.orphans_ended_at_guards",
    /// KV has them too.
    OrphansEnded = "reconcile.orphans_ended",
    /// The mark of the past is written.
    MarkWritten = "mark.written",
    /// A recovery has begun.
    RecoveryBegun = "recovery.begun",
    /// A key is written above what the edge has.
    KeyRecovered = "recovery.key_recovered",
    /// All names of KV are looked at.
    NamesRead = "recovery.names_read",
    /// Guards know the ends of keys that only the edge knew.
    UnknownEndedAtGuards = "recovery.unknown_ended_at_guards",
    /// KV has them too.
    UnknownEnded = "recovery.unknown_ended",
    /// Guards were asked what they have.
    GuardsAsked = "recovery.guards_asked",
    /// The end of a recovery is noted.
    RecoveryEnded = "recovery.ended",
}

/// The name of the variable that names a point.
#[cfg(debug_assertions)]
const VARIABLE: &str = "KEYWARD_CRASH_AT";

/// The process comes to a point, and ends there if it was told to.
#[cfg(debug_assertions)]
pub(crate) fn crash_point(point: Point) {
    static AT: std::sync::LazyLock<Option<String>> =
        std::sync::LazyLock::new(|| std::env::var(VARIABLE).ok());
    tracing::trace!(target: "keyward::crash", point = point.name(), "a crash point");
    if AT.as_deref() == Some(point.name()) {
        // Nothing is flushed, closed or unwound, as in a kill from outside.
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        std::process::abort();
    }
}

/// Nothing: only tests crash on purpose.
#[cfg(not(debug_assertions))]
pub(crate) const fn crash_point(_point: Point) {}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_points_have_one_name_and_there_are_enough() {
        let names: HashSet<_> = Point::ALL.iter().map(|point| point.name()).collect();
        assert_eq!(names.len(), Point::ALL.len());
        assert!(names.len() >= 40, "{}", names.len());
    }
}
