//! What is dropped when its time is over.

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;

use crate::{clock::Clock, store::Store};

/// How often it is looked for.
const EVERY: Duration = Duration::from_secs(60);

/// Drops answers and requests that are remembered no longer and sessions that are over, until `shutdown` turns true or its sender
/// is dropped.
pub async fn forget(
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    session_idle: Duration,
    mut shutdown: watch::Receiver<bool>,
) {
    while !*shutdown.borrow_and_update() {
        if let Err(error) = store.forget(clock.now()).await {
            tracing::error!(%error, "requests that are remembered no longer could not be dropped");
        }
        if let Err(error) = store.forget_sessions(session_idle, clock.now()).await {
            tracing::error!(%error, "sessions that are over could not be dropped");
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            changed = shutdown.changed() => if changed.is_err() { return },
        }
    }
}
