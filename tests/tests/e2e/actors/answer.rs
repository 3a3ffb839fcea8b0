//! An answer, whoever gave it.

use std::fmt;

use serde_json::Value;

/// What came back, whatever its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// For example 200.
    pub(crate) status: u16,
    /// Names in lower case, in the order they came, repeated ones repeated.
    pub(crate) headers: Vec<(String, String)>,
    /// All of it.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The one value of a header.
    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(known, _)| known == name);
        let value = values.next()?;
        assert!(values.next().is_none(), "`{name}` came more than once: {self}");
        Some(&value.1)
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("no JSON ({error}): {self}"))
    }

    /// The `code` of a problem document; none for anything else.
    pub(crate) fn code(&self) -> Option<String> {
        let body: Value = serde_json::from_slice(&self.body).ok()?;
        body.get("code")?.as_str().map(str::to_owned)
    }

    /// The same answer, if its status is this one.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self}");
        self
    }

    /// The same answer, if it refuses with this status and reason.
    #[track_caller]
    pub(crate) fn refused(self, status: u16, code: &str) -> Self {
        assert!(self.refuses(status, code), "not {status} {code}: {self}");
        self
    }

    /// Whether it refuses with this status and reason.
    pub(crate) fn refuses(&self, status: u16, code: &str) -> bool {
        self.status == status && self.code().as_deref() == Some(code)
    }

    /// A header as the sample origin saw it, in an answer of the sample origin.
    #[track_caller]
    pub(crate) fn origin_saw(&self, name: &str) -> Option<String> {
        let seen = self.json();
        let value = seen
            .get("headers")
            .unwrap_or_else(|| panic!("not the origin's answer: {self}"))
            .get(name)?;
        value.as_str().map(str::to_owned)
    }
}

impl fmt::Display for Answer {
    /// A key's text is only in answers 201, and is not printed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.status, self.headers)?;
        match self.status {
            201 => f.write_str(" (a body that may hold a key)"),
            _ => write!(f, " {}", self.text().chars().take(2000).collect::<String>()),
        }
    }
}
