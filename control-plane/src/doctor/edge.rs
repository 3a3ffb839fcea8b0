//! A Worker: whether it answers, is believed, and is set up as the control plane thinks.

use std::sync::Arc;

use jiff::Timestamp;
use keyward_shared::{Brands, Entropy, Environment, SecretRing, sync::Batch};
use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;

use super::{Findings, agreement, routes, skew, upstreams, web};
use crate::{
    clock::Clock,
    publish::{
        Edge as _, EdgeClient, EdgeEndpoint,
        edge::{EdgeFault, InspectError, Inspected},
    },
    settings::{EdgeSettings, TagSecrets},
};

/// What a Worker should be, by the settings of the control plane.
pub(super) struct Expected<'a> {
    pub(super) id: &'a str,
    pub(super) environment: Environment,
    pub(super) services: &'a [String],
    pub(super) brands: &'a Brands,
    pub(super) tag_secrets: &'a TagSecrets,
    pub(super) record_secrets: SecretRing,
    pub(super) sync_secrets: Option<SecretRing>,
}

pub(super) async fn check(
    expected: &Expected<'_>,
    settings: EdgeSettings,
    clock: &Arc<dyn Clock>,
    entropy: &Arc<dyn Entropy + Send + Sync>,
    findings: &mut Findings<'_>,
) {
    let of = Some(expected.id);
    let endpoint = settings.endpoint.clone();
    if !is_healthy(expected, &endpoint, findings).await {
        return;
    }
    check_own_addresses(expected, &endpoint, findings).await;
    let client = EdgeClient::new(
        settings.endpoint,
        expected.id.to_owned(),
        settings.sync_secrets,
        Arc::clone(clock),
        Arc::clone(entropy),
    );
    let client = match client {
        Ok(client) => client,
        Err(error) => return findings.fail("sync", of, error, "check the deployment's edge_url"),
    };
    let inspected = client.inspect().await;
    let told = client.sync(&Batch { records: Vec::new() }).await;
    match (told, &inspected) {
        (Ok(_), _) => findings.ok(
            "sync",
            of,
            "the Worker answers, and both have the same sync secret",
        ),
        // What the Worker says in words tells more than a status.
        (Err(_), Err(error @ InspectError::Refused { .. })) => refused(of, error, findings),
        (Err(error), _) => findings.fail(
            "sync",
            of,
            &error,
            "until it is put right changes are not confirmed, and reach the edge by KV alone",
        ),
    }
    match inspected {
        Ok(inspected) => compare(expected, &inspected, findings).await,
        Err(InspectError::Refused { status: 404, .. }) => findings.warn(
            "secrets",
            of,
            "the Worker is of an older version, which does not say how it is set up",
            "deploy the Worker of this version",
        ),
        // The check of the channel has told it.
        Err(InspectError::Refused { .. } | InspectError::Edge(EdgeFault::Unbelieved(_))) => {}
        Err(error) => findings.fail("secrets", of, error, "see the check of the sync channel"),
    }
}

fn refused(of: Option<&str>, error: &InspectError, findings: &mut Findings<'_>) {
    let words = error.to_string();
    if words.contains("clocks") {
        let advice = "let both keep time by NTP (timedatectl, chronyc tracking)";
        return findings.fail("clock", of, words, advice);
    }
    findings.fail(
        "sync",
        of,
        words,
        "give the Worker's SYNC_SECRETS and the deployment's sync_secrets the same ring, and the Worker's DEPLOYMENT this id; \
         until then changes are not confirmed",
    );
}

async fn compare(expected: &Expected<'_>, inspected: &Inspected, findings: &mut Findings<'_>) {
    let of = Some(expected.id);
    let seen = &inspected.inspection;
    let time = i64::try_from(seen.at_ms).ok();
    if let Some(time) = time.and_then(|at| Timestamp::from_millisecond(at).ok()) {
        let span = (inspected.asked_at, inspected.answered_at);
        skew::check("edge", of, time, span, findings);
    }
    agreement::check(expected, seen, &inspected.nonce, findings);
    routes::check(expected, seen, findings);
    match &seen.reports_usage_to {
        Some(url) => findings.ok("usage", of, format_args!("the Worker reports usage to {url}")),
        None => findings.warn(
            "usage",
            of,
            "the Worker reports no usage",
            "bind the queue USAGE and set CONTROL_PLANE_URL, unless that is wanted (docs/edge.md#usage)",
        ),
    }
    upstreams::check(expected.id, &seen.routes, findings).await;
}

#[derive(Deserialize)]
struct Health {
    status: String,
    deployment: Option<String>,
    environment: Option<String>,
    version: Option<String>,
    detail: Option<String>,
}

/// Whether the Worker serves at all.
async fn is_healthy(expected: &Expected<'_>, endpoint: &EdgeEndpoint, findings: &mut Findings<'_>) -> bool {
    let (check, of) = ("edge", Some(expected.id));
    let url = endpoint.at("/.keyward/health");
    let health = match web::look(Method::GET, &url).await {
        Ok(seen) => serde_json::from_slice::<Health>(&seen.body).map_err(|_| {
            format!(
                "{url} answers with status {}, and not as a Worker of keyward",
                seen.status
            )
        }),
        Err(why) => Err(format!("{url} cannot be reached ({why})")),
    };
    let health = match health {
        Ok(health) => health,
        Err(found) => {
            let advice = "check edge_url, that the Worker is deployed there, and the network";
            findings.fail(check, of, found, advice);
            return false;
        }
    };
    if health.status != "ok" {
        let detail: String = health.detail.unwrap_or_default();
        let detail: String = detail
            .chars()
            .filter(|char| !char.is_control())
            .take(300)
            .collect();
        let advice = "set it (docs/configuration.md#worker); until then every request is a 503";
        findings.fail(
            check,
            of,
            format_args!("the Worker serves nothing: {detail}"),
            advice,
        );
        return false;
    }
    let environment = expected.environment.as_str();
    if health.deployment.as_deref() != Some(expected.id) || health.environment.as_deref() != Some(environment)
    {
        findings.fail(
            check,
            of,
            format_args!(
                "the Worker is the deployment {:?} of {:?}, and should be {:?} of {environment:?}",
                health.deployment.unwrap_or_default(),
                health.environment.unwrap_or_default(),
                expected.id,
            ),
            "check edge_url, and the Worker's DEPLOYMENT and ENVIRONMENT",
        );
        return true;
    }
    let (theirs, ours) = (health.version.unwrap_or_default(), env!("CARGO_PKG_VERSION"));
    if theirs == ours {
        findings.ok(check, of, format_args!("the Worker is healthy, version {theirs}"));
    } else {
        let found = format_args!("the Worker is of version {theirs}, and this is {ours}");
        findings.warn(
            check,
            of,
            found,
            "deploy both from one version (docs/operations.md#upgrade)",
        );
    }
    true
}

/// The addresses for origins and for those who ask about keys.
async fn check_own_addresses(expected: &Expected<'_>, endpoint: &EdgeEndpoint, findings: &mut Findings<'_>) {
    let of = Some(expected.id);
    let keys = web::look(Method::GET, &endpoint.at("/.keyward/jwks.json")).await;
    let keys = keys.ok().filter(|seen| seen.status == 200).and_then(|seen| {
        let set: Value = serde_json::from_slice(&seen.body).ok()?;
        set["keys"].as_array().map(Vec::len)
    });
    let advice = "set ASSERTION_KEYS, so that origins can refuse what did not pass the Worker (docs/edge.md#keyward-assertion)";
    match keys {
        Some(0) => findings.warn("assertions", of, "the Worker signs nothing for origins", advice),
        Some(keys) => findings.ok("assertions", of, format_args!("{keys} keys sign for origins")),
        None => findings.fail(
            "assertions",
            of,
            "/.keyward/jwks.json is not there",
            "let everything below /.keyward reach the Worker",
        ),
    }
    match web::look(Method::POST, &endpoint.at("/.keyward/verify")).await {
        Ok(seen) if seen.status == 401 => {
            findings.ok("questions", of, "the Worker answers questions about keys");
        }
        Ok(seen) if seen.status == 503 => {
            findings.ok(
                "questions",
                of,
                "nobody may ask the Worker about keys (VERIFY_SECRETS is not set)",
            );
        }
        _ => findings.fail(
            "questions",
            of,
            "/.keyward/verify is not there",
            "let everything below /.keyward reach the Worker",
        ),
    }
}
