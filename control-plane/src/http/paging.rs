//! Pages of a list: `limit`, an opaque `cursor`, and a link to the next one (RFC 8288).

use axum::{
    http::{HeaderValue, Uri, header},
    response::Response,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use uuid::Uuid;

use super::{
    Problem,
    query::Parameters,
    streaming::{Form, streamed},
};
use crate::{
    domain::{JobId, KeyId, OrganizationId},
    store::{KeyPlace, PlaceValue, StoreError},
};

/// The most entries on a page.
pub const MAX_LIMIT: u32 = 1000;
/// The first byte of a cursor: the version of its form.
const CURSOR_VERSION: u8 = 1;

/// What stands behind the id in a cursor of sorted keys.
const BY_NAME: u8 = 1;
const BY_MOMENT: u8 = 2;

/// The names of the parameters.
pub(super) const LIMIT: &str = "limit";
pub(super) const CURSOR: &str = "cursor";

/// What a list goes by: of each entry, where it stands in it.
pub(super) trait Place: Sized {
    /// The place as a cursor holds it.
    fn to_bytes(&self) -> Vec<u8>;

    /// The place that a cursor holds; none if it holds something else.
    fn from_bytes(bytes: &[u8]) -> Option<Self>;
}

impl Place for String {
    fn to_bytes(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        str::from_utf8(bytes).ok().map(str::to_owned)
    }
}

impl Place for KeyId {
    fn to_bytes(&self) -> Vec<u8> {
        self.0.as_bytes().to_vec()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Uuid::from_slice(bytes).ok().map(Self)
    }
}

/// The id, and behind it what the list is sorted by, if that is something else.
impl Place for KeyPlace {
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Place::to_bytes(&self.id);
        match &self.value {
            PlaceValue::Nothing => {}
            PlaceValue::Name(name) => {
                bytes.push(BY_NAME);
                bytes.extend(name.as_bytes());
            }
            PlaceValue::Moment(moment) => {
                bytes.push(BY_MOMENT);
                bytes.extend(
                    moment
                        .iter()
                        .flat_map(|moment| moment.as_millisecond().to_be_bytes()),
                );
            }
        }
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (id, value) = bytes.split_at_checked(size_of::<Uuid>())?;
        let value = match value.split_first() {
            None => PlaceValue::Nothing,
            Some((&BY_NAME, name)) => PlaceValue::Name(String::from_utf8(name.to_vec()).ok()?),
            Some((&BY_MOMENT, [])) => PlaceValue::Moment(None),
            Some((&BY_MOMENT, millis)) => {
                let millis = i64::from_be_bytes(millis.try_into().ok()?);
                PlaceValue::Moment(Some(Timestamp::from_millisecond(millis).ok()?))
            }
            Some(_) => return None,
        };
        Some(Self {
            value,
            id: Place::from_bytes(id)?,
        })
    }
}

impl Place for OrganizationId {
    fn to_bytes(&self) -> Vec<u8> {
        self.0.as_bytes().to_vec()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Uuid::from_slice(bytes).ok().map(Self)
    }
}

impl Place for JobId {
    fn to_bytes(&self) -> Vec<u8> {
        self.0.as_bytes().to_vec()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Uuid::from_slice(bytes).ok().map(Self)
    }
}

impl Place for Uuid {
    fn to_bytes(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Self::from_slice(bytes).ok()
    }
}

/// Answers with the page that is asked for, or without a `limit` with the whole list, streamed. `read` gives at most so many entries
/// after a place, and `write` writes some of them, told whether they are the first and the last of the answer.
///
/// # Errors
/// As [`Page::of`] and [`Page::after`]; what the store says.
pub(super) async fn listed<T, P, R>(
    uri: &Uri,
    parameters: &Parameters,
    place: impl Fn(&T) -> P + Send + 'static,
    read: impl Fn(Option<P>, u32) -> R + Send + 'static,
    write: impl Fn(&[T], bool, bool) -> Vec<u8> + Send + 'static,
) -> Result<Response, Problem>
where
    T: Send + Sync + 'static,
    P: Place + Send + 'static,
    R: Future<Output = Result<Vec<T>, StoreError>> + Send + 'static,
{
    let Some(page) = Page::of(parameters)? else {
        return Ok(streamed(Form::Array, place, read, write).await?);
    };
    let entries = read(page.after()?, page.one_more()).await?;
    let show = |entries: &[T]| Form::Array.answer(write(entries, true, true).into());
    page.answer(uri, parameters, entries, place, show)
}

/// Which page is asked for.
pub(super) struct Page {
    /// How many entries.
    limit: u32,
    /// What the last entry before it is known by.
    after: Option<Vec<u8>>,
}

impl Page {
    /// Reads `limit` and `cursor`; none without a limit.
    ///
    /// # Errors
    /// 400 for a limit or cursor that is none, and for a cursor alone.
    pub(super) fn of(parameters: &Parameters) -> Result<Option<Self>, Problem> {
        let after = parameters.text(CURSOR).map(read_cursor).transpose()?;
        match parameters.text(LIMIT) {
            Some(limit) => {
                let limit = read_limit(limit)?;
                Ok(Some(Self { limit, after }))
            }
            None if after.is_some() => Err(Problem::invalid("`cursor` goes with `limit`.").of_field(CURSOR)),
            None => Ok(None),
        }
    }

    /// The place of the last entry before the page; none for the first page.
    ///
    /// # Errors
    /// 400 for a cursor of another list.
    pub(super) fn after<P: Place>(&self) -> Result<Option<P>, Problem> {
        let place = |bytes| P::from_bytes(bytes).ok_or_else(wrong_cursor);
        self.after.as_deref().map(place).transpose()
    }

    /// How many entries to read: one more than the page has, to see whether there is another.
    pub(super) const fn one_more(&self) -> u32 {
        self.limit + 1
    }

    /// Answers with the page, of one entry more if there is one, and a link to the next: the same query, further on.
    ///
    /// # Errors
    /// 500 when the link cannot be a header.
    pub(super) fn answer<T, P: Place>(
        &self,
        uri: &Uri,
        parameters: &Parameters,
        mut entries: Vec<T>,
        place: impl Fn(&T) -> P,
        show: impl Fn(&[T]) -> Response,
    ) -> Result<Response, Problem> {
        let has_more = entries.len() > self.limit as usize;
        entries.truncate(self.limit as usize);
        let mut response = show(&entries);
        if let Some(last) = entries.last().filter(|_| has_more) {
            let cursor = write_cursor(&place(last).to_bytes());
            let mut link = format!("<{}?limit={}&cursor={cursor}", uri.path(), self.limit);
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

fn write_cursor(last: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode([&[CURSOR_VERSION], last].concat())
}

fn read_cursor(text: &str) -> Result<Vec<u8>, Problem> {
    match URL_SAFE_NO_PAD.decode(text).as_deref() {
        Ok([CURSOR_VERSION, last @ ..]) => Ok(last.to_vec()),
        _ => Err(wrong_cursor()),
    }
}

/// The cursor of a list of keys, read and written anew; none if it is not one that this API gave out. Whoever keeps a cursor gets the
/// same one back.
pub fn reread_cursor(text: &str) -> Option<String> {
    let place: KeyPlace = Place::from_bytes(&read_cursor(text).ok()?)?;
    Some(write_cursor(&place.to_bytes()))
}

fn escaped(value: &str) -> String {
    let escape = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    value.bytes().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::reread_cursor;

    /// By release: cursors that it gave out, of each kind. Whoever pages through a list while the service is replaced goes on.
    const GIVEN_OUT: &[(&str, [&str; 4])] = &[(
        "0.1",
        [
            "AQGJAAAAAHAAgAAAAAAAqwE",
            "AQGJAAAAAHAAgAAAAAAAqwEBYmlsbGluZw",
            "AQGJAAAAAHAAgAAAAAAAqwEC",
            "AQGJAAAAAHAAgAAAAAAAqwECAAABoxhcUAA",
        ],
    )];

    #[test]
    fn cursors_of_releases_are_read() {
        for (release, cursors) in GIVEN_OUT {
            for cursor in cursors {
                assert_eq!(reread_cursor(cursor).as_deref(), Some(*cursor), "{release}");
            }
        }
        assert_eq!(reread_cursor("AgGJAAAAAHAAgAAAAAAAqwE"), None);
    }
}
