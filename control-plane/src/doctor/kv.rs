//! A KV namespace: whether it can be read and written, and whose past it knows.

use std::{sync::Arc, time::Duration};

use keyward_shared::{Entropy, Environment, SecretRing};

use super::Findings;
use crate::{
    clock::Clock,
    domain::audit::hex,
    publish::{
        CloudflareKv, Deployment, Endpoint, KeyValueStore, KvError,
        kv::Pair,
        recovery::{MARK_PREFIX, Past, past},
    },
    store::Store,
};

/// What the names of probes begin with. No other name does.
const PROBE_PREFIX: &str = "doctor:";
/// A new name may take a moment until it can be read.
const READ_TRIES: u32 = 5;
const READ_PAUSE: Duration = Duration::from_millis(500);

/// The namespace of a deployment, by the settings.
pub(super) struct Namespace<'a> {
    pub(super) id: &'a str,
    pub(super) environment: Environment,
    pub(super) endpoint: Endpoint,
    pub(super) record_secrets: SecretRing,
    pub(super) sync_secrets: Option<SecretRing>,
}

pub(super) async fn check(
    namespace: Namespace<'_>,
    store: Option<&dyn Store>,
    clock: &Arc<dyn Clock>,
    entropy: &(dyn Entropy + Send + Sync),
    findings: &mut Findings<'_>,
) {
    let of = Some(namespace.id);
    let kv = match CloudflareKv::new(namespace.endpoint, Arc::clone(clock)) {
        Ok(kv) => kv,
        Err(error) => return findings.fail("kv", of, error, "check the deployment's KV settings"),
    };
    if let Err(error) = kv.list(MARK_PREFIX, None).await {
        let advice = "check namespace_id, account_id (or kv_url) and api_token, and that the API can be reached from here";
        return findings.fail("kv", of, format_args!("names cannot be listed: {error}"), advice);
    }
    match probe(&kv, entropy).await {
        Ok(true) => findings.ok("kv", of, "a probe was written, read and removed"),
        Ok(false) => findings.warn(
            "kv",
            of,
            "a probe was written and removed, and could not be read in between",
            "KV may be slow to show new names; run this again",
        ),
        Err((what, error)) => {
            let advice = "give the api_token the permission Workers KV Storage: Edit";
            findings.fail(
                "kv",
                of,
                format_args!("a probe cannot be {what}: {error}"),
                advice,
            );
        }
    }
    let Some(store) = store else {
        return;
    };
    let deployment = Deployment {
        id: namespace.id.to_owned(),
        environment: namespace.environment,
        record_secrets: namespace.record_secrets,
        kv: Arc::new(kv),
        edge: None,
        sync_secrets: namespace.sync_secrets,
    };
    check_past(&deployment, store, findings).await;
}

/// Writes a name, reads it, and takes it away. The answer is whether it could be read.
async fn probe(
    kv: &dyn KeyValueStore,
    entropy: &(dyn Entropy + Send + Sync),
) -> Result<bool, (&'static str, KvError)> {
    let mut random = [0; 16];
    entropy.fill(&mut random);
    let names = [format!("{PROBE_PREFIX}{}", hex(&random))];
    let pair = Pair {
        name: names[0].clone(),
        value: "probe".to_owned(),
    };
    kv.write_bulk(&[pair]).await.map_err(|error| ("written", error))?;
    let read = read(kv, &names).await;
    // Whatever came of reading it.
    kv.delete_bulk(&names).await.map_err(|error| ("removed", error))?;
    read.map_err(|error| ("read", error))
}

async fn read(kv: &dyn KeyValueStore, names: &[String]) -> Result<bool, KvError> {
    for _ in 0..READ_TRIES {
        if !kv.read_bulk(names).await?.is_empty() {
            return Ok(true);
        }
        tokio::time::sleep(READ_PAUSE).await;
    }
    Ok(false)
}

async fn check_past(deployment: &Deployment, store: &dyn Store, findings: &mut Findings<'_>) {
    let (check, of) = ("past", Some(deployment.id.as_str()));
    match past(store, deployment).await {
        Ok(Past::Known) => findings.ok(check, of, "the database knows all that the namespace was told of"),
        Ok(Past::Nothing) => findings.ok(check, of, "nothing was published yet"),
        Ok(Past::NoMark) => findings.warn(
            check,
            of,
            "the namespace has no mark of this installation, though the database has a past",
            "check that namespace_id is this deployment's; a new namespace gets its mark when `keyward serve` runs",
        ),
        Ok(Past::Foreign) => findings.fail(
            check,
            of,
            "the mark in the namespace is signed by none of the deployment's record secrets",
            "check record_secrets and namespace_id: docs/operations.md#rotating-secrets",
        ),
        Ok(Past::Forgotten) => findings.fail(
            check,
            of,
            "the namespace was told of later changes than the database knows: it was restored from an older state",
            "the next start of `keyward serve` recovers: docs/recovery.md",
        ),
        Err(error) => findings.fail(check, of, error, "see the checks of the database and of KV"),
    }
}
