//! `POST /internal/v1/usage`: what the guards of a deployment have counted, in absolute totals, and what its isolates have refused, in
//! batches. The caller is the deployment's
//! Worker, known by its sync secrets; nobody else comes here.

use std::{sync::Arc, time::Duration};

use axum::{
    Extension, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, FromRequest as _, Request, State},
    http::{HeaderMap, StatusCode, header},
    routing::post,
};
use keyward_shared::{
    UnixMillis,
    usage::{Claim, HEADER, MAX_BODY_BYTES, PATH, UsageError},
};
use tokio::sync::Semaphore;

use super::{App, Problem};
use crate::domain::{UsageReport, refusals::Batch};

/// How many reports are read at once. Who sends one is known only when all of it is there, so this bounds the memory that
/// strangers can take.
const READ_AT_ONCE: usize = 32;
/// How long a report may take to arrive.
const READ_WITHIN: Duration = Duration::from_secs(10);
/// When a Worker is to come back that finds all places taken.
const COME_BACK_IN_SECONDS: u32 = 5;

/// The route, with bounds of its own.
pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route(PATH, post(take))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(Extension(Arc::new(Semaphore::new(READ_AT_ONCE))))
}

/// Takes a report: 204 when what it says is on the disk.
async fn take(
    State(app): State<Arc<App>>,
    Extension(places): Extension<Arc<Semaphore>>,
    request: Request,
) -> Result<StatusCode, Problem> {
    let signature = signature(request.headers())?.to_owned();
    let claim = Claim::read(&signature)?;
    let id = claim.deployment();
    let deployment = app.deployments.get(id).cloned();
    let known = deployment
        .as_ref()
        .and_then(|deployment| Some((deployment, deployment.sync_secrets.as_ref()?)));
    let (deployment, ring) = known.ok_or_else(|| Problem::unknown_deployment(id))?;
    if announced_length(request.headers()).is_some_and(|length| length > MAX_BODY_BYTES) {
        return Err(UsageError::TooLarge.into());
    }
    let _place = places
        .try_acquire()
        .map_err(|_| Problem::busy(COME_BACK_IN_SECONDS))?;
    let body = tokio::time::timeout(READ_WITHIN, Bytes::from_request(request, &app));
    let body = body
        .await
        .map_err(|_elapsed| Problem::too_slow())?
        .map_err(|rejection| {
            if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                UsageError::TooLarge.into()
            } else {
                Problem::invalid("The body broke off before its end.")
            }
        })?;
    let now = app.clock.now();
    let millis = UnixMillis(u64::try_from(now.as_millisecond()).unwrap_or_default());
    let said = claim.verify(ring, millis, &body).inspect_err(|error| {
        tracing::warn!(deployment = id, %error, "a report of usage is not taken");
    })?;
    let mut report = UsageReport::default();
    for of_key in said.keys {
        report.add(of_key, now);
    }
    let mut batches = Vec::new();
    for said in &said.refusals {
        let (batch, left_out) = Batch::read(said, now);
        batches.extend(batch);
        report.left_out += left_out;
    }
    if report.left_out > 0 {
        let left_out = report.left_out;
        tracing::warn!(
            deployment = id,
            left_out,
            "a report of usage says what cannot be true; the rest of it was taken. Is the Worker's clock right?"
        );
    }
    app.store
        .record_usage(id, deployment.environment, &report)
        .await?;
    if !batches.is_empty() {
        // Should this fail, the totals are told once more and change nothing.
        let counted = app
            .store
            .record_refusals(id, deployment.environment, &batches, now)
            .await?;
        app.metrics.refused_at_edge(id, &counted);
    }
    Ok(StatusCode::NO_CONTENT)
}

/// The one signature there is.
fn signature(headers: &HeaderMap) -> Result<&str, UsageError> {
    let mut values = headers.get_all(HEADER).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().map_err(|_| UsageError::Header),
        _ => Err(UsageError::Header),
    }
}

fn announced_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
