//! Workers KV over the REST API of Cloudflare, which the local Worker runtime serves too.
//!
//! <https://developers.cloudflare.com/api/resources/kv/subresources/namespaces/>

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::Arc,
};

use async_trait::async_trait;
use reqwest::{
    Client, Method, RequestBuilder, Url,
    header::{CONTENT_TYPE, HeaderValue},
};
use serde::Serialize;

use self::answer::{BulkRead, BulkWrite, ListedName};
pub use self::endpoint::{ApiToken, Endpoint, EndpointError};
use super::{
    kv::{CALL_TIMEOUT, KeyValueStore, KvError, KvFault, MAX_BODY_BYTES, MAX_PAIRS, MAX_READ, Page, Pair},
    transport::{self, Failure},
};
use crate::clock::Clock;

mod answer;
mod endpoint;

/// The largest answer is a bulk read: a hundred records of at most 64 KiB, escaped.
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;
/// How many names a page holds: as many as the API gives.
const PAGE: &str = "1000";

/// A namespace behind the REST API.
pub struct CloudflareKv {
    http: Client,
    /// Ends with the namespace's id and a slash.
    namespace: Url,
    token: Option<ApiToken>,
    clock: Arc<dyn Clock>,
}

impl CloudflareKv {
    /// A client for the namespace. The process-wide TLS provider must have been installed.
    ///
    /// # Errors
    /// [`EndpointError`] when the client cannot be set up.
    pub fn new(endpoint: Endpoint, clock: Arc<dyn Clock>) -> Result<Self, EndpointError> {
        let http = transport::client(&endpoint.namespace, CALL_TIMEOUT).map_err(EndpointError::Client)?;
        Ok(Self {
            http,
            namespace: endpoint.namespace,
            token: endpoint.token,
            clock,
        })
    }

    fn request(&self, method: Method, path: &str) -> Result<RequestBuilder, KvError> {
        let url = self
            .namespace
            .join(path)
            .map_err(|_| KvFault::Unreachable("the address is no base for others".to_owned()))?;
        let request = self.http.request(method, url);
        Ok(match &self.token {
            Some(token) => request.header(reqwest::header::AUTHORIZATION, token.header_value()),
            None => request,
        })
    }

    async fn post<T: Serialize + ?Sized + Sync>(
        &self,
        method: Method,
        path: &str,
        body: &T,
    ) -> Result<Vec<u8>, KvError> {
        let body = serde_json::to_vec(body).map_err(|_| KvFault::Oversized)?;
        if body.len() > MAX_BODY_BYTES {
            return Err(KvFault::Oversized.into());
        }
        let json = HeaderValue::from_static("application/json");
        let request = self.request(method, path)?.header(CONTENT_TYPE, json).body(body);
        self.send(request).await
    }

    /// The whole body of a good answer.
    async fn send(&self, request: RequestBuilder) -> Result<Vec<u8>, KvError> {
        let mut response = request.send().await.map_err(fault)?;
        let status = response.status();
        let retry_after = transport::retry_after(response.headers(), self.clock.now());
        let failed = |fault| KvError { fault, retry_after };

        let mut body = Vec::new();
        let mut read = Ok(());
        while let Some(chunk) = match response.chunk().await {
            Ok(chunk) => chunk,
            Err(error) => {
                read = Err(fault(error));
                None
            }
        } {
            if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                read = Err(KvFault::AnswerTooLarge);
                break;
            }
            body.extend_from_slice(&chunk);
        }
        if status.is_success() {
            return read.map(|()| body).map_err(failed);
        }
        // The status says enough, whether the words after it came whole or not.
        Err(failed(answer::fault(status.as_u16(), &body, self.token.as_ref())))
    }
}

#[async_trait]
impl KeyValueStore for CloudflareKv {
    async fn write_bulk(&self, pairs: &[Pair]) -> Result<HashSet<String>, KvError> {
        if pairs.len() > MAX_PAIRS {
            return Err(KvFault::Oversized.into());
        }
        let answer = self.post(Method::PUT, "bulk", pairs).await?;
        Ok(answer::read::<BulkWrite>(&answer)?.unsuccessful(pairs.iter().map(|pair| pair.name.as_str()))?)
    }

    async fn delete_bulk(&self, names: &[String]) -> Result<HashSet<String>, KvError> {
        if names.len() > MAX_PAIRS {
            return Err(KvFault::Oversized.into());
        }
        let answer = self.post(Method::POST, "bulk/delete", names).await?;
        Ok(answer::read::<BulkWrite>(&answer)?.unsuccessful(names.iter().map(String::as_str))?)
    }

    async fn list(&self, prefix: &str, cursor: Option<&str>) -> Result<Page, KvError> {
        let mut request = self
            .request(Method::GET, "keys")?
            .query(&[("prefix", prefix), ("limit", PAGE)]);
        if let Some(cursor) = cursor {
            request = request.query(&[("cursor", cursor)]);
        }
        let answer = self.send(request).await?;
        let (names, cursor) = answer::read_page::<ListedName>(&answer)?;
        Ok(Page {
            names: names.into_iter().map(|listed| listed.name).collect(),
            cursor,
        })
    }

    async fn read_bulk(&self, names: &[String]) -> Result<HashMap<String, String>, KvError> {
        if names.len() > MAX_READ {
            return Err(KvFault::Oversized.into());
        }
        let question = serde_json::json!({ "keys": names, "type": "text" });
        let answer = self.post(Method::POST, "bulk/get", &question).await?;
        Ok(answer::read::<BulkRead>(&answer)?.values())
    }
}

/// What a failed exchange means for the write in it.
fn fault(error: reqwest::Error) -> KvFault {
    match Failure::from(error) {
        Failure::Unreachable(why) => KvFault::Unreachable(why.to_owned()),
        Failure::TimedOut => KvFault::TimedOut,
        Failure::Broken => KvFault::Broken,
    }
}

impl fmt::Debug for CloudflareKv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloudflareKv").finish_non_exhaustive()
    }
}
