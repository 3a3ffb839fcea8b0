//! Pages of a list: `limit`, an opaque `cursor`, and a link to the next one (RFC 8288).

use axum::{
    http::{HeaderValue, Uri, header},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{Problem, query::Parameters};

/// The most entries on a page.
const MAX_LIMIT: u32 = 1000;
/// The first byte of a cursor: the version of its form.
const CURSOR_VERSION: u8 = 1;

/// The names of the parameters.
pub(super) const LIMIT: &str = "limit";
pub(super) const CURSOR: &str = "cursor";

/// Which page is asked for.
pub(super) struct Page {
    /// How many entries.
    pub(super) limit: u32,
    /// What the last entry before it is known by.
    pub(super) after: Option<Vec<u8>>,
}

impl Page {
    /// Reads `limit` and `cursor`; none without a limit.
    ///
    /// # Errors
    /// 400 for a limit or cursor that is none, and for a cursor alone.
    pub(super) fn of(parameters: &Parameters) -> Result<Option<Self>, Problem> {
        let after = parameters.text(CURSOR).map(read).transpose()?;
        match parameters.text(LIMIT) {
            Some(limit) => {
                let limit = read_limit(limit)?;
                Ok(Some(Self { limit, after }))
            }
            None if after.is_some() => Err(Problem::invalid("`cursor` goes with `limit`.").of_field(CURSOR)),
            None => Ok(None),
        }
    }

    /// Cuts one entry more than the page has off, if there is one. The answer is whether there was.
    pub(super) fn cut<T>(&self, entries: &mut Vec<T>) -> bool {
        let has_more = entries.len() > self.limit as usize;
        entries.truncate(self.limit as usize);
        has_more
    }

    /// The page with a link to the one that starts after `last`: the same query, further on.
    ///
    /// # Errors
    /// 500 when the link cannot be a header.
    pub(super) fn linked(
        &self,
        page: impl IntoResponse,
        uri: &Uri,
        parameters: &Parameters,
        last: Option<&[u8]>,
    ) -> Result<Response, Problem> {
        let mut response = page.into_response();
        if let Some(last) = last {
            let mut link = format!("<{}?limit={}&cursor={}", uri.path(), self.limit, write(last));
            for (name, value) in parameters.others(&[LIMIT, CURSOR]) {
                link.push_str(&format!("&{name}={}", escaped(value)));
            }
            link.push_str(">; rel=\"next\"");
            let link = HeaderValue::from_str(&link).map_err(|error| Problem::internal(&error))?;
            response.headers_mut().insert(header::LINK, link);
        }
        Ok(response)
    }
}

/// A cursor that holds something else than an entry of the list it is used on.
pub(super) fn wrong_cursor() -> Problem {
    let detail = "`cursor` is not one that this API gave out; start again without it.";
    Problem::invalid(detail).of_field(CURSOR)
}

fn read_limit(text: &str) -> Result<u32, Problem> {
    text.parse()
        .ok()
        .filter(|limit| (1..=MAX_LIMIT).contains(limit))
        .ok_or_else(|| {
            Problem::invalid(format!("`limit` must be a whole number from 1 to {MAX_LIMIT}.")).of_field(LIMIT)
        })
}

fn write(last: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode([&[CURSOR_VERSION], last].concat())
}

fn read(text: &str) -> Result<Vec<u8>, Problem> {
    match URL_SAFE_NO_PAD.decode(text).as_deref() {
        Ok([CURSOR_VERSION, last @ ..]) => Ok(last.to_vec()),
        _ => Err(wrong_cursor()),
    }
}

fn escaped(value: &str) -> String {
    let escape = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    value.bytes().map(escape).collect()
}
