//! What passes on to the origin, and what the origin is told.

use alloc::{borrow::ToOwned as _, string::String, vec::Vec};

use crate::record::Record;

/// Identity headers the origin can rely on: whatever a client sends under these names is removed first.
pub mod identity {
    /// The key's public id.
    pub const KEY_ID: &str = "Keyward-Key-Id";
    /// The organization that owns the key.
    pub const ORGANIZATION: &str = "Keyward-Organization";
    /// The service of the route.
    pub const SERVICE: &str = "Keyward-Service";
    /// The environment of the deployment.
    pub const ENVIRONMENT: &str = "Keyward-Environment";
    /// The key's scopes, separated by spaces.
    pub const SCOPES: &str = "Keyward-Scopes";
    /// The id of this request, also in every refusal and log line.
    pub const REQUEST_ID: &str = "Keyward-Request-Id";
    /// Who calls, signed, for an origin that checks it: a JWT.
    pub const ASSERTION: &str = "Keyward-Assertion";
}

/// The identity headers of an admitted request, without its request id and assertion.
pub fn identity_headers<'a>(
    record: &'a Record,
    service: &'a str,
    environment: &'static str,
) -> [(&'static str, String); 5] {
    [
        (identity::KEY_ID, record.key_id.clone()),
        (identity::ORGANIZATION, record.organization.clone()),
        (identity::SERVICE, service.to_owned()),
        (identity::ENVIRONMENT, environment.to_owned()),
        (identity::SCOPES, record.scopes.join(" ")),
    ]
}

/// Which of a request's headers stay behind: the credential, everything that could pass for an identity header, and
/// what `Connection` lists (RFC 9110 §7.6.1), which could otherwise make the next hop drop an identity header.
#[derive(Clone, Debug, Default)]
pub struct RequestFilter {
    /// Lower-case names that `Connection` lists.
    per_hop: Vec<String>,
}

impl RequestFilter {
    /// Reads the request's `Connection` header.
    pub fn new(connection: Option<&str>) -> Self {
        let names = connection
            .unwrap_or_default()
            .split(',')
            .map(|name| name.trim().to_ascii_lowercase());
        Self {
            per_hop: names.filter(|name| !name.is_empty()).collect(),
        }
    }

    /// Whether a header of this name is passed on.
    pub fn passes(&self, name: &str) -> bool {
        let plain = plain(name);
        !matches!(
            plain.as_str(),
            "authorization" | "api-key" | "connection" | "keep-alive"
        ) && !is_identity(&plain)
            && !self
                .per_hop
                .iter()
                .any(|listed| listed.eq_ignore_ascii_case(name))
    }
}

/// The name as servers that turn headers into variables see it: lower case, every other sign a hyphen, since CGI, WSGI
/// and PHP read `Keyward_Key.Id` and `Keyward-Key-Id` as one name.
fn plain(name: &str) -> String {
    name.chars()
        .map(|sign| {
            if sign.is_ascii_alphanumeric() {
                sign.to_ascii_lowercase()
            } else {
                '-'
            }
        })
        .collect()
}

fn is_identity(plain: &str) -> bool {
    plain.trim_start_matches('-').starts_with("keyward-") || plain == "keyward"
}

/// The `Cache-Control` of an answer to one caller: never stored by a shared cache, since the credential that made it
/// differ is no part of what a cache sees. Keeps what the upstream says otherwise, if all caches read it alike.
pub fn private_cache_control(upstream: Option<&str>) -> String {
    let kept = directives(upstream.unwrap_or_default()).filter(|directive| {
        let name = directive.split('=').next().unwrap_or_default().trim();
        is_directive(directive)
            && !["public", "s-maxage", "private", "proxy-revalidate"]
                .iter()
                .any(|shared| name.eq_ignore_ascii_case(shared))
    });
    core::iter::once("private")
        .chain(kept)
        .collect::<Vec<_>>()
        .join(", ")
}

/// Whether the text is a directive of RFC 9111 §5.2: `token`, `token=token` or `token="…"`. Of anything else a cache may take another
/// part for a directive than we do; so it may of a quoted text with an escape.
fn is_directive(text: &str) -> bool {
    let is_token = |text: &str| !text.is_empty() && text.bytes().all(is_token_sign);
    let Some((name, value)) = text.split_once('=') else {
        return is_token(text);
    };
    let quoted = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    is_token(name) && quoted.map_or_else(|| is_token(value), |quoted| !quoted.contains(['"', '\\']))
}

/// RFC 9110 §5.6.2.
const fn is_token_sign(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

/// The directives of a `Cache-Control` value. A comma within quotes separates nothing (RFC 9111 §5.2): taken for a
/// separator, it would leave the second half of `private="a, b"` behind as a directive of its own.
fn directives(value: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    value
        .split(move |sign| {
            quoted ^= sign == '"';
            sign == ',' && !quoted
        })
        .map(str::trim)
}

/// Headers by which an upstream speaks to shared caches alone; they are dropped with `Cache-Control: private`.
pub const SHARED_CACHE_HEADERS: [&str; 3] = [
    "CDN-Cache-Control",
    "Cloudflare-CDN-Cache-Control",
    "Surrogate-Control",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_credential_and_every_spelling_of_an_identity_header_stay_behind() {
        let filter = RequestFilter::new(None);
        for name in [
            "Authorization",
            "API-Key",
            "api_key",
            "Keyward-Key-Id",
            "keyward_key_id",
            "KEYWARD.Key-Id",
            "Keyward-Anything",
            "_Keyward-Scopes",
            "Connection",
        ] {
            assert!(!filter.passes(name), "{name}");
        }
        for name in [
            "Accept",
            "Content-Type",
            "X-Forwarded-For",
            "Cookie",
            "Keywardness",
        ] {
            assert!(filter.passes(name), "{name}");
        }
    }

    #[test]
    fn what_connection_lists_stays_behind() {
        let filter = RequestFilter::new(Some("keep-alive, X-Secret,Keyward-Key-Id"));
        assert!(!filter.passes("x-secret") && filter.passes("x-other"));
    }

    #[test]
    fn answers_are_private() {
        assert_eq!(private_cache_control(None), "private");
        assert_eq!(
            private_cache_control(Some("public, max-age=60, s-maxage=600")),
            "private, max-age=60"
        );
        assert_eq!(private_cache_control(Some("no-store")), "private, no-store");
    }

    #[test]
    fn what_caches_could_read_in_two_ways_is_dropped() {
        for value in [
            "private=#a, public\", s-maxage=1",
            "max-age=\"60, public",
            "a=\"x\\\", public, y\"",
            "a=\"b\"c\", public\"",
            "public\u{b}, s-maxage\u{a0}=5",
        ] {
            assert_eq!(private_cache_control(Some(value)), "private", "{value}");
        }
        assert_eq!(
            private_cache_control(Some("a=\"b c\", d=e")),
            "private, a=\"b c\", d=e"
        );
    }
}
