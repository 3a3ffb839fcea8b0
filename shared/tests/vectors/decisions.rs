//! Decisions, and the HTTP answer to each reason.

use core::net::IpAddr;
use std::collections::BTreeMap;

use keyward_shared::{DenyReason, Environment, Record, RequestFacts, UnixSeconds, decide};
use serde::Deserialize;
use serde_json::{Map, Value, from_value};

use crate::{FamilyName, check_all, expect, part};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Decisions {
    /// Requests that are allowed.
    bases: BTreeMap<String, Base>,
    cases: Vec<Case>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Base {
    record: Map<String, Value>,
    facts: Map<String, Value>,
}

/// What differs from a request that is allowed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    base: String,
    record: Map<String, Value>,
    facts: Map<String, Value>,
    now: UnixSeconds,
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    /// None for a key made elsewhere.
    family: Option<FamilyName>,
    organization: Option<String>,
    environment: Environment,
    service: String,
    scope: Option<String>,
    client_ip: Option<IpAddr>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reason {
    code: String,
    status: u16,
    #[serde(rename = "type")]
    type_uri: String,
    challenge: Option<String>,
    retry_after_seconds: Option<u32>,
}

fn answer(bases: &BTreeMap<String, Base>, case: &Case) -> Result<Option<&'static str>, String> {
    let Base {
        mut record,
        mut facts,
    } = bases.get(&case.base).cloned().ok_or("the base is not known")?;
    record.extend(case.record.clone());
    facts.extend(case.facts.clone());
    let unread = |error: serde_json::Error| format!("{}: {error}", case.name);
    let record: Record = from_value(Value::Object(record)).map_err(unread)?;
    let facts: Facts = from_value(Value::Object(facts)).map_err(unread)?;
    let facts = RequestFacts {
        family: facts.family.map(Into::into),
        organization: facts.organization.as_deref(),
        environment: facts.environment,
        service: &facts.service,
        scope: facts.scope.as_deref(),
        client_ip: facts.client_ip,
    };
    Ok(decide(&record, &facts, case.now).err().map(DenyReason::code))
}

#[test]
fn decisions() {
    let Decisions { bases, cases } = part(|document| document.decisions);
    check_all(&cases, |case| {
        let answer = answer(&bases, case)?;
        expect(
            &format!("{}, now {}", case.name, case.now),
            &case.reason.as_deref(),
            &answer,
        )
    });
}

#[test]
fn reasons() {
    let reasons: Vec<Reason> = part(|document| document.reasons);
    assert_eq!(reasons.len(), DenyReason::ALL.len());
    let pairs: Vec<_> = reasons.into_iter().zip(DenyReason::ALL).collect();
    check_all(&pairs, |(case, reason)| {
        expect("code", &case.code.as_str(), &reason.code())?;
        expect(&case.code, &case.status, &reason.status())?;
        expect(&case.code, &case.type_uri, &reason.type_uri())?;
        expect(
            &case.code,
            &case.challenge,
            &reason.challenge("keyward", Some("read")),
        )?;
        expect(
            &case.code,
            &case.retry_after_seconds,
            &reason.retry_after_seconds(),
        )
    });
}
