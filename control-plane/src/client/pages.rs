//! Lists, page by page.

use reqwest::Url;
use serde_json::Value;

use super::{Client, ClientError, Request};

/// How many entries are asked for at a time.
const PAGE: usize = 500;

/// The pages of a list that are still to be read.
#[derive(Debug)]
pub struct Pages<'a> {
    client: &'a Client,
    request: Request,
    cursor: Option<String>,
    /// How many entries may still come.
    left: usize,
    is_over: bool,
}

impl<'a> Pages<'a> {
    /// The pages of a list, up to so many entries.
    pub fn of(client: &'a Client, request: Request, most: Option<usize>) -> Self {
        Self {
            client,
            request,
            cursor: None,
            left: most.unwrap_or(usize::MAX),
            is_over: most == Some(0),
        }
    }

    /// The next page; none after the last one.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn next(&mut self) -> Result<Option<Vec<Value>>, ClientError> {
        if self.is_over {
            return Ok(None);
        }
        let request = self.request.clone().with("limit", Some(PAGE.min(self.left)));
        let answer = self
            .client
            .send(&request.with("cursor", self.cursor.take()))
            .await?;
        let Value::Array(entries) = answer.body else {
            return Err(ClientError::Unreadable);
        };
        self.left = self.left.saturating_sub(entries.len());
        self.cursor = answer.next;
        self.is_over = self.cursor.is_none() || self.left == 0;
        Ok(Some(entries))
    }

    /// All entries.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn all(mut self) -> Result<Vec<Value>, ClientError> {
        let mut all = Vec::new();
        while let Some(page) = self.next().await? {
            all.extend(page);
        }
        Ok(all)
    }
}

/// The cursor of `Link: <…>; rel="next"` (RFC 8288).
pub(super) fn next_cursor(link: &str) -> Option<String> {
    let (target, rest) = link.trim().strip_prefix('<')?.split_once('>')?;
    if !rest.contains("rel=\"next\"") {
        return None;
    }
    // The target is relative to the service, whose address does not matter here.
    let url = Url::parse("http://service").ok()?.join(target).ok()?;
    let cursor = url.query_pairs().find(|(name, _)| name == "cursor");
    cursor.map(|(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_on() {
        let link = "</api/v1/keys?limit=2&cursor=a%2Db>; rel=\"next\"";
        assert_eq!(next_cursor(link).as_deref(), Some("a-b"));
        assert_eq!(next_cursor("</x?cursor=a>; rel=\"prev\""), None);
        assert_eq!(next_cursor("nonsense"), None);
    }
}
