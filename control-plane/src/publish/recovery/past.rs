//! Whether a database knows all that a deployment was told of, for whoever only looks.

use super::{
    RecoveryError,
    mark::{self, Mark},
};
use crate::{publish::Deployment, store::Store};

/// How the past of a database compares with the mark in KV.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Past {
    /// The database knows the event that the mark names.
    Known,
    /// It does not: it was restored from an older state, and the next start recovers.
    Forgotten,
    /// There is a mark that none of the deployment's secrets signed.
    Foreign,
    /// There is no mark, though events there are: the namespace is a new one, or another installation's.
    NoMark,
    /// There is neither.
    Nothing,
}

/// Compares a database with the mark of a deployment.
///
/// # Errors
/// What the database or KV report.
pub async fn past(store: &dyn Store, deployment: &Deployment) -> Result<Past, RecoveryError> {
    let name = mark::name(store.installation().await?);
    let mut values = deployment.kv.read_bulk(std::slice::from_ref(&name)).await?;
    let Some(value) = values.remove(&name) else {
        let has_events = store.last_event().await?.is_some();
        return Ok(if has_events { Past::NoMark } else { Past::Nothing });
    };
    let Some(mark) = Mark::verify(&value, &name, deployment) else {
        return Ok(Past::Foreign);
    };
    let state = store.recovery(&deployment.id).await?;
    let is_known = match mark.event(state.raised_by) {
        Some(event) => store.remembers(&event).await?,
        None => true,
    };
    Ok(if is_known { Past::Known } else { Past::Forgotten })
}
