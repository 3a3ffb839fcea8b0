//! The decision, on what is known of a key: fresh from memory, just read, or long ago because nothing can be read now.

use std::rc::Rc;

use keyward_shared::{DenyReason, Family, decide, record::Verified, route::FailurePolicy};

use crate::{
    clock::UnixMillis,
    deployment::Deployment,
    grant::{Caller, Grant},
    memory::{Memory, Recollection, Sight},
    refusal::Refusal,
    screen::Candidate,
};

/// For how long a refusal may rest on memory, in milliseconds: a key that was just made, activated or given a scope works
/// this soon.
pub const REFUSAL_MEMORY_MS: u64 = 1000;

/// May it pass?
pub type Verdict<'d> = Result<Grant<'d>, Refusal<'d>>;

/// Decides on memory alone, without waiting. None when that is too old for it, and the record has to be read.
pub fn from_memory<'d>(
    deployment: &Deployment,
    memory: &mut Memory,
    candidate: &Candidate<'d>,
    now: UnixMillis,
) -> Option<Verdict<'d>> {
    let sight = memory.recall(&candidate.hash)?.latest()?;
    let (Sight::Record(_, seen_at) | Sight::Absent(seen_at)) = sight;
    let age = now.since(seen_at)?;
    if age >= deployment.record_cache_ms {
        return None;
    }
    let verdict = on_sight(candidate, &sight, now);
    (verdict.is_ok() || age < REFUSAL_MEMORY_MS).then_some(verdict)
}

/// Decides on what a look at the key has found.
pub fn on_sight<'d>(candidate: &Candidate<'d>, sight: &Sight, now: UnixMillis) -> Verdict<'d> {
    match sight {
        Sight::Record(verified, _) => on_record(candidate, verified, now),
        Sight::Absent(_) => Err(candidate.refuse(DenyReason::InvalidKey)),
    }
}

/// Decides while records cannot be read, as the route would have it. A fault of ours is never a 401, but a record that
/// was verified here keeps its word: no policy revives a key past its expiry or its end.
pub fn in_outage<'d>(
    candidate: &Candidate<'d>,
    known: Option<&Recollection>,
    now: UnixMillis,
) -> Verdict<'d> {
    let sight = known.and_then(Recollection::latest);
    match (candidate.route.failure, &sight) {
        (FailurePolicy::LastKnownGood { seconds }, Some(Sight::Record(verified, seen_at)))
            if now
                .since(*seen_at)
                .is_some_and(|age| age <= u64::from(seconds) * 1000) =>
        {
            on_record(candidate, verified, now)
        }
        (FailurePolicy::Open, Some(Sight::Record(verified, _))) => on_record(candidate, verified, now),
        (FailurePolicy::Open, Some(Sight::Absent(_)) | None) => match known.and_then(Recollection::highest) {
            Some(verified) if verified.record.status.has_ended() => on_record(candidate, verified, now),
            _ => on_tag_alone(candidate),
        },
        (FailurePolicy::Closed | FailurePolicy::LastKnownGood { .. }, _) => {
            Err(candidate.refuse(DenyReason::Unavailable))
        }
    }
}

fn on_record<'d>(candidate: &Candidate<'d>, verified: &Rc<Verified>, now: UnixMillis) -> Verdict<'d> {
    match decide(&verified.record, &candidate.facts(), now.seconds()) {
        Ok(()) => Ok(candidate.grant(Caller::Known(Rc::clone(verified)))),
        Err(reason) => Err(Refusal {
            key_id: Some(verified.record.key_id.clone()),
            ..candidate.refuse(reason)
        }),
    }
}

/// What `decide` would refuse for every record of the family is refused without one.
fn on_tag_alone<'d>(candidate: &Candidate<'d>) -> Verdict<'d> {
    let facts = candidate.facts();
    if facts.family == Family::Gateway && facts.scope.is_none() {
        Err(candidate.refuse(DenyReason::InsufficientScope))
    } else {
        Ok(candidate.grant(Caller::Unknown))
    }
}
