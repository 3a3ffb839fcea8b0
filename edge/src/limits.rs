//! What a caller is told of its limits: `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-11).
//!
//! Each limit is an item of both lists: its name, a string, and parameters. `q` is the quota, `w` its window in seconds (a
//! month has none: they differ in length), `r` what remains of it, `t` the seconds within which no more than that can be used,
//! since nothing comes back before.

use std::fmt::{self, Write as _};

use keyward_shared::guard::{Allowance, Standing};

const HOUR_SECONDS: u64 = 3600;

/// Milliseconds as whole seconds, rounded up and at least one: nobody is told to come back too early.
pub fn whole_seconds(ms: u64) -> u64 {
    ms.div_ceil(1000).max(1)
}

/// The header that tells what the limits are.
pub const POLICY: &str = "RateLimit-Policy";
/// The header that tells what is left of them.
pub const STATE: &str = "RateLimit";

/// The limits alone, by the hour and by the month: what [`POLICY`] depends on.
pub type Quotas = [Option<u64>; 2];

/// The limits of a key.
pub fn quotas(standing: &Standing) -> Quotas {
    [&standing.hour, &standing.month].map(|allowance| Some(allowance.as_ref()?.limit))
}

/// What [`POLICY`] says; empty for a key without limits.
pub fn policy(standing: &Standing) -> String {
    let window = format!(";w={HOUR_SECONDS}");
    listed(standing, |list, name, Allowance { limit, .. }| {
        let window = if name == "hour" { window.as_str() } else { "" };
        write!(list, "\"{name}\";q={limit}{window}")
    })
}

/// What [`STATE`] says; empty for a key without limits.
pub fn state(standing: &Standing) -> String {
    listed(standing, |list, name, Allowance { left, reset_ms, .. }| {
        write!(list, "\"{name}\";r={left};t={}", reset_ms.div_ceil(1000))
    })
}

fn listed(standing: &Standing, item: impl Fn(&mut String, &str, &Allowance) -> fmt::Result) -> String {
    let mut list = String::new();
    for (name, allowance) in [("hour", &standing.hour), ("month", &standing.month)] {
        let Some(allowance) = allowance else { continue };
        if !list.is_empty() {
            list.push_str(", ");
        }
        // Writing to a text cannot fail.
        let _ = item(&mut list, name, allowance);
    }
    list
}

/// Both headers; none for a key without limits.
pub fn headers(standing: &Standing) -> Vec<(&'static str, String)> {
    if *standing == Standing::default() {
        return Vec::new();
    }
    vec![(POLICY, policy(standing)), (STATE, state(standing))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_is_an_item() {
        let hour = Allowance {
            limit: 100,
            left: 7,
            reset_ms: 1001,
        };
        let month = Allowance {
            limit: 5000,
            left: 0,
            reset_ms: 86_400_000,
        };
        assert!(headers(&Standing::default()).is_empty());
        let both = Standing {
            hour: Some(hour),
            month: Some(month),
        };
        assert_eq!(
            headers(&both),
            [
                (
                    "RateLimit-Policy",
                    "\"hour\";q=100;w=3600, \"month\";q=5000".to_owned()
                ),
                ("RateLimit", "\"hour\";r=7;t=2, \"month\";r=0;t=86400".to_owned()),
            ]
        );
        let month_only = Standing { hour: None, ..both };
        assert_eq!(headers(&month_only)[0].1, "\"month\";q=5000");
    }

    #[test]
    fn nobody_comes_back_too_early() {
        assert_eq!([0, 1, 1000, 1001].map(whole_seconds), [1, 1, 1, 2]);
    }
}
