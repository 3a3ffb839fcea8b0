//! What an isolate and a guard say to each other. The texts of records in it are not yet verified by whoever reads them.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{hash::KeyHash, month::Month, reason::DenyReason, record::Status, time::UnixMillis};

/// The number of a lease, unique within its guard for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LeaseId(pub u64);

/// An isolate asks for a lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// The key.
    pub key: KeyHash,
    /// The meter of the route, if it has one. A lease for one meter is of no use for another, nor for none.
    pub meter: Option<String>,
    /// The signed record that the isolate knows, if it knows one.
    pub presented: Option<String>,
    /// How many requests it expects to admit while a lease lasts, those that wait right now included. 0 only asks whether one
    /// would be admitted: the lease that is granted then is for none, and counts on no limit. It has a time as every other
    /// has, so a revocation is not called over while its holder may still say yes.
    pub demand: u32,
    /// How many requests it admitted without a lease since a guard last answered. They are charged now.
    pub uncovered: u32,
}

impl Ask {
    /// The same question, by one who has no request to admit.
    #[must_use]
    pub fn only_to_look(self) -> Self {
        Self { demand: 0, ..self }
    }
}

/// What the guard answers to an [`Ask`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    /// Requests may be admitted.
    Granted(Grant),
    /// None may, now or ever.
    Denied(Denial),
    /// This object knows the key, but another guards it: ask that one, and present this record.
    Elsewhere {
        /// The signed record; it names its guard.
        record: String,
    },
    /// The guard knows no such key, and was shown no record. It keeps no trace of the question.
    Unknown,
}

/// The right to admit requests for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// Names the lease when it is given back.
    pub lease: LeaseId,
    /// The revision of the record that it may be spent with.
    pub revision: u64,
    /// How many requests.
    pub requests: u32,
    /// For how long, in milliseconds, counted from the moment before the question was sent, on the isolate's own clock.
    pub duration_ms: u64,
    /// What the key may still do, this lease taken as spent.
    pub standing: Standing,
    /// The signed record, where the isolate presented none or an older one.
    pub record: Option<String>,
}

/// No lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Denial {
    /// Why.
    pub cause: Cause,
    /// The revision of the record that this was decided with.
    pub revision: u64,
    /// What the key may still do.
    pub standing: Standing,
    /// The signed record, where the isolate presented none or an older one.
    pub record: Option<String>,
}

/// Why there is no lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Cause {
    /// The key is not active.
    Ended(Status),
    /// The hourly limit is used up.
    RateLimited {
        /// When there will be room again if no lease is given back before, in milliseconds from now.
        retry_after_ms: u64,
    },
    /// The month's quota is used up.
    QuotaExceeded {
        /// When the next month begins for certain, in milliseconds from now.
        retry_after_ms: u64,
    },
}

impl Cause {
    /// The reason that the caller is told.
    pub fn reason(self) -> DenyReason {
        match self {
            // An active key has not ended; the guard never says so, and a refusal is the safe reading.
            Self::Ended(Status::Deactivated | Status::Active) => DenyReason::Deactivated,
            Self::Ended(Status::Revoked) => DenyReason::Revoked,
            Self::Ended(Status::Superseded) => DenyReason::Superseded,
            Self::RateLimited { .. } => DenyReason::RateLimited,
            Self::QuotaExceeded { .. } => DenyReason::QuotaExceeded,
        }
    }

    /// When it is worth trying again, in milliseconds; none for a key that is not active.
    pub fn retry_after_ms(self) -> Option<u64> {
        match self {
            Self::Ended(_) => None,
            Self::RateLimited { retry_after_ms } | Self::QuotaExceeded { retry_after_ms } => {
                Some(retry_after_ms)
            }
        }
    }
}

/// How a key stands towards its limits, for `RateLimit` headers. None where there is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standing {
    /// The sliding hour.
    pub hour: Option<Allowance>,
    /// The calendar month of the meter asked for.
    pub month: Option<Allowance>,
}

impl Standing {
    /// The same so many milliseconds later, with so many requests more: those of leases that are held and not yet spent.
    #[must_use]
    pub fn later(self, ms: u64, held: u32) -> Self {
        let move_on = |allowance: Allowance| Allowance {
            left: allowance
                .left
                .saturating_add(u64::from(held))
                .min(allowance.limit),
            reset_ms: allowance.reset_ms.saturating_sub(ms),
            ..allowance
        };
        Self {
            hour: self.hour.map(move_on),
            month: self.month.map(move_on),
        }
    }
}

/// One limit, and what is left of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Allowance {
    /// The limit.
    pub limit: u64,
    /// What has neither been spent nor leased out.
    pub left: u64,
    /// When more of it comes back, in milliseconds from now.
    pub reset_ms: u64,
}

/// An isolate gives back what it has not spent of a lease, and will not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GiveBack {
    /// The lease.
    pub lease: LeaseId,
    /// How many requests of it were not admitted.
    pub unused: u32,
}

/// What the guard answers to a record that it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adopted {
    /// The highest revision that it has of the key: the one given, or a higher one.
    pub revision: u64,
    /// The one that it had before, if it knew the key.
    #[serde(default)]
    pub knew: Option<u64>,
    /// Whether the key has ended, by what it has.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub ended: bool,
    /// Whether it has something else of the revision given, or keeps an end against it: the control plane's database was restored, and
    /// has given the revision anew.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub differs: bool,
    /// How long until every lease granted under an older revision has run out, in milliseconds. It holds on every clock
    /// that runs within 1 %, counted from when this answer arrives.
    pub quiet_in_ms: u64,
}

/// Absolute totals of one key. Each only grows, so a message lost, repeated or late does no harm to whoever keeps the
/// greatest number per key and hour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyUsage {
    /// The key's public id.
    pub key_id: String,
    /// When a lease was last granted of which something was spent.
    pub last_used_at: UnixMillis,
    /// Hours since 1970-01-01T00:00:00Z, and the requests admitted in each: granted, not given back.
    pub hours: Vec<(u64, u64)>,
    /// The metered among them, by meter and month.
    pub metered: Vec<MeterUsage>,
}

/// What was counted on one meter in one month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeterUsage {
    /// The meter.
    pub meter: String,
    /// The month.
    pub month: Month,
    /// The requests admitted in it.
    pub requests: u64,
}
