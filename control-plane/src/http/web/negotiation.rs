//! What a client takes and has already.

use axum::http::{HeaderMap, HeaderName, header};

/// What a client takes and has already.
#[derive(Debug, Default)]
pub(super) struct Accepted {
    /// It says itself that it wants to show a page: `*/*` does not.
    pub(super) html: bool,
    pub(super) gzip: bool,
    /// The tags of what it has.
    tags: Vec<String>,
}

impl Accepted {
    /// Reads `Accept`, `Accept-Encoding` and `If-None-Match` (RFC 9110 §12.5 and §13.1.2).
    pub(super) fn of(headers: &HeaderMap) -> Self {
        Self {
            html: entries(headers, &header::ACCEPT).any(|entry| takes(entry, "text/html")),
            gzip: entries(headers, &header::ACCEPT_ENCODING).any(|entry| takes(entry, "gzip")),
            tags: entries(headers, &header::IF_NONE_MATCH)
                .map(|tag| tag.trim_start_matches("W/").to_owned())
                .collect(),
        }
    }

    /// Whether it has what goes by this tag.
    pub(super) fn has(&self, tag: &str) -> bool {
        self.tags.iter().any(|known| known == tag || known == "*")
    }
}

fn entries<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let fields = headers.get_all(name).iter();
    let texts = fields.filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(',')).map(str::trim)
}

/// Whether an entry names this, and with another weight than none.
fn takes(entry: &str, wanted: &str) -> bool {
    let mut parts = entry.split(';').map(str::trim);
    let names_it = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(wanted));
    let is_refused = |part: &str| {
        let weight = part.strip_prefix("q=").or_else(|| part.strip_prefix("Q="));
        weight.is_some_and(|weight| weight.parse::<f32>().is_ok_and(|weight| weight <= 0.0))
    };
    names_it && !parts.any(is_refused)
}
