//! The decision on a record, and what the failure policy makes of it while nothing can be read.

use std::rc::Rc;

use keyward_shared::{DenyReason, Family, decide, guard::SignedRecord, route::FailurePolicy};

use crate::{
    clock::UnixMillis,
    grant::{Caller, Grant},
    memory::{Recollection, Sight},
    refusal::Refusal,
    screen::Candidate,
};

/// For how long a refusal may rest on memory, in milliseconds: a key that was just made, activated or given a scope works
/// this soon.
pub const REFUSAL_MEMORY_MS: u64 = 1000;

/// May it pass?
pub type Verdict<'d> = Result<Grant<'d>, Refusal<'d>>;

/// Decides while neither KV nor a guard can be asked, as the route would have it. A fault of ours is never a 401, but a
/// record that was verified here keeps its word: no policy revives a key past its expiry or its end.
pub fn in_outage<'d>(
    candidate: &Candidate<'d>,
    known: Option<&Recollection>,
    now: UnixMillis,
) -> Verdict<'d> {
    let sight = known.and_then(Recollection::latest);
    match (candidate.route.failure, &sight) {
        (FailurePolicy::LastKnownGood { seconds }, Some(Sight::Record(signed, seen_at)))
            if now
                .since(*seen_at)
                .is_some_and(|age| age <= u64::from(seconds) * 1000) =>
        {
            on_record(candidate, signed, now)
        }
        (FailurePolicy::Open, Some(Sight::Record(signed, _))) => on_record(candidate, signed, now),
        (FailurePolicy::Open, Some(Sight::Absent(_)) | None) => match known.and_then(Recollection::highest) {
            Some(signed) if signed.record().status.has_ended() => on_record(candidate, signed, now),
            _ if candidate.is_imported() => Err(candidate.refuse(DenyReason::Unavailable)),
            _ => on_tag_alone(candidate),
        },
        (FailurePolicy::Closed | FailurePolicy::LastKnownGood { .. }, _) => {
            Err(candidate.refuse(DenyReason::Unavailable))
        }
    }
}

/// Decides on a record, before any lease.
pub fn on_record<'d>(candidate: &Candidate<'d>, signed: &Rc<SignedRecord>, now: UnixMillis) -> Verdict<'d> {
    match decide(signed.record(), &candidate.facts(), now.seconds()) {
        Ok(()) => Ok(candidate.grant(Caller::Known(Rc::clone(signed)))),
        Err(reason) => Err(Refusal {
            key_id: Some(signed.record().key_id.clone()),
            ..candidate.refuse(reason)
        }),
    }
}

/// What `decide` would refuse for every record of the family is refused without one.
fn on_tag_alone<'d>(candidate: &Candidate<'d>) -> Verdict<'d> {
    let facts = candidate.facts();
    if facts.family == Some(Family::Gateway) && facts.scope.is_none() {
        Err(candidate.refuse(DenyReason::InsufficientScope))
    } else {
        Ok(candidate.grant(Caller::Unknown))
    }
}
