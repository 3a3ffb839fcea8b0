//! The edge over HTTP.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use keyward_shared::{
    Entropy, SecretRing, UnixMillis,
    sync::{self, Batch, MAX_BODY_BYTES, NONCE_BYTES, Nonce, Report, SyncError},
};
use reqwest::{
    Client,
    header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER},
    redirect,
};

use super::{CALL_TIMEOUT, Edge, EdgeEndpoint, EdgeEndpointError, EdgeError, EdgeFault};
use crate::{clock::Clock, publish::cloudflare::retry_after};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// `POST /.keyward/sync` of one deployment.
pub struct EdgeClient {
    http: Client,
    endpoint: EdgeEndpoint,
    deployment: String,
    secrets: SecretRing,
    clock: Arc<dyn Clock>,
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
        let mut builder = Client::builder()
            .user_agent(concat!("keyward/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(CALL_TIMEOUT)
            // Records go to the configured address and nowhere else.
            .redirect(redirect::Policy::none());
        if endpoint.is_on_this_machine() {
            // A proxy could not reach the runtime on this machine.
            builder = builder.no_proxy();
        }
        let http = builder
            .build()
            .map_err(|error| EdgeEndpointError::Client(error.without_url().to_string()))?;
        Ok(Self {
            http,
            endpoint,
            deployment,
            secrets,
            clock,
            entropy,
        })
    }

    fn nonce(&self) -> Nonce {
        let mut nonce = [0; NONCE_BYTES];
        self.entropy.fill(&mut nonce);
        nonce
    }

    fn retry_after(&self, headers: &HeaderMap) -> Option<Duration> {
        let value = headers.get(RETRY_AFTER)?.to_str().ok()?;
        retry_after::parse(value, self.clock.now())
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
        let mut response = request.send().await.map_err(|error| fault(&error))?;
        let status = response.status();
        if status != reqwest::StatusCode::OK {
            return Err(EdgeError {
                fault: EdgeFault::Refused(status.as_u16()),
                retry_after: self.retry_after(response.headers()),
            });
        }
        let unbelieved = |error| EdgeError::from(EdgeFault::Unbelieved(error));
        let signature = response
            .headers()
            .get(sync::HEADER)
            .and_then(|value| value.to_str().ok())
            .ok_or_else(|| unbelieved(SyncError::Header))?
            .to_owned();
        let mut answer = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| fault(&error))? {
            if answer.len() + chunk.len() > MAX_BODY_BYTES {
                return Err(EdgeFault::AnswerTooLarge.into());
            }
            answer.extend_from_slice(&chunk);
        }
        sync::verify_answer(&signature, &self.secrets, &self.deployment, &nonce, &answer).map_err(unbelieved)
    }
}

/// What a failed exchange means. The address is left out: what it holds is nobody's business but the settings'.
fn fault(error: &reqwest::Error) -> EdgeFault {
    if error.is_connect() {
        EdgeFault::Unreachable(if error.is_timeout() {
            "no answer in time"
        } else {
            "no connection"
        })
    } else if error.is_timeout() {
        EdgeFault::TimedOut
    } else if error.is_builder() {
        EdgeFault::Unreachable("the request could not be made")
    } else {
        EdgeFault::Broken
    }
}

impl fmt::Debug for EdgeClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EdgeClient").finish_non_exhaustive()
    }
}
