//! The names in a request's path.

use axum::{
    extract::{FromRequestParts, MatchedPath, Path},
    http::request::Parts,
};

use super::Problem;

/// The ids in a path, as text. Escapes that are no text name nothing, like any other text that is no id.
pub(super) struct Names {
    /// None where some escapes are no text.
    values: Option<Vec<(String, String)>>,
    /// Whether the path names an organization.
    has_organization: bool,
}

impl Names {
    /// `{key_id}`.
    pub(super) fn key(&self) -> &str {
        self.get("key_id").unwrap_or_default()
    }

    /// `{org_id}`, where the path has one.
    pub(super) fn organization(&self) -> Option<&str> {
        match self.values {
            Some(_) => self.get("org_id"),
            // Named, and by no id: not the caller's own.
            None => self.has_organization.then_some(""),
        }
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
        let names = self.values.as_ref()?;
        let found = names.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Names {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let route = parts.extensions.get::<MatchedPath>();
        let has_organization = route.is_some_and(|route| route.as_str().contains("{org_id}"));
        let path = Path::from_request_parts(parts, state).await;
        Ok(Self {
            values: path.ok().map(|Path(names)| names),
            has_organization,
        })
    }
}
