//! The headers by which a browser keeps the page, and what the API says, to itself.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

const NOSNIFF: HeaderName = HeaderName::from_static("x-content-type-options");
const FRAMES: HeaderName = HeaderName::from_static("x-frame-options");
const OPENER: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// What the page may load and do: its own files and the API of the same origin, and no script but those files.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                           font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// The same of everything else: it is no page, and loads nothing.
const NO_PAGE_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

/// On the page, besides what is on every answer.
pub(super) fn on_page(headers: &mut HeaderMap) {
    let policy = HeaderValue::from_static(PAGE_POLICY);
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    headers.insert(OPENER, HeaderValue::from_static("same-origin"));
}

/// On every answer, where it does not say otherwise for itself: no cache keeps it, no other page frames, embeds or guesses at it.
pub(in crate::http) fn protect(headers: &mut HeaderMap) {
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, NO_PAGE_POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (NOSNIFF, "nosniff"),
        (FRAMES, "DENY"),
        (RESOURCE, "same-origin"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}
