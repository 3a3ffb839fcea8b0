//! Whole lists: every entry, read page by page while it is sent, so that memory stays flat. A database that fails at once is an
//! error; should it fail on the way, the connection breaks off: half a list never looks whole.

use axum::{
    body::{Body, Bytes},
    http::{HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use futures_util::{StreamExt as _, stream};
use serde::Serialize;

use crate::store::StoreError;

/// How many entries are read at a time.
const PAGE: u32 = 500;

/// How entries are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// One JSON array.
    Array,
    /// One JSON document a line.
    Lines,
}

impl Form {
    /// Its media type.
    pub(super) const fn media_type(self) -> &'static str {
        match self {
            Self::Array => "application/json",
            Self::Lines => "application/x-ndjson",
        }
    }

    /// An answer in this form.
    pub(super) fn answer(self, body: Body) -> Response {
        let media_type = HeaderValue::from_static(self.media_type());
        ([(header::CONTENT_TYPE, media_type)], body).into_response()
    }

    /// Entries, with what joins them to those before and, of the last, what ends them.
    pub(super) fn write(
        self,
        entries: impl Iterator<Item = impl Serialize>,
        is_first: bool,
        is_last: bool,
    ) -> Vec<u8> {
        let mut text = Vec::new();
        if self == Self::Array && is_first {
            text.push(b'[');
        }
        for (index, entry) in entries.enumerate() {
            if self == Self::Array && !(is_first && index == 0) {
                text.push(b',');
            }
            // Strings, numbers, lists, and JSON that was read before, written to memory: nothing here can fail.
            let _ = serde_json::to_writer(&mut text, &entry);
            if self == Self::Lines {
                text.push(b'\n');
            }
        }
        if self == Self::Array && is_last {
            text.push(b']');
        }
        text
    }
}

/// Answers with every entry. `read` gives at most so many after a place, and `write` writes a page, told whether it is the first and the last.
///
/// # Errors
/// What the store says of the first page.
pub(super) async fn streamed<T, P, R>(
    form: Form,
    place: impl Fn(&T) -> P + Send + 'static,
    read: impl Fn(Option<P>, u32) -> R + Send + 'static,
    write: impl Fn(&[T], bool, bool) -> Vec<u8> + Send + 'static,
) -> Result<Response, StoreError>
where
    T: Send + Sync + 'static,
    P: Send + 'static,
    R: Future<Output = Result<Vec<T>, StoreError>> + Send + 'static,
{
    // Where the next page begins; none after the last.
    let next = move |entries: &[T]| {
        (entries.len() == PAGE as usize)
            .then(|| entries.last().map(&place))
            .flatten()
    };
    let entries = read(None, PAGE).await?;
    let after = next(&entries);
    let first = Bytes::from(write(&entries, true, after.is_none()));
    if after.is_none() {
        return Ok(form.answer(Body::from(first)));
    }
    drop(entries);
    let begin = (after, next, read, write);
    let pages = stream::try_unfold(begin, |(after, next, read, write)| async move {
        let Some(after) = after else {
            return Ok::<_, StoreError>(None);
        };
        let entries = read(Some(after), PAGE).await?;
        let after = next(&entries);
        let text = write(&entries, false, after.is_none());
        Ok(Some((Bytes::from(text), (after, next, read, write))))
    });
    let pages = stream::once(async { Ok(first) }).chain(pages);
    Ok(form.answer(Body::from_stream(pages)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_join_to_one_list() {
        let of = |form: Form, pages: &[&[u8]]| {
            let last = pages.len() - 1;
            let written = pages
                .iter()
                .enumerate()
                .flat_map(|(index, page)| form.write(page.iter(), index == 0, index == last));
            String::from_utf8(written.collect()).unwrap()
        };
        assert_eq!(of(Form::Array, &[&[]]), "[]");
        assert_eq!(of(Form::Array, &[&[1, 2], &[3], &[]]), "[1,2,3]");
        assert_eq!(of(Form::Lines, &[&[]]), "");
        assert_eq!(of(Form::Lines, &[&[1, 2], &[3]]), "1\n2\n3\n");
    }
}
