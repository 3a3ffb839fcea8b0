//! How far clocks are apart.

use std::time::Duration;

use jiff::Timestamp;

use super::Findings;

/// What guards allow for (`MAX_SKEW`): limits and confirmations hold with clocks that are no further apart.
const MOST: Duration = Duration::from_secs(10);
/// Worth a word.
const MUCH: Duration = Duration::from_secs(2);

/// Compares a clock with ours. `span`: when it was asked and had answered, by our clock; it was read somewhere in between.
pub(super) fn check(
    whose: &str,
    of: Option<&str>,
    time: Timestamp,
    span: (Timestamp, Timestamp),
    findings: &mut Findings<'_>,
) {
    let (asked, answered) = span;
    let (ahead, behind) = (time.duration_since(answered), asked.duration_since(time));
    let (skew, side) = if ahead.is_positive() {
        (ahead.unsigned_abs(), "ahead of")
    } else if behind.is_positive() {
        (behind.unsigned_abs(), "behind")
    } else {
        (Duration::ZERO, "with")
    };
    let seconds = skew.as_secs_f64();
    let found = format!("the clock of the {whose} is {seconds:.1} s {side} the control plane's");
    let advice = "let all of them keep time by NTP (timedatectl, chronyc tracking)";
    if skew > MOST {
        findings.fail("clock", of, format_args!("{found}; 10 s are allowed for"), advice);
    } else if skew > MUCH {
        findings.warn("clock", of, found, advice);
    } else {
        findings.ok("clock", of, format_args!("the clock of the {whose} agrees"));
    }
}
