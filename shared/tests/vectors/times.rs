//! Moments as RFC 3339 writes them.

use keyward_shared::UnixSeconds;
use serde::Deserialize;

use crate::{check_all, expect, part};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Time {
    seconds: UnixSeconds,
    rfc3339: String,
}

#[test]
fn moments_are_written_in_utc() {
    let times: Vec<Time> = part(|document| document.times);
    check_all(&times, |case| {
        expect(
            &format!("{:?}", case.seconds),
            &case.rfc3339,
            &case.seconds.rfc3339(),
        )
    });
}
