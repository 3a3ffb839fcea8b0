//! Query parameters: each once, none unknown.

use axum::{extract::Query, http::Uri};
use jiff::Timestamp;

use super::{Problem, names::Names};

/// Names the organization that a call concerns.
pub(super) const ORGANIZATION: &str = "organization_id";

/// A request's query parameters.
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads the query of a URI that may have these parameters.
    ///
    /// # Errors
    /// 400 for a parameter that is unknown or given twice.
    pub(super) fn of(uri: &Uri, known: &[&str]) -> Result<Self, Problem> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|_| Problem::invalid("The query cannot be read; check its percent-escapes."))?;
        for (index, (name, _)) in pairs.iter().enumerate() {
            if !known.contains(&name.as_str()) {
                let detail = format!(
                    "`{name}` is not a known query parameter; expected {}.",
                    known.join(", ")
                );
                return Err(Problem::invalid(detail).of_field(name));
            }
            if pairs[..index].iter().any(|(earlier, _)| earlier == name) {
                return Err(Problem::invalid(format!("`{name}` is given twice.")).of_field(name));
            }
        }
        Ok(Self(pairs))
    }

    /// The same where the call may say in `organization_id` which organization it concerns, unless its path does.
    ///
    /// # Errors
    /// As [`Parameters::of`].
    pub(super) fn of_place(uri: &Uri, names: &Names, known: &[&str]) -> Result<Self, Problem> {
        match names.organization() {
            Some(_) => Self::of(uri, known),
            None => Self::of(uri, &[&[ORGANIZATION], known].concat()),
        }
    }

    /// The text of a parameter.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The parameters but for these, in the order given.
    pub(super) fn others(&self, but_for: &[&str]) -> impl Iterator<Item = (&str, &str)> {
        let others = self
            .0
            .iter()
            .filter(move |(name, _)| !but_for.contains(&name.as_str()));
        others.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// A yes or no. Python's `requests` writes `True`, so the case does not matter.
    ///
    /// # Errors
    /// 400 for anything else.
    pub(super) fn boolean(&self, name: &str) -> Result<bool, Problem> {
        match self.text(name).map(str::to_ascii_lowercase).as_deref() {
            None | Some("false" | "0" | "no" | "off") => Ok(false),
            Some("true" | "1" | "yes" | "on") => Ok(true),
            Some(_) => Err(Problem::invalid(format!("`{name}` must be true or false.")).of_field(name)),
        }
    }

    /// A moment of RFC 3339, or a date, which stands for its first moment in UTC.
    ///
    /// # Errors
    /// 400 for anything else.
    pub(super) fn moment(&self, name: &str) -> Result<Option<Timestamp>, Problem> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let is_date = text.len() == "2026-11-21".len();
        let moment = if is_date {
            format!("{text}T00:00:00Z").parse()
        } else {
            text.parse()
        };
        moment.map(Some).map_err(|_| {
            let detail = format!(
                "`{name}` must be a time such as 2026-11-21T09:00:00Z (RFC 3339; write a `+` as %2B) or a date such as 2026-11-21."
            );
            Problem::invalid(detail).of_field(name)
        })
    }
}
