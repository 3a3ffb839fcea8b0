//! Paths of requests and of routes, compared by whole, decoded segments.
//!
//! The origin decodes the path too. Whatever it could read as another path than we matched is refused: encoded
//! separators, empty segments in the middle, dot segments (also with parameters, `..;x`), escapes that are broken, hold
//! another escape, or are no UTF-8 (an overlong one can pass for a slash). Capitals, parameters (`a;x=1`, RFC 3986 §3.3) and
//! escapes of `#` and `?` tell paths apart for some origins and not for others: see [`PathPattern::matches_leniently`].

use alloc::{borrow::Cow, string::String, vec::Vec};
use core::fmt;

use serde::{Deserialize, Serialize};

use super::{QUESTIONS_PATH, RESERVED_SEGMENT};

/// A request's path, decoded into segments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestPath<'a> {
    segments: Vec<Cow<'a, str>>,
}

/// The path could be read in two ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the path has an empty or dot segment, an encoded separator, or a broken or double escape")]
pub struct AmbiguousPath;

impl<'a> RequestPath<'a> {
    /// Reads the path of a URL, without its query.
    ///
    /// # Errors
    /// [`AmbiguousPath`].
    pub fn parse(path: &'a str) -> Result<Self, AmbiguousPath> {
        let mut segments = path
            .strip_prefix('/')
            .ok_or(AmbiguousPath)?
            .split('/')
            .map(decode);
        let mut decoded: Vec<Cow<'a, str>> = segments.by_ref().collect::<Result<_, _>>()?;
        // One slash at the end is common and harmless: `/a/` lies below `/a`.
        if decoded.last().is_some_and(|last| last.is_empty()) {
            decoded.pop();
        }
        if decoded.iter().any(|segment| is_empty_or_dots(segment)) {
            return Err(AmbiguousPath);
        }
        Ok(Self { segments: decoded })
    }

    /// Whether the path belongs to the Worker itself, or would to a reader who takes parameters off.
    pub fn is_reserved(&self) -> bool {
        self.segments
            .first()
            .is_some_and(|first| name_of(first).eq_ignore_ascii_case(RESERVED_SEGMENT))
    }

    /// The segments that are left where a `#` or `?` that was written as an escape ends the path.
    fn up_to_query(&self) -> &[Cow<'a, str>] {
        let last = self.segments.iter().position(|segment| segment.contains(ENDS));
        let count = last.map_or(self.segments.len(), |last| last + 1);
        self.segments.get(..count).unwrap_or(&self.segments)
    }
}

/// The signs that end a path, for who reads it as a part of a URL.
const ENDS: [char; 2] = ['#', '?'];

/// A segment without its parameters, which some origins take off (RFC 3986 §3.3), and without what would end the path.
fn name_of(segment: &str) -> &str {
    let end = segment.find([';', ENDS[0], ENDS[1]]);
    end.map_or(segment, |end| &segment[..end])
}

/// Whether the segment moves within the path, or would to an origin that reads only its name (`..;x=1`).
fn is_empty_or_dots(segment: &str) -> bool {
    segment.is_empty() || segment.starts_with(';') || matches!(name_of(segment), "." | "..")
}

/// One segment without its percent-escapes (RFC 3986 §2.1).
fn decode(segment: &str) -> Result<Cow<'_, str>, AmbiguousPath> {
    // A URL parser on the way to the origin turns `\` into a slash, ends the path at `#` and `?`, and drops the others.
    if segment.contains(['\\', '#', '?', ' ']) || segment.bytes().any(|byte| byte.is_ascii_control()) {
        return Err(AmbiguousPath);
    }
    if !segment.contains('%') {
        return Ok(Cow::Borrowed(segment));
    }
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let high = rest.next().and_then(hex_digit).ok_or(AmbiguousPath)?;
        let low = rest.next().and_then(hex_digit).ok_or(AmbiguousPath)?;
        match high << 4 | low {
            b'/' | b'\\' => return Err(AmbiguousPath),
            control if control.is_ascii_control() => return Err(AmbiguousPath),
            decoded => bytes.push(decoded),
        }
    }
    let decoded = String::from_utf8(bytes).map_err(|_| AmbiguousPath)?;
    // To an origin that decodes twice this is another path.
    if has_escape(decoded.as_bytes()) {
        return Err(AmbiguousPath);
    }
    Ok(Cow::Owned(decoded))
}

fn has_escape(text: &[u8]) -> bool {
    text.windows(3)
        .any(|sign| sign[0] == b'%' && hex_digit(sign[1]).is_some() && hex_digit(sign[2]).is_some())
}

fn hex_digit(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

/// The path of a route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PathPattern {
    segments: Vec<String>,
    exact: bool,
}

/// What is wrong with the path of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// It does not start with a slash, or has one at its end.
    #[error("a path starts with `/` and, but for `/` itself, does not end with one")]
    Slash,
    /// It has a sign that a URL's path would not have as it stands.
    #[error(
        "a path is written as it stands in a URL, without escapes, parameters, query, fragment or wildcard"
    )]
    Sign,
    /// It has an empty segment or a dot segment.
    #[error("a path has no empty segment, `.` or `..`")]
    Segment,
    /// It would hide the Worker's own addresses.
    #[error("paths below /.keyward belong to the Worker itself")]
    Reserved,
}

impl PathPattern {
    /// Reads the path of a route. It covers everything below it unless `exact`.
    ///
    /// # Errors
    /// [`PatternError`].
    pub fn new(text: &str, exact: bool) -> Result<Self, PatternError> {
        let rest = text.strip_prefix('/').ok_or(PatternError::Slash)?;
        if rest.is_empty() {
            return Ok(Self {
                segments: Vec::new(),
                exact,
            });
        }
        if rest.ends_with('/') {
            return Err(PatternError::Slash);
        }
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~!$&'()+,=:@".contains(&byte);
        if !rest.bytes().all(is_plain) {
            return Err(PatternError::Sign);
        }
        let path = RequestPath::parse(text).map_err(|AmbiguousPath| PatternError::Segment)?;
        if path.is_reserved() {
            return Err(PatternError::Reserved);
        }
        Ok(Self {
            segments: path.segments.into_iter().map(Cow::into_owned).collect(),
            exact,
        })
    }

    /// [`QUESTIONS_PATH`], which no route of a table may have.
    pub(super) fn of_questions() -> Self {
        let segments = QUESTIONS_PATH.split('/').skip(1).map(String::from).collect();
        Self {
            segments,
            exact: true,
        }
    }

    /// Whether a request's path is this one or, unless exact, lies below it.
    pub fn matches(&self, path: &RequestPath<'_>) -> bool {
        self.covers(&path.segments, |own, theirs| own == theirs)
    }

    /// Whether it is to an origin that knows no difference between capital and small letters, takes parameters off, or reads
    /// what it has decoded as a URL once more. Such an origin would serve the path as one of this pattern, whatever other
    /// pattern it matches as it stands.
    pub fn matches_leniently(&self, path: &RequestPath<'_>) -> bool {
        self.covers(path.up_to_query(), |own, theirs| {
            own.chars().map(folded).eq(name_of(theirs).chars().map(folded))
        })
    }

    fn covers(&self, segments: &[Cow<'_, str>], is_same: impl Fn(&str, &str) -> bool) -> bool {
        let long_enough = if self.exact {
            segments.len() == self.segments.len()
        } else {
            segments.len() >= self.segments.len()
        };
        let mut pairs = self.segments.iter().zip(segments);
        long_enough && pairs.all(|(own, theirs)| is_same(own, theirs))
    }

    /// Sorts the more specific pattern first: more segments, then exact before prefix.
    pub fn specificity(&self) -> impl Ord + use<> {
        (core::cmp::Reverse(self.segments.len()), !self.exact)
    }
}

/// The small letter of a sign. Besides the capitals there are the four signs beyond ASCII that become one of its letters when
/// they are put in capital or small letters.
fn folded(sign: char) -> char {
    match sign {
        '\u{130}' | '\u{131}' => 'i',
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", self.segments.join("/"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, path: &str) -> bool {
        let pattern = PathPattern::new(pattern, false).unwrap();
        RequestPath::parse(path).is_ok_and(|path| pattern.matches(&path))
    }

    #[test]
    fn whole_segments_match() {
        for path in ["/v1/predict", "/v1/predict/", "/v1/predict/a/b", "/v1/%70redict"] {
            assert!(matches("/v1/predict", path), "{path}");
        }
        for path in [
            "/v1/predictx",
            "/v1",
            "/V1/predict",
            "/v1/predict%20",
            "/",
            "/x/v1/predict",
        ] {
            assert!(!matches("/v1/predict", path), "{path}");
        }
        assert!(matches("/", "/") && matches("/", "/anything"));
    }

    #[test]
    fn exact_is_exact() {
        let pattern = PathPattern::new("/status", true).unwrap();
        assert!(pattern.matches(&RequestPath::parse("/status").unwrap()));
        assert!(!pattern.matches(&RequestPath::parse("/status/x").unwrap()));
    }

    #[test]
    fn ambiguous_paths_are_refused() {
        for path in [
            "",
            "a",
            "//",
            "//a",
            "/a//b",
            "/a/./b",
            "/a/../b",
            "/a/%2e%2E/b",
            "/a/.%2e",
            "/a%2fb",
            "/a%5Cb",
            "/a\\b",
            "/a#b",
            "/a#",
            "/a?b",
            "/a ",
            "/a%",
            "/a%2",
            "/a%zz",
            "/a%00",
            "/a%0ab",
            "/a/..;/b",
            "/a/;x/b",
            "/a%252fb",
            "/a%c0%afb",
        ] {
            assert_eq!(RequestPath::parse(path), Err(AmbiguousPath), "{path:?}");
        }
    }

    #[test]
    fn faults_of_patterns_are_named() {
        for (text, error) in [
            ("", PatternError::Slash),
            ("v1", PatternError::Slash),
            ("/v1/", PatternError::Slash),
            ("/v1/*", PatternError::Sign),
            ("/v1?x", PatternError::Sign),
            ("/v1%2f", PatternError::Sign),
            ("/v1;x=1", PatternError::Sign),
            ("/v1//x", PatternError::Segment),
            ("/v1/..", PatternError::Segment),
            ("/.keyward/x", PatternError::Reserved),
        ] {
            assert_eq!(PathPattern::new(text, false), Err(error), "{text:?}");
        }
    }
}
