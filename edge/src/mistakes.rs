//! Mistakes that the simulation plants, to show that it would notice them. They are off until a test says otherwise.

use std::cell::Cell;

use crate::clock::UnixMillis;

thread_local! {
    static SKIPS_EXPIRY: Cell<bool> = const { Cell::new(false) };
}

/// From now on, on this thread, a remembered record counts as not expired, or no longer does.
pub fn skip_expiry_of_remembered(skips: bool) {
    SKIPS_EXPIRY.set(skips);
}

/// By which time a record is checked.
pub(crate) fn time_of_check(now: UnixMillis, is_remembered: bool) -> UnixMillis {
    if is_remembered && SKIPS_EXPIRY.get() {
        UnixMillis(0)
    } else {
        now
    }
}
