//! `GET /api/v1/settings`: what is configured.

use std::sync::Arc;

use axum::{Json, extract::State};

use super::{App, caller::Caller, openapi::Entry};
use crate::{domain::Principal, settings::Overview};

/// Tells what is configured, and the platform admin more of it.
pub(super) async fn settings(State(app): State<Arc<App>>, caller: Caller) -> Json<Overview> {
    Json(match caller.principal() {
        Principal::PlatformAdmin => app.overview.clone(),
        _ => app.overview.for_everybody(),
    })
}

/// How the description shows it.
pub(super) fn describe() -> Entry {
    Entry::new(
        "Show what is configured",
        "Read only, and without secrets. `installation` is for the platform admin alone.",
    )
    .answers::<Overview>(200, "The settings.")
}
