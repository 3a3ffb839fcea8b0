//! `POST /.keyward/inspect`: the control plane looks at how this Worker is set up (`keyward doctor`).

use std::collections::BTreeMap;

use keyward_shared::{
    Environment, Family, SecretRing, UnixMillis,
    inspect::{self, Inspection, fingerprints, route_facts},
    sync::{HEADER, Promise, SyncError},
};

use crate::{answer::Answer, deployment::Deployment, sync::Refused};

/// Answers a question: `header` is its [`HEADER`].
///
/// # Errors
/// [`Refused`].
pub fn answer(deployment: &Deployment, header: Option<&str>, now: UnixMillis) -> Result<Answer, Refused> {
    let ring = deployment.sync_secrets.as_ref().ok_or(Refused::Off)?;
    let header = header.ok_or(Refused::Unsigned(SyncError::Header))?;
    let nonce = inspect::verify_question(header, ring, &deployment.id, now).map_err(Refused::Unsigned)?;
    let rings = rings(deployment).map(|(name, ring)| {
        let fingerprints = fingerprints(&name, ring, &nonce);
        (name, fingerprints)
    });
    let inspection = Inspection {
        at_ms: now.0,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        environment: deployment.environment,
        service_key_brand: deployment.brands.service().to_owned(),
        gateway_key_brand: deployment.brands.gateway().to_owned(),
        rings: rings.collect::<BTreeMap<_, _>>(),
        reports_usage_to: deployment.usage.as_ref().map(|usage| usage.url.clone()),
        promise: Promise::of(&deployment.routes, |route| deployment.is_fast(route)),
        routes: route_facts(&deployment.routes),
    };
    let mut answer = Answer::json(200, "application/json", &inspection);
    let signature = inspect::sign_answer(ring, header, &deployment.id, &nonce, answer.body.as_bytes());
    let signature = signature.ok_or(Refused::Unsigned(SyncError::Header))?;
    answer.headers.push((HEADER, signature));
    Ok(answer)
}

/// The rings that this deployment has, by the names of their variables.
fn rings(deployment: &Deployment) -> impl Iterator<Item = (String, &SecretRing)> {
    let services = Environment::ALL.map(|environment| {
        let variable = format!("TAG_SECRETS_{}", environment.as_str().to_ascii_uppercase());
        (variable, deployment.tag_secrets.of(Family::Service(environment)))
    });
    let gateway = deployment.tag_secrets.of(Family::Gateway);
    let others = [
        ("TAG_SECRETS_GATEWAY".to_owned(), gateway),
        ("RECORD_SECRETS".to_owned(), Some(&deployment.record_secrets)),
        ("SYNC_SECRETS".to_owned(), deployment.sync_secrets.as_ref()),
    ];
    services
        .into_iter()
        .chain(others)
        .filter_map(|(name, ring)| Some((name, ring?)))
}
