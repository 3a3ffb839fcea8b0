//! Which keys a list shows, and in what order.

use jiff::Timestamp;
use keyward_shared::Environment;

use crate::domain::{Key, KeyId, OrganizationId};

/// Which keys a list shows. Every part narrows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFilter {
    /// Whose.
    pub organization: OrganizationId,
    /// Only those that belong to this one.
    pub owner: Option<String>,
    /// Only those that this one holds.
    pub holder: Option<String>,
    /// Only those that this one made.
    pub created_by: Option<String>,
    /// For which service.
    pub service: Option<String>,
    /// In which environment. Gateway keys are in none of their own.
    pub environment: Option<Environment>,
    /// Only gateway keys, or only service keys.
    pub kind: Option<KeyKind>,
    /// Only those with this scope, of their own or of a group.
    pub scope: Option<String>,
    /// Only those in the group of this name.
    pub group: Option<String>,
    /// Only those of which this is a part: of the name or of who holds it, the beginning of the preview, or the whole id.
    pub search: Option<String>,
    /// Only those that are in one of these states at this moment.
    pub states: Option<(Vec<KeyState>, Timestamp)>,
    /// Only those that expire before this.
    pub expires_before: Option<Timestamp>,
    /// Only those that were not used since.
    pub unused_since: Option<Timestamp>,
    /// Only those that may be used at the second moment, and were neither used nor made after the first.
    pub idle: Option<(Timestamp, Timestamp)>,
    /// What they come in the order of.
    pub order: KeyOrder,
}

impl KeyFilter {
    /// All keys of an organization, the newest first.
    pub const fn of(organization: OrganizationId) -> Self {
        Self {
            organization,
            owner: None,
            holder: None,
            created_by: None,
            service: None,
            environment: None,
            kind: None,
            scope: None,
            group: None,
            search: None,
            states: None,
            expires_before: None,
            unused_since: None,
            idle: None,
            order: KeyOrder {
                by: SortedBy::CreatedAt,
                is_descending: true,
            },
        }
    }
}

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// One service in one environment.
    Service,
    /// This API, and the edge everywhere.
    Gateway,
}

/// What has become of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// It may be used.
    Active,
    /// It would be active, and its time is over.
    Expired,
    /// Somebody has turned it off, or its organization is suspended.
    Deactivated,
    /// It has ended.
    Revoked,
    /// It was rotated, and its grace period is over.
    Superseded,
}

impl KeyState {
    /// Every state once.
    pub const ALL: [Self; 5] = [
        Self::Active,
        Self::Expired,
        Self::Deactivated,
        Self::Revoked,
        Self::Superseded,
    ];

    /// The stable name for programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Deactivated => "deactivated",
            Self::Revoked => "revoked",
            Self::Superseded => "superseded",
        }
    }
}

/// The order of a list. Keys that are alike in it come in the order of their ids, which is that of their creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyOrder {
    /// By what.
    pub by: SortedBy,
    /// The greatest first.
    pub is_descending: bool,
}

/// What a list is sorted by. A moment that there is not comes last in either direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortedBy {
    /// When they were made.
    CreatedAt,
    /// What they are called, whatever the case of ASCII letters.
    Name,
    /// When they were last used.
    LastUsedAt,
    /// When they expire.
    ExpiresAt,
}

impl SortedBy {
    /// Each of them.
    pub const ALL: [Self; 4] = [Self::CreatedAt, Self::Name, Self::LastUsedAt, Self::ExpiresAt];

    /// The stable name for programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CreatedAt => "created_at",
            Self::Name => "name",
            Self::LastUsedAt => "last_used_at",
            Self::ExpiresAt => "expires_at",
        }
    }
}

/// Where a key stands in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPlace {
    /// What the list is sorted by, of this key.
    pub value: PlaceValue,
    /// Which key.
    pub id: KeyId,
}

/// What a list is sorted by, of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlaceValue {
    /// Its id alone.
    Nothing,
    /// Its name.
    Name(String),
    /// A moment, if there is one.
    Moment(Option<Timestamp>),
}

impl KeyPlace {
    /// Where a key stands in a list of this order.
    pub fn of(key: &Key, order: KeyOrder) -> Self {
        Self {
            id: key.id,
            value: match order.by {
                SortedBy::CreatedAt => PlaceValue::Nothing,
                SortedBy::Name => PlaceValue::Name(key.configuration.name.clone()),
                SortedBy::LastUsedAt => PlaceValue::Moment(key.last_used_at),
                SortedBy::ExpiresAt => PlaceValue::Moment(key.expires_at),
            },
        }
    }

    /// Whether it is one of a list of this order.
    pub const fn is_in(&self, order: KeyOrder) -> bool {
        matches!(
            (&self.value, order.by),
            (PlaceValue::Nothing, SortedBy::CreatedAt)
                | (PlaceValue::Name(_), SortedBy::Name)
                | (PlaceValue::Moment(_), SortedBy::LastUsedAt | SortedBy::ExpiresAt)
        )
    }
}

impl From<KeyId> for KeyPlace {
    /// In a list by creation.
    fn from(id: KeyId) -> Self {
        Self {
            value: PlaceValue::Nothing,
            id,
        }
    }
}

/// What a deployment has of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AtEdge {
    /// The key.
    pub key: KeyId,
    /// The revision that is confirmed, what the deployment promises of it, and since when.
    pub confirmed: Option<(u64, keyward_shared::sync::Promise, Timestamp)>,
    /// The revision that is in KV.
    pub published: Option<u64>,
    /// Since when KeyGuards or KV are to hear of a later one.
    pub waiting_since: Option<Timestamp>,
}
