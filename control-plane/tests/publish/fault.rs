//! The ways a call fails.

use std::time::Duration;

use keyward_control_plane::publish::{KvError, kv::KvFault};

pub(crate) fn refused(status: u16) -> KvError {
    let detail = String::new();
    KvFault::Refused { status, detail }.into()
}

pub(crate) fn too_many(retry_after_seconds: u64) -> KvError {
    KvError {
        retry_after: Some(Duration::from_secs(retry_after_seconds)),
        ..refused(429)
    }
}

pub(crate) fn failed(status: u16) -> KvError {
    let detail = String::new();
    KvFault::Failed { status, detail }.into()
}

pub(crate) fn unreachable() -> KvError {
    KvFault::Unreachable("no connection".to_owned()).into()
}

/// Every fault after which nobody knows what was written.
pub(crate) fn of_unknown_outcome() -> [KvError; 5] {
    [
        failed(500),
        KvFault::TimedOut.into(),
        KvFault::Broken.into(),
        KvFault::AnswerTooLarge.into(),
        KvFault::Unreadable("not JSON".to_owned()).into(),
    ]
}
