//! What the fields of a key may hold: the bounds of the reference, and our own where it is silent.

use std::ops::RangeInclusive;

use super::{group::MAX_GROUPS, key::MAX_GRACE};
use crate::clock::whole_second;
use jiff::Timestamp;
use keyward_shared::{
    Cidr, KeyHash,
    scope::{MAX_SCOPE_BYTES, is_scope},
};

/// Characters of a name.
pub const NAME_CHARACTERS: RangeInclusive<usize> = 1..=100;
/// Days until a key expires.
pub const EXPIRES_IN_DAYS: RangeInclusive<i64> = 1..=365;
/// Seconds for which a rotated key lives on.
pub const GRACE_PERIOD_SECONDS: RangeInclusive<i64> = 0..=MAX_GRACE.as_secs().cast_signed();
/// The longest time after which unused keys are flagged, in days: a century.
pub const MAX_UNUSED_AFTER_DAYS: u32 = 36_500;
/// Requests an hour.
pub const RATE_LIMIT_PER_HOUR: RangeInclusive<i64> = 10..=100_000;
/// Requests an hour when none are given.
pub const DEFAULT_RATE_LIMIT_PER_HOUR: u32 = 1000;
/// Metered requests a month. The upper end is the greatest whole number that every JSON reader holds (RFC 8259 §6).
pub const MONTHLY_LIMIT: RangeInclusive<i64> = 1..=9_007_199_254_740_991;
/// The most scopes of a key. With the bounds below it keeps a record far below what KV and the edge take.
pub const MAX_SCOPES: usize = 64;
/// The most networks on an allowlist.
pub const MAX_ALLOWED_IPS: usize = 100;
/// Characters of a billing plan identifier.
pub const PLAN_CHARACTERS: RangeInclusive<usize> = 1..=64;
/// Characters of the preview of a key made elsewhere.
pub const PREVIEW_CHARACTERS: RangeInclusive<usize> = 1..=64;
/// How many of them may be of the key: as many as the longest prefix of ours with what is shown behind it, and some more.
pub const MAX_PREVIEW_SHOWN: usize = 16;
/// The most keys of one import.
pub const MAX_IMPORTED: usize = 1000;
/// The billing plan when none is given.
pub const DEFAULT_PLAN: &str = "free";

/// A field that holds what it may not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` {problem}")]
pub struct FieldError {
    /// The field, with the index of an entry: `allowed_ips[2]`.
    pub field: String,
    /// What is wrong with it, as the end of a sentence: "must have …".
    pub problem: String,
}

impl FieldError {
    /// A fault of a field.
    pub fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            problem: problem.into(),
        }
    }
}

/// A name: 1 to 100 characters, none of them a control character, not only spaces.
///
/// # Errors
/// [`FieldError`].
pub fn name(text: &str) -> Result<String, FieldError> {
    if !NAME_CHARACTERS.contains(&text.chars().count()) {
        return Err(FieldError::new("name", "must have 1 to 100 characters"));
    }
    if text.chars().any(char::is_control) || text.trim().is_empty() {
        return Err(FieldError::new(
            "name",
            "must have a visible character and no control characters",
        ));
    }
    Ok(text.to_owned())
}

/// The id of a configured service.
///
/// # Errors
/// [`FieldError`], which lists the services there are.
pub fn service(text: &str, services: &[String]) -> Result<String, FieldError> {
    if services.iter().any(|known| known == text) {
        Ok(text.to_owned())
    } else {
        Err(FieldError::new(
            "service_id",
            format!("must be one of {}", services.join(", ")),
        ))
    }
}

/// The hash of a key made elsewhere.
///
/// # Errors
/// [`FieldError`].
pub fn hash(text: &str) -> Result<KeyHash, FieldError> {
    KeyHash::from_hex(&text.to_ascii_lowercase())
        .ok_or_else(|| FieldError::new("hash", "must be the SHA-256 of the key in 64 hexadecimal digits"))
}

/// What may be shown of a key made elsewhere: enough to tell it from others, and not the key.
///
/// # Errors
/// [`FieldError`]. It never repeats the text.
pub fn preview(text: &str, hash: &KeyHash) -> Result<String, FieldError> {
    let problem = |problem: String| Err(FieldError::new("preview", problem));
    if KeyHash::of(text) == *hash {
        return problem("is the key itself, which is to be known nowhere: shorten it".to_owned());
    }
    let shown = text.bytes().filter(|byte| *byte != b'*').count();
    let printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if !printable || !PREVIEW_CHARACTERS.contains(&text.len()) || shown > MAX_PREVIEW_SHOWN {
        return problem(format!(
            "must have 1 to 64 printable ASCII characters, at most {MAX_PREVIEW_SHOWN} of them other than `*`"
        ));
    }
    Ok(text.to_owned())
}

/// Scopes, each once, in the order given.
///
/// # Errors
/// [`FieldError`], naming the entry.
pub fn scopes(texts: &[String]) -> Result<Vec<String>, FieldError> {
    if texts.len() > MAX_SCOPES {
        return Err(FieldError::new(
            "scopes",
            format!("must have at most {MAX_SCOPES} entries"),
        ));
    }
    let mut scopes: Vec<String> = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        if !is_scope(text) {
            let problem = format!(
                "must have 1 to {MAX_SCOPE_BYTES} printable ASCII characters other than space, \" and \\"
            );
            return Err(FieldError::new(format!("scopes[{index}]"), problem));
        }
        if !scopes.contains(text) {
            scopes.push(text.clone());
        }
    }
    Ok(scopes)
}

/// Names of groups, each once, in the order given. Whether there are such groups is another question.
///
/// # Errors
/// [`FieldError`].
pub fn groups(texts: &[String]) -> Result<Vec<String>, FieldError> {
    let mut names: Vec<String> = Vec::with_capacity(texts.len().min(MAX_GROUPS));
    for text in texts {
        if !names.contains(text) {
            names.push(text.clone());
        }
        if names.len() > MAX_GROUPS {
            return Err(FieldError::new(
                "groups",
                format!("must have at most {MAX_GROUPS} entries"),
            ));
        }
    }
    Ok(names)
}

/// An allowlist of addresses and networks, each once; empty means anywhere.
///
/// # Errors
/// [`FieldError`], naming the entry.
pub fn allowed_ips(texts: &[String]) -> Result<Vec<Cidr>, FieldError> {
    if texts.len() > MAX_ALLOWED_IPS {
        return Err(FieldError::new(
            "allowed_ips",
            format!("must have at most {MAX_ALLOWED_IPS} entries"),
        ));
    }
    let mut networks: Vec<Cidr> = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        let network: Cidr = text
            .parse()
            .map_err(|error| FieldError::new(format!("allowed_ips[{index}]"), format!("{error}")))?;
        if !networks.contains(&network) {
            networks.push(network);
        }
    }
    Ok(networks)
}

/// A moment (RFC 3339), in whole seconds.
///
/// # Errors
/// [`FieldError`].
pub fn moment(field: &str, text: &str) -> Result<Timestamp, FieldError> {
    let moment = text
        .parse()
        .map_err(|_| FieldError::new(field, "must be a time like 2027-01-31T12:00:00Z (RFC 3339)"))?;
    Ok(whole_second(moment))
}

/// A whole number of days.
///
/// # Errors
/// [`FieldError`].
pub fn expires_in_days(days: i64) -> Result<i64, FieldError> {
    in_range("expires_in_days", days, &EXPIRES_IN_DAYS)
}

/// Days without use after which keys are flagged; 0: never.
///
/// # Errors
/// [`FieldError`].
pub fn unused_after_days(days: i64) -> Result<u32, FieldError> {
    in_range("unused_after_days", days, &(0..=MAX_UNUSED_AFTER_DAYS.into()))
}

/// Seconds for which a rotated key lives on.
///
/// # Errors
/// [`FieldError`].
pub fn grace_period_seconds(seconds: i64) -> Result<u64, FieldError> {
    in_range("grace_period_seconds", seconds, &GRACE_PERIOD_SECONDS)
}

/// Requests an hour.
///
/// # Errors
/// [`FieldError`].
pub fn rate_limit_per_hour(limit: i64) -> Result<u32, FieldError> {
    in_range("rate_limit_per_hour", limit, &RATE_LIMIT_PER_HOUR)
}

/// Metered requests a month.
///
/// # Errors
/// [`FieldError`].
pub fn monthly_limit(limit: i64) -> Result<u64, FieldError> {
    in_range("monthly_prediction_limit", limit, &MONTHLY_LIMIT)
}

/// A billing plan identifier.
///
/// # Errors
/// [`FieldError`].
pub fn plan(text: &str) -> Result<String, FieldError> {
    let well_formed = PLAN_CHARACTERS.contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if well_formed {
        Ok(text.to_owned())
    } else {
        Err(FieldError::new(
            "billing_plan",
            "must have 1 to 64 letters, digits, `-`, `_` or `.`",
        ))
    }
}

fn in_range<T: TryFrom<i64>>(field: &str, number: i64, range: &RangeInclusive<i64>) -> Result<T, FieldError> {
    let problem = || FieldError::new(field, format!("must be {} to {}", range.start(), range.end()));
    if !range.contains(&number) {
        return Err(problem());
    }
    T::try_from(number).map_err(|_| problem())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_those_of_the_reference() {
        assert!(name("x").is_ok() && name(&"é".repeat(100)).is_ok());
        assert!(
            name("").is_err()
                && name(&"x".repeat(101)).is_err()
                && name("a\nb").is_err()
                && name("  ").is_err()
        );
        assert!(expires_in_days(1).is_ok() && expires_in_days(365).is_ok());
        assert!(expires_in_days(0).is_err() && expires_in_days(366).is_err());
        assert!(rate_limit_per_hour(10).is_ok() && rate_limit_per_hour(100_000).is_ok());
        assert!(rate_limit_per_hour(9).is_err() && rate_limit_per_hour(100_001).is_err());
        assert!(monthly_limit(0).is_err() && monthly_limit(i64::MAX).is_err());
    }

    #[test]
    fn a_preview_is_not_the_key() {
        let key = "sk_live_0123";
        let of_key = hash(&KeyHash::of(key).to_string().to_uppercase()).unwrap();
        assert_eq!(of_key, KeyHash::of(key));
        assert!(!preview(key, &of_key).unwrap_err().to_string().contains("0123"));
        for good in ["sk_live_01***", "sk", &format!("hpk_1nzb{}", "*".repeat(39))] {
            assert_eq!(preview(good, &of_key).unwrap(), good);
        }
        for bad in ["", "sk_live_012345678", "a\nb", "ä", &"*".repeat(65)] {
            assert!(preview(bad, &of_key).is_err(), "{bad}");
        }
        for bad in ["", "00", &"g".repeat(64)] {
            assert_eq!(hash(bad).unwrap_err().field, "hash");
        }
    }

    #[test]
    fn a_fault_names_its_entry() {
        let error = allowed_ips(&["10.0.0.0/8".into(), "10.0.0.0/40".into()]).unwrap_err();
        assert_eq!(error.field, "allowed_ips[1]");
        assert!(error.to_string().contains("prefix length"), "{error}");
        assert_eq!(
            scopes(&["a".into(), "b c".into()]).unwrap_err().field,
            "scopes[1]"
        );
    }

    #[test]
    fn repeated_entries_count_once() {
        assert_eq!(scopes(&["a".into(), "b".into(), "a".into()]).unwrap(), ["a", "b"]);
        assert_eq!(
            allowed_ips(&["10.0.0.1".into(), "::ffff:10.0.0.1".into()])
                .unwrap()
                .len(),
            1
        );
    }
}
