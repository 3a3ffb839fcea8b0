//! Moments in answers: RFC 3339 in UTC, in whole seconds: `2025-01-15T10:30:00Z`.

use jiff::Timestamp;
use serde::Serializer;

use crate::clock::whole_second;

pub(super) fn moment<S: Serializer>(moment: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&whole_second(*moment))
}

pub(super) fn optional_moment<S: Serializer>(
    value: &Option<Timestamp>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => moment(value, serializer),
        None => serializer.serialize_none(),
    }
}
