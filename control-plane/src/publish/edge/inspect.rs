//! `POST /.keyward/inspect`: how a Worker is set up.

use jiff::Timestamp;
use keyward_shared::{
    UnixMillis,
    inspect::{self, Inspection},
    sync::{HEADER, Nonce, SyncError},
};
use serde::Deserialize;

use super::{
    EdgeClient, EdgeFault,
    client::{body, fault},
};

/// How much of what an edge says about a refusal is shown.
const MAX_DETAIL_CHARS: usize = 200;

/// What an edge has surely said of itself.
#[derive(Clone, Debug)]
pub struct Inspected {
    /// What it said.
    pub inspection: Inspection,
    /// What its fingerprints are made with.
    pub nonce: Nonce,
    /// When it was asked, by our clock.
    pub asked_at: Timestamp,
    /// When it had answered, by our clock.
    pub answered_at: Timestamp,
}

/// Why an edge said nothing of itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InspectError {
    /// There was no answer, or none that is believed.
    #[error(transparent)]
    Edge(#[from] EdgeFault),
    /// It refused. Nobody vouches for its words.
    #[error("the edge answered with status {status}{}", .detail.as_deref().map(|detail| format!(": {detail}")).unwrap_or_default())]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Its own words, if it has any.
        detail: Option<String>,
    },
}

#[derive(Deserialize)]
struct Complaint {
    detail: String,
}

impl EdgeClient {
    /// Asks the Worker how it is set up.
    ///
    /// # Errors
    /// [`InspectError`].
    pub async fn inspect(&self) -> Result<Inspected, InspectError> {
        let nonce = self.nonce();
        let asked_at = self.clock.now();
        let now = UnixMillis(u64::try_from(asked_at.as_millisecond()).unwrap_or_default());
        let question = inspect::sign_question(&self.secrets, &self.deployment, now, &nonce);
        let request = self.http.post(self.endpoint.at(inspect::PATH));
        let mut response = request.header(HEADER, question).send().await.map_err(fault)?;
        let answered_at = self.clock.now();
        let status = response.status().as_u16();
        let proof = response.headers().get(HEADER);
        let proof = proof.and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body = body(&mut response).await?;
        if status != 200 {
            return Err(InspectError::Refused {
                status,
                detail: detail(&body),
            });
        }
        let proof = proof.ok_or(EdgeFault::Unbelieved(SyncError::Header))?;
        let inspection = inspect::verify_answer(&proof, &self.secrets, &self.deployment, &nonce, &body)
            .map_err(EdgeFault::Unbelieved)?;
        Ok(Inspected {
            inspection,
            nonce,
            asked_at,
            answered_at,
        })
    }
}

/// What a problem document says, fit to be shown.
fn detail(body: &[u8]) -> Option<String> {
    let complaint: Complaint = serde_json::from_slice(body).ok()?;
    let printable = complaint.detail.chars().filter(|char| !char.is_control());
    Some(printable.take(MAX_DETAIL_CHARS).collect())
}
