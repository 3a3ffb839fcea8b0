//! A database as a company has it after years, made by the service's own code: each key has its text, its hash and its tag, and waits to
//! be published.

use std::{path::Path, time::Duration};

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use keyward_control_plane::{
    clock::{Clock as _, SystemClock, SystemEntropy, new_id},
    domain::{
        Action, AuditEvent, Change, Key, KeyWrite, NewKey, OrganizationId, Purpose, Target,
        change::Dirty,
        key::{Configuration, KeyId, Mint},
    },
    store::{SqliteStore, Store},
};
use keyward_shared::{Brands, Environment, SecretRing};
use serde_json::Value;
use xtask::{interrupt::Interrupt, progress::Step, secrets::Secrets};

use super::service::DEPLOYMENT;
use crate::credentials::Random;

/// Keys that one change makes.
const KEYS_OF_A_CHANGE: u32 = 10_000;
/// Of so many keys, one is remembered to be asked for.
const SAMPLE: u32 = 97;

/// Makes so many keys, the oldest first, one a second, up to now. Returns the ids of some, evenly spread.
///
/// # Errors
/// When the file cannot be written; an interruption.
pub(crate) fn fill(
    database: &Path,
    secrets: &Secrets,
    keys: u32,
    interrupt: &Interrupt,
    step: &mut Step,
) -> Result<Vec<KeyId>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(async {
        let store = SqliteStore::open(database).await?;
        let brands = Brands::default();
        let now = SystemClock.now();
        let wanted = OrganizationId(new_id(now, &SystemEntropy));
        let organization = store.prepare(wanted, &brands, now).await?;
        let [production, ..] = &secrets.tag_secrets;
        let tag_secrets: SecretRing = production.reveal().parse()?;
        let random = Random::new()?;
        let mint = Mint {
            brands: &brands,
            tag_secrets: &tag_secrets,
            entropy: &random,
        };
        let mut sample = Vec::new();
        let mut made = 0;
        while made < keys {
            interrupt.check()?;
            let writes: Vec<_> = (made..keys.min(made + KEYS_OF_A_CHANGE))
                .map(|number| {
                    let moment = before(now, Duration::from_secs(u64::from(keys - number)));
                    let key = Key::create(wish(organization, number), "admin", moment, mint).0;
                    if number % SAMPLE == 0 {
                        sample.push(key.id);
                    }
                    KeyWrite::Insert(key)
                })
                .collect();
            made += u32::try_from(writes.len())?;
            store.commit(&change(writes, now)).await?;
            step.tick(|| format!("{made}"));
        }
        Ok(sample)
    })
}

fn before(now: Timestamp, duration: Duration) -> Timestamp {
    now.checked_sub(duration).unwrap_or(Timestamp::MIN)
}

fn wish(organization: OrganizationId, number: u32) -> NewKey {
    NewKey {
        organization,
        owner: format!("user-{}", number % 1000),
        purpose: Purpose::Service {
            service: "prediction".to_owned(),
            environment: Environment::Production,
        },
        configuration: Configuration {
            name: format!("Production key {number}"),
            scopes: ["predict", "read"].map(str::to_owned).to_vec(),
            allowed_ips: "203.0.113.0/24".parse().into_iter().collect(),
            rate_limit_per_hour: 5000,
            monthly_limit: Some(1_000_000),
            plan: "pro".to_owned(),
            holder: None,
            metadata: std::collections::BTreeMap::new(),
        },
        groups: Vec::new(),
        lifetime: None,
    }
}

/// One change of all of them, which KV alone has to hear of: nobody can have a right that they take away.
fn change(writes: Vec<KeyWrite>, now: Timestamp) -> Change {
    let first = writes[0].key();
    let event = AuditEvent {
        id: new_id(now, &SystemEntropy),
        at: now,
        organization: Some(first.organization),
        actor: "admin".to_owned(),
        action: Action::KeyCreated,
        target: Target::Key(first.id),
        request_id: String::new(),
        detail: Value::Null,
    };
    let dirty = writes.iter().map(|write| Dirty {
        deployment: DEPLOYMENT.to_owned(),
        key: write.key().id,
        revision: write.key().revision,
        to_guards: false,
    });
    Change {
        dirty: dirty.collect(),
        writes,
        directory: Vec::new(),
        groups_seen: Vec::new(),
        once: None,
        event,
    }
}
