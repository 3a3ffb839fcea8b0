//! The edge over HTTP.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use keyward_shared::{
    Entropy, SecretRing, UnixMillis,
    sync::{self, Batch, MAX_BODY_BYTES, NONCE_BYTES, Nonce, Report, SyncError},
};
use reqwest::{Client, Response, header::CONTENT_TYPE};

use super::{CALL_TIMEOUT, Edge, EdgeEndpoint, EdgeEndpointError, EdgeError, EdgeFault};
use crate::{
    clock::Clock,
    publish::transport::{self, Failure},
};

/// `POST /.keyward/sync` of one deployment.
pub struct EdgeClient {
    pub(super) http: Client,
    pub(super) endpoint: EdgeEndpoint,
    pub(super) deployment: String,
    pub(super) secrets: SecretRing,
    pub(super) clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy + Send + Sync>,
}

impl EdgeClient {
    /// A client for the Worker of this deployment. The process-wide TLS provider must have been installed.
    ///
    /// # Errors
    /// [`EdgeEndpointError::Client`].
    pub fn new(
        endpoint: EdgeEndpoint,
        deployment: String,
        secrets: SecretRing,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy + Send + Sync>,
    ) -> Result<Self, EdgeEndpointError> {
        let http = transport::client(&endpoint.0, CALL_TIMEOUT).map_err(EdgeEndpointError::Client)?;
        Ok(Self {
            http,
            endpoint,
            deployment,
            secrets,
            clock,
            entropy,
        })
    }

    pub(super) fn nonce(&self) -> Nonce {
        let mut nonce = [0; NONCE_BYTES];
        self.entropy.fill(&mut nonce);
        nonce
    }
}

#[async_trait]
impl Edge for EdgeClient {
    async fn sync(&self, batch: &Batch) -> Result<Report, EdgeError> {
        let question =
            serde_json::to_vec(batch).map_err(|_| EdgeFault::Unreachable("the batch has no text"))?;
        let nonce = self.nonce();
        let now = UnixMillis(u64::try_from(self.clock.now().as_millisecond()).unwrap_or_default());
        let signature = sync::sign_question(&self.secrets, &self.deployment, now, &nonce, &question);
        let request = self
            .http
            .post(self.endpoint.0.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(sync::HEADER, signature)
            .body(question);
        let mut response = request.send().await.map_err(fault)?;
        let status = response.status();
        if status != reqwest::StatusCode::OK {
            return Err(EdgeError {
                fault: EdgeFault::Refused(status.as_u16()),
                retry_after: transport::retry_after(response.headers(), self.clock.now()),
            });
        }
        let unbelieved = |error| EdgeError::from(EdgeFault::Unbelieved(error));
        let signature = response
            .headers()
            .get(sync::HEADER)
            .and_then(|value| value.to_str().ok())
            .ok_or_else(|| unbelieved(SyncError::Header))?
            .to_owned();
        let answer = body(&mut response).await?;
        sync::verify_answer(&signature, &self.secrets, &self.deployment, &nonce, &answer).map_err(unbelieved)
    }
}

/// The whole body of an answer.
pub(super) async fn body(response: &mut Response) -> Result<Vec<u8>, EdgeFault> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(fault)? {
        if body.len() + chunk.len() > MAX_BODY_BYTES {
            return Err(EdgeFault::AnswerTooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// What a failed exchange means for the question in it.
pub(super) fn fault(error: reqwest::Error) -> EdgeFault {
    match Failure::from(error) {
        Failure::Unreachable(why) => EdgeFault::Unreachable(why),
        Failure::TimedOut => EdgeFault::TimedOut,
        Failure::Broken => EdgeFault::Broken,
    }
}

impl fmt::Debug for EdgeClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EdgeClient").finish_non_exhaustive()
    }
}
