//! What the publisher asks of an edge, and how asking can fail.

use std::{fmt::Debug, time::Duration};

use async_trait::async_trait;
use keyward_shared::sync::{Batch, Report, SyncError};

mod client;
mod endpoint;
mod inspect;

pub use self::{
    client::EdgeClient,
    endpoint::{EdgeEndpoint, EdgeEndpointError},
    inspect::{InspectError, Inspected},
};

/// A call is over by then, whatever happens.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// The Worker of a deployment, and behind it the KeyGuards.
#[async_trait]
pub trait Edge: Debug + Send + Sync {
    /// Gives the guards at most [`keyward_shared::sync::MAX_RECORDS`] records. The answer is one that this edge has surely given
    /// to this question; how many results it has is for the caller to check. Asking again changes nothing.
    async fn sync(&self, batch: &Batch) -> Result<Report, EdgeError>;
}

/// A call failed. The guards may have the records all the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{fault}")]
pub struct EdgeError {
    /// How.
    pub fault: EdgeFault,
    /// How long the edge asked to be left alone.
    pub retry_after: Option<Duration>,
}

/// How a call failed. No text of it comes from outside, or holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EdgeFault {
    /// There was no connection.
    #[error("cannot connect to the edge ({0}); check the deployment's edge_url and the network")]
    Unreachable(&'static str),
    /// There was no answer in time.
    #[error("the edge did not answer within {} seconds", CALL_TIMEOUT.as_secs())]
    TimedOut,
    /// The connection broke before the answer was complete.
    #[error("the connection to the edge broke before its answer was complete")]
    Broken,
    /// The edge refused the call, or failed.
    #[error("the edge answered with status {0}{advice}", advice = advice(*.0))]
    Refused(u16),
    /// The answer is larger than any answer should be.
    #[error("the answer of the edge is too large")]
    AnswerTooLarge,
    /// The answer does not prove that it comes from this deployment and belongs to this question.
    #[error(
        "the answer of the edge is not believed: {0}; check that edge_url is the address of this deployment's Worker and \
         that both have the same sync_secrets"
    )]
    Unbelieved(SyncError),
    /// The answer is authentic, and not one to the question.
    #[error(
        "the edge answered for {answered} of {asked} records; do Worker and control plane have the same version?"
    )]
    Miscounted {
        /// Records sent.
        asked: usize,
        /// Results received.
        answered: usize,
    },
}

impl EdgeFault {
    /// Whether another try may go better without anybody changing settings.
    pub(super) const fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::TimedOut | Self::Broken => true,
            Self::Refused(status) => *status == 429 || *status >= 500,
            Self::AnswerTooLarge | Self::Unbelieved(_) | Self::Miscounted { .. } => false,
        }
    }
}

impl From<EdgeFault> for EdgeError {
    fn from(fault: EdgeFault) -> Self {
        Self {
            fault,
            retry_after: None,
        }
    }
}

const fn advice(status: u16) -> &'static str {
    match status {
        300..=399 => {
            "; it redirects, and no redirect is followed: set edge_url to the address it redirects to"
        }
        401 | 403 => {
            "; check that the Worker's SYNC_SECRETS holds the secret that signs here, that its DEPLOYMENT is this one, and \
             that the clocks agree"
        }
        404 | 405 => "; check that edge_url is the address of the Worker and that it has SYNC_SECRETS",
        503 => "; its /.keyward/health may say why",
        _ => "",
    }
}
