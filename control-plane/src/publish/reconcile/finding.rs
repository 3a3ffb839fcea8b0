//! What a name's value and its key say about each other.

use keyward_shared::{
    Record,
    record::{RecordError, Status, Verified},
};

use crate::domain::Key;

/// What was found under one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::publish) enum Finding {
    /// KV says what the database says.
    Same,
    /// It does, but the signature is of an older secret.
    OlderSecret,
    /// It differs, and the outbox knows.
    Waiting,
    /// There is a key and no value.
    Missing,
    /// The value is older than the key.
    Stale,
    /// The value is newer than the key, or of another history.
    Ahead,
    /// There is a key, and the value is no record of it.
    ForeignWithKey,
    /// There is no key, and no record either.
    Foreign,
    /// There is no key, and the value is signed by us in a format of another version.
    ForeignFormat,
    /// There is no key, and a record that can still open something.
    Orphaned(Box<Record>),
    /// The key and all its records ended so long ago that nobody needs the name any more.
    Over,
    /// There is no key and nothing to repair: no value any more, or a record that has ended.
    Nothing,
}

impl Finding {
    /// The same of a key that nobody needs a name of any more: none is missing then, and the value may go, unless it is of a past
    /// that the database does not know, or on its way.
    pub(super) fn once_over(self) -> Self {
        match self {
            Self::Missing => Self::Nothing,
            Self::Same | Self::OlderSecret | Self::Stale | Self::ForeignWithKey => Self::Over,
            other => other,
        }
    }

    /// Whether it could be only the moment: the value was read before a write, and the key after it.
    pub(in crate::publish) const fn is_suspicion(&self) -> bool {
        !matches!(
            self,
            Self::Same | Self::OlderSecret | Self::Waiting | Self::Over | Self::Nothing
        )
    }
}

/// What stands under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::publish) enum Value {
    Absent,
    Record(Box<Verified>),
    NoRecord(RecordError),
}

impl Value {
    /// The record, if it is one of ours.
    pub(in crate::publish) fn record(&self) -> Option<&Record> {
        match self {
            Self::Record(verified) => Some(&verified.record),
            Self::Absent | Self::NoRecord(_) => None,
        }
    }

    /// The secret of a good signature.
    pub(in crate::publish) fn signed_with(&self) -> Option<u32> {
        match self {
            Self::Record(verified) => Some(verified.mac_key_id),
            Self::Absent | Self::NoRecord(_) => None,
        }
    }
}

/// Compares a value that was read first with the key that was read after it, so that the value can be older by accident
/// and never newer.
pub(in crate::publish) fn compare(
    value: Value,
    key: Option<&Key>,
    waiting: bool,
    current_secret: u32,
) -> Finding {
    let Some(key) = key else {
        return without_key(value);
    };
    let finding = match value {
        Value::Absent => Finding::Missing,
        Value::NoRecord(_) => Finding::ForeignWithKey,
        Value::Record(verified) => with_key(&verified, key, current_secret),
    };
    match finding {
        Finding::Missing | Finding::Stale | Finding::ForeignWithKey | Finding::OlderSecret if waiting => {
            Finding::Waiting
        }
        finding => finding,
    }
}

fn with_key(verified: &Verified, key: &Key, current_secret: u32) -> Finding {
    let record = &verified.record;
    if record.revision > key.revision {
        return Finding::Ahead;
    }
    if record.revision < key.revision {
        return Finding::Stale;
    }
    // One revision is one change. A key that stands otherwise at the same revision had another past.
    if record.status != key.published_status() || record.key_id != key.id.to_string() {
        return Finding::Ahead;
    }
    if verified.mac_key_id < current_secret {
        return Finding::OlderSecret;
    }
    Finding::Same
}

fn without_key(value: Value) -> Finding {
    match value {
        Value::Absent => Finding::Nothing,
        // Nobody here can tell what it opens, and it was signed by us.
        Value::NoRecord(RecordError::Version) => Finding::ForeignFormat,
        Value::NoRecord(_) => Finding::Foreign,
        Value::Record(verified) if verified.record.status.has_ended() => Finding::Nothing,
        Value::Record(verified) => Finding::Orphaned(Box::new(verified.record)),
    }
}

/// What ends a record that has no key, and is above it.
pub(in crate::publish) fn tombstone(record: Record) -> Record {
    let has_ended = record.status.has_ended();
    Record {
        revision: record.revision.saturating_add(1),
        status: if has_ended { record.status } else { Status::Revoked },
        ..record
    }
}
