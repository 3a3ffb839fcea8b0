//! The database: whether it answers, is up to date and whole, and what waits in it.

use std::sync::Arc;

use super::{Findings, skew};
use crate::{
    clock::Clock,
    domain::audit::{Anchor, ChainCheck},
    settings::Settings,
    store::{DatabaseUrl, Store, StoreError, condition::Migrations},
};

/// So many of the newest audit events are followed; `keyward audit verify --local` follows all of them.
const TAIL: u32 = 1000;

/// The store, if it can be looked into further.
pub(super) async fn check(
    url: &DatabaseUrl,
    settings: Option<&Settings>,
    clock: &dyn Clock,
    findings: &mut Findings<'_>,
) -> Option<Arc<dyn Store>> {
    let store = match url.look().await {
        Ok(store) => store,
        Err(error) => {
            let advice = "check database_url, that the database runs, and that it may be opened by this user; `keyward serve` makes a \
                          new SQLite file";
            findings.fail(
                "database",
                None,
                format_args!("cannot open {url}: {error}"),
                advice,
            );
            return None;
        }
    };
    let asked_at = clock.now();
    match store.time().await {
        Ok(time) => {
            findings.ok("database", None, format_args!("{url} answers"));
            skew::check("database", None, time, (asked_at, clock.now()), findings);
        }
        Err(error) => {
            findings.fail("database", None, error, "check the database's own log");
            return None;
        }
    }
    if !is_up_to_date(store.as_ref(), findings).await {
        return None;
    }
    match store.damage().await {
        Ok(None) => findings.ok("integrity", None, "the database finds nothing damaged"),
        Ok(Some(damage)) => {
            let advice = "stop the service, and restore a backup: docs/recovery.md";
            findings.fail("integrity", None, damage, advice);
        }
        Err(error) => findings.fail("integrity", None, error, "check the database's own log"),
    }
    check_audit(store.as_ref(), findings).await;
    check_waiting(store.as_ref(), settings, clock, findings).await;
    if let Some(settings) = settings {
        check_tags(store.as_ref(), settings, clock, findings).await;
    }
    Some(store)
}

async fn is_up_to_date(store: &dyn Store, findings: &mut Findings<'_>) -> bool {
    let check = "migrations";
    let found = match store.migrations().await {
        Ok(found) => found,
        Err(error) => {
            let advice = "is it a database of keyward's? `keyward migrate` makes the tables in a new one";
            findings.fail(check, None, error, advice);
            return false;
        }
    };
    let Migrations {
        applied,
        missing,
        unknown,
        differing,
    } = found;
    if !differing.is_empty() {
        findings.fail(
            check,
            None,
            format_args!("applied otherwise than by this program, or broken off: {differing:?}"),
            "restore a backup from before, or run the program that applied them",
        );
    } else if !missing.is_empty() {
        findings.fail(
            check,
            None,
            format_args!("missing: {missing:?}"),
            "run `keyward migrate`, or start `keyward serve`, which does so",
        );
    } else if !unknown.is_empty() {
        findings.fail(
            check,
            None,
            format_args!("of a newer program: {unknown:?}"),
            "run the version of keyward that applied them",
        );
    } else {
        findings.ok(check, None, format_args!("all {applied} are applied"));
        return true;
    }
    false
}

async fn check_audit(store: &dyn Store, findings: &mut Findings<'_>) {
    let check = "audit";
    match follow(store).await {
        Ok(Ok(0)) => findings.ok(check, None, "there is no event yet"),
        Ok(Ok(events)) => findings.ok(
            check,
            None,
            format_args!("the newest {events} events follow each other"),
        ),
        Ok(Err(position)) => findings.fail(
            check,
            None,
            format_args!("the event at position {position} does not follow the one before it"),
            "run `keyward audit verify --local` for what was changed, and keep the database as evidence",
        ),
        Err(error) => findings.fail(check, None, error, "check the database's own log"),
    }
}

/// How many of the newest events follow each other, or the position of the first that does not.
async fn follow(store: &dyn Store) -> Result<Result<u64, i64>, StoreError> {
    let Some(head) = store.last_event().await? else {
        return Ok(Ok(0));
    };
    let head = i64::try_from(head.number).unwrap_or(i64::MAX);
    let anchor = store.audit_anchor().await?;
    let since = anchor.position.max(head - i64::from(TAIL));
    let mut events = store.audit_chain(since, TAIL).await?.into_iter();
    let (mut chain, begun) = if since == anchor.position {
        (ChainCheck::from(anchor), 0)
    } else {
        let Some(first) = events.next() else {
            return Ok(Ok(0));
        };
        let Ok(hash) = first.chain.as_slice().try_into() else {
            return Ok(Err(first.position));
        };
        let position = first.position;
        (
            ChainCheck::from(Anchor {
                position,
                chain: hash,
            }),
            1,
        )
    };
    Ok(match events.find(|event| !chain.take(event)) {
        Some(event) => Err(event.position),
        None => Ok(chain.checked() + begun),
    })
}

async fn check_waiting(
    store: &dyn Store,
    settings: Option<&Settings>,
    clock: &dyn Clock,
    findings: &mut Findings<'_>,
) {
    let check = "outbox";
    let backlog = match store.backlog().await {
        Ok(backlog) => backlog,
        Err(error) => return findings.fail(check, None, error, "check the database's own log"),
    };
    let mut is_quiet = true;
    for deployment in backlog.iter().filter(|deployment| deployment.waiting > 0) {
        is_quiet = false;
        let id = Some(deployment.deployment.as_str());
        let is_known =
            settings.is_none_or(|settings| settings.deployments.contains_key(&deployment.deployment));
        let lag = deployment
            .waiting_since
            .and_then(|since| u64::try_from(clock.now().duration_since(since).as_secs()).ok())
            .unwrap_or_default();
        let bound = settings.map_or(u64::MAX, |settings| settings.server.ready_lag.as_secs());
        let waiting = deployment.waiting;
        if !is_known {
            let found = format_args!("{waiting} changes wait for a deployment that the settings do not name");
            findings.warn(
                check,
                id,
                found,
                "put it back into the settings, or leave them if it is gone",
            );
        } else if lag > bound {
            let error = deployment.last_error.as_ref();
            let error = error.map_or_else(String::new, |(error, _)| format!("; the last error: {error}"));
            findings.warn(
                check,
                id,
                format_args!("{waiting} changes wait, the oldest for {lag} s{error}"),
                "is `keyward serve` running, and can it reach KV? docs/operations.md#outages",
            );
        } else {
            findings.ok(check, id, format_args!("{waiting} changes are on their way"));
        }
    }
    if is_quiet {
        findings.ok(check, None, "nothing waits to be published");
    }
}

async fn check_tags(store: &dyn Store, settings: &Settings, clock: &dyn Clock, findings: &mut Findings<'_>) {
    let check = "tag secrets";
    match store.tag_secrets_in_use(clock.now()).await {
        Ok(in_use) => match settings.tag_secrets.check_cover(&in_use) {
            Ok(()) => findings.ok(check, None, "every live key's tag secret is in the settings"),
            Err(error) => findings.fail(check, None, error, "`keyward serve` does not start without it"),
        },
        Err(error) => findings.fail(check, None, error, "check the database's own log"),
    }
}
