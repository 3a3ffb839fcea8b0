//! `Retry-After` (RFC 9110 §10.2.3): seconds, or the date of an HTTP header.

use std::time::Duration;

use jiff::{Timestamp, fmt::strtime};

/// How long to wait from `now`; none when the value is neither form. A date that has passed means no wait.
pub(super) fn parse(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit mean a very long time.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    // The one form that may still be sent (RFC 9110 §5.6.7); its zone is always GMT.
    let date = value.strip_suffix(" GMT")?;
    let date = strtime::parse("%a, %d %b %Y %H:%M:%S", date)
        .and_then(|parts| parts.to_datetime())
        .and_then(|date| date.to_zoned(jiff::tz::TimeZone::UTC))
        .ok()?;
    Some(Duration::try_from(date.timestamp().duration_since(now)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read() {
        let now: Timestamp = "1994-11-06T08:49:07Z".parse().unwrap();
        let parsed = |value| parse(value, now).map(|wait| wait.as_secs());
        assert_eq!(parsed("120"), Some(120));
        assert_eq!(parsed(" 0 "), Some(0));
        assert_eq!(parsed("Sun, 06 Nov 1994 08:49:37 GMT"), Some(30));
        assert_eq!(parsed("Sun, 06 Nov 1994 08:49:00 GMT"), Some(0));
        assert_eq!(parsed("99999999999999999999999"), Some(u64::MAX));
    }

    #[test]
    fn anything_else_is_ignored() {
        let now = Timestamp::UNIX_EPOCH;
        for value in [
            "",
            "-1",
            "1.5",
            "soon",
            "Sun, 06 Nov 1994 08:49:37",
            "Mon, 06 Nov 1994 08:49:37 GMT",
            "GMT",
        ] {
            assert_eq!(parse(value, now), None, "{value}");
        }
    }
}
