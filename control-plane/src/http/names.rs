//! The names in a request's path.

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};

use super::Problem;

/// The ids in a path, as text. Escapes that are no text name nothing, like any other text that is no id.
pub(super) struct Names(Option<Vec<(String, String)>>);

impl Names {
    /// `{key_id}`.
    pub(super) fn key(&self) -> &str {
        self.get("key_id").unwrap_or_default()
    }

    /// `{org_id}`, where the path has one.
    pub(super) fn organization(&self) -> Option<&str> {
        self.get("org_id")
    }

    /// `{group}`: a name or an id.
    pub(super) fn group(&self) -> &str {
        self.get("group").unwrap_or_default()
    }

    /// `{subject}`.
    pub(super) fn subject(&self) -> &str {
        self.get("subject").unwrap_or_default()
    }

    fn get(&self, name: &str) -> Option<&str> {
        match &self.0 {
            Some(names) => {
                let found = names.iter().find(|(known, _)| known == name);
                found.map(|(_, value)| value.as_str())
            }
            // Named, and by no id.
            None => Some(""),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Names {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::from_request_parts(parts, state).await;
        Ok(Self(path.ok().map(|Path(names)| names)))
    }
}
