//! The failure table: for each state of a key and each fault, what every route makes of a request.

/// One row: a column for each of [`ROUTES`].
pub(super) type Row = (State, Fault, [&'static str; 6]);

/// The routes, in the order of the columns.
pub(super) const ROUTES: [&str; 6] = [
    "/closed",
    "/last",
    "/open",
    "/fast/closed",
    "/fast/last",
    "/fast/open",
];

/// What is known of a key, and by whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// By KV and its guards; this isolate has never heard of it.
    Cold,
    /// By KV alone, as after a first publication of many keys.
    InKvAlone,
    /// By its guards alone: KV is behind.
    AtGuardsAlone,
    /// By all, and the isolate has just forgotten its lease.
    Warm,
    /// Past its expiry.
    ExpiredCold,
    ExpiredWarm,
    /// Deactivated, so that it may come back.
    DeactivatedCold,
    /// Revoked.
    EndedCold,
    EndedWarm,
    /// Revoked, which only its guards know: KV has an older record of it.
    EndedAtGuardsAlone,
    /// Revoked, which only KV knows: nobody told its guards.
    EndedInKvAlone,
    /// By nobody: its tag is genuine, and that is all.
    Unknown,
}

impl State {
    /// Whether the isolate is asked before anything fails.
    pub(super) fn is_warm(self) -> bool {
        matches!(self, Self::Warm | Self::ExpiredWarm | Self::EndedWarm)
    }
}

/// What fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Nothing,
    GuardsAway,
    GuardsSilent,
    KvDown,
    KvSilent,
    BothDown,
    BothSilent,
    /// KV holds something that is no record, and answers before the guards do.
    Rubbish,
    /// The same with a genuine record of another key.
    BadMac,
    RubbishAndGuardsAway,
}

/// What comes of a request.
pub(super) const OK: &str = "admitted";
/// Admitted on its tag alone: the origin is told of no key.
pub(super) const TAG: &str = "admitted on its tag";
const DOWN: &str = "unavailable";
const EXPIRED: &str = "expired";
const OFF: &str = "deactivated";
const ENDED: &str = "revoked";
const NONE: &str = "invalid_key";

/// Where guards are told of every change.
pub(super) const TABLE: &[Row] = {
    use {Fault as F, State as S};
    &[
        (S::Cold, F::Nothing, [OK, OK, OK, OK, OK, OK]),
        (S::Cold, F::GuardsAway, [DOWN, OK, OK, OK, OK, OK]),
        (S::Cold, F::GuardsSilent, [DOWN, OK, OK, OK, OK, OK]),
        (S::Cold, F::KvDown, [OK, OK, OK, OK, OK, OK]),
        (S::Cold, F::KvSilent, [OK, OK, OK, OK, OK, OK]),
        (S::Cold, F::BothDown, [DOWN, DOWN, TAG, DOWN, DOWN, TAG]),
        (S::Cold, F::BothSilent, [DOWN, DOWN, TAG, DOWN, DOWN, TAG]),
        (S::Cold, F::Rubbish, [DOWN, DOWN, DOWN, DOWN, DOWN, DOWN]),
        (S::Cold, F::BadMac, [DOWN, DOWN, DOWN, DOWN, DOWN, DOWN]),
        (
            S::Cold,
            F::RubbishAndGuardsAway,
            [DOWN, DOWN, DOWN, DOWN, DOWN, DOWN],
        ),
        (S::InKvAlone, F::Nothing, [OK, OK, OK, OK, OK, OK]),
        (S::InKvAlone, F::GuardsAway, [DOWN, OK, OK, OK, OK, OK]),
        (S::InKvAlone, F::KvDown, [DOWN, DOWN, TAG, DOWN, DOWN, TAG]),
        (S::InKvAlone, F::Rubbish, [DOWN, DOWN, DOWN, DOWN, DOWN, DOWN]),
        (S::InKvAlone, F::BadMac, [DOWN, DOWN, DOWN, DOWN, DOWN, DOWN]),
        (S::AtGuardsAlone, F::Nothing, [OK, OK, OK, OK, OK, OK]),
        (S::AtGuardsAlone, F::KvDown, [OK, OK, OK, OK, OK, OK]),
        // KV says that there is no such key, and those who know better are away.
        (
            S::AtGuardsAlone,
            F::GuardsAway,
            [DOWN, NONE, NONE, DOWN, NONE, NONE],
        ),
        (S::Warm, F::Nothing, [OK, OK, OK, OK, OK, OK]),
        (S::Warm, F::GuardsAway, [DOWN, OK, OK, OK, OK, OK]),
        (S::Warm, F::GuardsSilent, [DOWN, OK, OK, OK, OK, OK]),
        (S::Warm, F::KvDown, [OK, OK, OK, OK, OK, OK]),
        (S::Warm, F::KvSilent, [OK, OK, OK, OK, OK, OK]),
        (S::Warm, F::BothDown, [DOWN, OK, OK, DOWN, OK, OK]),
        (S::Warm, F::BothSilent, [DOWN, OK, OK, DOWN, OK, OK]),
        // A strict route asks the guard of a key that it knows, and does not read KV.
        (S::Warm, F::Rubbish, [OK, OK, OK, DOWN, DOWN, DOWN]),
        (
            S::Warm,
            F::RubbishAndGuardsAway,
            [DOWN, DOWN, DOWN, DOWN, DOWN, DOWN],
        ),
        (
            S::ExpiredCold,
            F::Nothing,
            [EXPIRED, EXPIRED, EXPIRED, EXPIRED, EXPIRED, EXPIRED],
        ),
        // Its guards might know of a later expiry.
        (
            S::ExpiredCold,
            F::GuardsAway,
            [DOWN, EXPIRED, EXPIRED, DOWN, EXPIRED, EXPIRED],
        ),
        (
            S::ExpiredCold,
            F::KvDown,
            [EXPIRED, EXPIRED, EXPIRED, EXPIRED, EXPIRED, EXPIRED],
        ),
        (S::ExpiredCold, F::BothDown, [DOWN, DOWN, TAG, DOWN, DOWN, TAG]),
        (
            S::ExpiredWarm,
            F::Nothing,
            [EXPIRED, EXPIRED, EXPIRED, EXPIRED, EXPIRED, EXPIRED],
        ),
        (
            S::ExpiredWarm,
            F::GuardsAway,
            [DOWN, EXPIRED, EXPIRED, DOWN, EXPIRED, EXPIRED],
        ),
        (
            S::ExpiredWarm,
            F::KvDown,
            [EXPIRED, EXPIRED, EXPIRED, EXPIRED, EXPIRED, EXPIRED],
        ),
        (
            S::ExpiredWarm,
            F::BothDown,
            [DOWN, EXPIRED, EXPIRED, DOWN, EXPIRED, EXPIRED],
        ),
        (S::DeactivatedCold, F::Nothing, [OFF, OFF, OFF, OFF, OFF, OFF]),
        (
            S::DeactivatedCold,
            F::GuardsAway,
            [DOWN, OFF, OFF, DOWN, OFF, OFF],
        ),
        (S::DeactivatedCold, F::KvDown, [OFF, OFF, OFF, OFF, OFF, OFF]),
        (
            S::EndedCold,
            F::Nothing,
            [ENDED, ENDED, ENDED, ENDED, ENDED, ENDED],
        ),
        (
            S::EndedCold,
            F::GuardsAway,
            [ENDED, ENDED, ENDED, ENDED, ENDED, ENDED],
        ),
        (
            S::EndedCold,
            F::KvDown,
            [ENDED, ENDED, ENDED, ENDED, ENDED, ENDED],
        ),
        (S::EndedCold, F::BothDown, [DOWN, DOWN, TAG, DOWN, DOWN, TAG]),
        (S::EndedCold, F::Rubbish, [DOWN, DOWN, DOWN, DOWN, DOWN, DOWN]),
        (
            S::EndedWarm,
            F::Nothing,
            [ENDED, ENDED, ENDED, ENDED, ENDED, ENDED],
        ),
        (
            S::EndedWarm,
            F::GuardsAway,
            [ENDED, ENDED, ENDED, ENDED, ENDED, ENDED],
        ),
        (
            S::EndedWarm,
            F::KvDown,
            [ENDED, ENDED, ENDED, ENDED, ENDED, ENDED],
        ),
        (
            S::EndedWarm,
            F::BothDown,
            [DOWN, ENDED, ENDED, DOWN, ENDED, ENDED],
        ),
        // A fast route decides on KV, and says so.
        (
            S::EndedAtGuardsAlone,
            F::Nothing,
            [ENDED, ENDED, ENDED, OK, OK, OK],
        ),
        (
            S::EndedAtGuardsAlone,
            F::KvDown,
            [ENDED, ENDED, ENDED, ENDED, ENDED, ENDED],
        ),
        (S::EndedAtGuardsAlone, F::GuardsAway, [DOWN, OK, OK, OK, OK, OK]),
        (
            S::EndedInKvAlone,
            F::GuardsAway,
            [ENDED, ENDED, ENDED, ENDED, ENDED, ENDED],
        ),
        (S::Unknown, F::Nothing, [NONE, NONE, NONE, NONE, NONE, NONE]),
        (S::Unknown, F::GuardsAway, [DOWN, NONE, NONE, DOWN, NONE, NONE]),
        (S::Unknown, F::KvDown, [DOWN, DOWN, TAG, DOWN, DOWN, TAG]),
        (S::Unknown, F::BothDown, [DOWN, DOWN, TAG, DOWN, DOWN, TAG]),
    ]
};

/// Where they are not: no guard knows more than KV has told it. Strict routes only.
pub(super) const BY_KV_ALONE: &[(State, Fault, [&str; 3])] = {
    use {Fault as F, State as S};
    &[
        (S::InKvAlone, F::Nothing, [OK, OK, OK]),
        (S::InKvAlone, F::KvDown, [DOWN, DOWN, TAG]),
        (S::InKvAlone, F::KvSilent, [DOWN, DOWN, TAG]),
        (S::InKvAlone, F::Rubbish, [DOWN, DOWN, DOWN]),
        (S::Warm, F::Nothing, [OK, OK, OK]),
        (S::Warm, F::KvDown, [DOWN, OK, OK]),
        (S::Warm, F::KvSilent, [DOWN, OK, OK]),
        (S::Warm, F::Rubbish, [DOWN, DOWN, DOWN]),
        (S::ExpiredCold, F::Nothing, [EXPIRED, EXPIRED, EXPIRED]),
        (S::ExpiredWarm, F::KvDown, [DOWN, EXPIRED, EXPIRED]),
        (S::EndedCold, F::Nothing, [ENDED, ENDED, ENDED]),
        (S::EndedCold, F::KvDown, [DOWN, DOWN, TAG]),
        (S::EndedWarm, F::KvDown, [DOWN, ENDED, ENDED]),
        (S::Unknown, F::Nothing, [NONE, NONE, NONE]),
        (S::Unknown, F::KvDown, [DOWN, DOWN, TAG]),
    ]
};
