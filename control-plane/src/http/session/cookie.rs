//! The cookie that a session is known by (RFC 6265bis).

use axum::http::{HeaderMap, HeaderValue, header};
use keyward_shared::{DenyReason, reason::Malformed};

use super::origin::Origin;
use crate::{domain::session::SessionId, http::Problem};

/// What a cookie is called where it is for TLS: browsers keep it to this very host, and take it from nobody else.
const HOST_PREFIX: &str = "__Host-";

/// A cookie of ours.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cookie {
    name: &'static str,
    /// When browsers send it along with what other sites have led to.
    same_site: &'static str,
}

/// Signed in.
pub(super) const SESSION: Cookie = Cookie {
    name: "keyward_session",
    same_site: "Strict",
};

/// Signing in with the issuer. It has to come back with the browser that another site sends.
pub(super) const SIGN_IN: Cookie = Cookie {
    name: "keyward_sign_in",
    same_site: "Lax",
};

impl Cookie {
    /// The name at an origin. The one without TLS is not looked at where there is TLS: anybody near could have set it.
    fn name_at(self, origin: &Origin) -> String {
        let prefix = if origin.is_secure { HOST_PREFIX } else { "" };
        format!("{prefix}{}", self.name)
    }

    /// What a request has of it.
    ///
    /// # Errors
    /// 400 where it is there twice: somebody else has set one of them.
    pub(super) fn read<'a>(
        self,
        headers: &'a HeaderMap,
        origin: &Origin,
    ) -> Result<Option<&'a str>, Problem> {
        let name = self.name_at(origin);
        let fields = headers.get_all(header::COOKIE).iter();
        let pairs = fields.filter_map(|field| field.to_str().ok());
        let mut values = pairs
            .flat_map(|field| field.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(known, _)| *known == name)
            .map(|(_, value)| value);
        match (values.next(), values.next()) {
            (value, None) => Ok(value),
            _ => {
                let reason = DenyReason::MalformedRequest(Malformed::TwoCredentials);
                Err(Problem::invalid(reason.detail()))
            }
        }
    }

    /// What sets it, for as long as the browser runs or so many seconds.
    pub(super) fn set(
        self,
        origin: &Origin,
        value: &str,
        max_age_seconds: Option<u64>,
    ) -> Result<HeaderValue, Problem> {
        let mut text = format!(
            "{}={value}; Path=/; HttpOnly; SameSite={}",
            self.name_at(origin),
            self.same_site
        );
        if let Some(seconds) = max_age_seconds {
            text.push_str(&format!("; Max-Age={seconds}"));
        }
        if origin.is_secure {
            text.push_str("; Secure");
        }
        let mut value = HeaderValue::try_from(text).map_err(|error| Problem::internal(&error))?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// What takes it away.
    pub(super) fn clear(self, origin: &Origin) -> Result<HeaderValue, Problem> {
        self.set(origin, "", Some(0))
    }
}

/// The session that a request says it belongs to; an error of 401 where its cookie holds none.
pub(super) fn session(headers: &HeaderMap, origin: &Origin) -> Result<Option<SessionId>, Problem> {
    let value = SESSION.read(headers, origin)?;
    value
        .map(|value| SessionId::parse(value).ok_or_else(Problem::session_over))
        .transpose()
}
