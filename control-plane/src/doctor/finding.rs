//! What was found, and what to do about it.

use std::fmt;

use serde::Serialize;

/// How it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it should be.
    Ok,
    /// It works, and not as well as it could.
    Warn,
    /// It does not work.
    Fail,
}

impl Status {
    /// The name for programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at: a stable name.
    pub check: &'static str,
    /// Of which deployment; null where it is none's.
    pub deployment: Option<String>,
    /// How it is.
    pub status: Status,
    /// What was found.
    pub found: String,
    /// What to do; null where nothing is to be done.
    pub advice: Option<String>,
}

/// All that was found, told as it is found.
pub struct Findings<'a> {
    all: Vec<Finding>,
    tell: &'a mut (dyn FnMut(&Finding) + Send),
}

impl<'a> Findings<'a> {
    /// None yet. Each is told when it comes.
    pub fn telling(tell: &'a mut (dyn FnMut(&Finding) + Send)) -> Self {
        Self {
            all: Vec::new(),
            tell,
        }
    }

    /// What was found so far.
    pub fn all(&self) -> &[Finding] {
        &self.all
    }

    /// The worst of it.
    pub fn worst(&self) -> Status {
        let statuses = self.all.iter().map(|finding| finding.status);
        statuses.max().unwrap_or(Status::Ok)
    }

    pub(super) fn ok(&mut self, check: &'static str, of: Option<&str>, found: impl fmt::Display) {
        self.add(check, of, Status::Ok, found.to_string(), None);
    }

    pub(super) fn warn(
        &mut self,
        check: &'static str,
        of: Option<&str>,
        found: impl fmt::Display,
        advice: impl fmt::Display,
    ) {
        let advice = Some(advice.to_string());
        self.add(check, of, Status::Warn, found.to_string(), advice);
    }

    pub(super) fn fail(
        &mut self,
        check: &'static str,
        of: Option<&str>,
        found: impl fmt::Display,
        advice: impl fmt::Display,
    ) {
        let advice = Some(advice.to_string());
        self.add(check, of, Status::Fail, found.to_string(), advice);
    }

    fn add(
        &mut self,
        check: &'static str,
        of: Option<&str>,
        status: Status,
        found: String,
        advice: Option<String>,
    ) {
        let finding = Finding {
            check,
            deployment: of.map(str::to_owned),
            status,
            found,
            advice,
        };
        (self.tell)(&finding);
        self.all.push(finding);
    }
}

impl fmt::Debug for Findings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.all.fmt(f)
    }
}
