//! Whether control plane and Worker have the same secrets, by fingerprints, and the same names.

use keyward_shared::{
    Environment, Family, SecretRing,
    inspect::{Fingerprint, Inspection, fingerprints},
    sync::Nonce,
};

use super::{Findings, edge::Expected};

const CHECK: &str = "secrets";

/// What comes of a secret that the Worker lacks.
#[derive(Clone, Copy)]
enum Lack {
    /// Something is refused.
    Harms(&'static str),
    /// A refusal is less helpful.
    Tolerable,
}

pub(super) fn check(expected: &Expected<'_>, seen: &Inspection, nonce: &Nonce, findings: &mut Findings<'_>) {
    let own = format!(
        "TAG_SECRETS_{}",
        expected.environment.as_str().to_ascii_uppercase()
    );
    let records = Lack::Harms("what is signed with it is unreadable to the Worker, which answers 503");
    let tags = Lack::Harms("the Worker takes keys that are tagged with it for forged");
    let mut rings: Vec<(String, Option<&SecretRing>, Lack)> = vec![
        (
            "RECORD_SECRETS".to_owned(),
            Some(&expected.record_secrets),
            records,
        ),
        (
            "SYNC_SECRETS".to_owned(),
            expected.sync_secrets.as_ref(),
            Lack::Harms("calls signed with it are refused"),
        ),
        (
            "TAG_SECRETS_GATEWAY".to_owned(),
            expected.tag_secrets.of(Family::Gateway),
            tags,
        ),
    ];
    for environment in Environment::ALL {
        let variable = format!("TAG_SECRETS_{}", environment.as_str().to_ascii_uppercase());
        let lack = if variable == own { tags } else { Lack::Tolerable };
        rings.push((
            variable,
            expected.tag_secrets.of(Family::Service(environment)),
            lack,
        ));
    }
    for (variable, ring, lack) in &rings {
        let Some(ring) = ring else { continue };
        let ours = fingerprints(variable, ring, nonce);
        let theirs = seen.rings.get(variable).map(Vec::as_slice);
        compare(expected.id, variable, &ours, theirs, *lack, findings);
    }
    let brands = (expected.brands.service(), expected.brands.gateway());
    if brands != (seen.service_key_brand.as_str(), seen.gateway_key_brand.as_str()) {
        findings.fail(
            "brands",
            Some(expected.id),
            "the Worker expects keys with other prefixes",
            "set the Worker's SERVICE_KEY_BRAND and GATEWAY_KEY_BRAND as the control plane has them",
        );
    }
}

fn compare(
    of: &str,
    variable: &str,
    ours: &[Fingerprint],
    theirs: Option<&[Fingerprint]>,
    lack: Lack,
    findings: &mut Findings<'_>,
) {
    let of = Some(of);
    let Some(theirs) = theirs else {
        if let Lack::Harms(harm) = lack {
            let found = format_args!("the Worker has no {variable}: {harm}");
            findings.fail(
                CHECK,
                of,
                found,
                format_args!("npx wrangler secret put {variable}"),
            );
        }
        return;
    };
    let at_edge = |own: &Fingerprint| theirs.iter().find(|other| other.id == own.id);
    let differing = ours
        .iter()
        .find(|own| at_edge(own).is_some_and(|other| other.mac != own.mac));
    if let Some(Fingerprint { id, .. }) = differing {
        let found = format_args!("secret {id} of {variable} is another one in the Worker than here");
        let advice = "put the same ring in both; a secret that changes gets a new id (docs/operations.md#rotating-secrets)";
        return findings.fail(CHECK, of, found, advice);
    }
    if let Some(Fingerprint { id, .. }) = ours.iter().find(|own| at_edge(own).is_none()) {
        let harm = match lack {
            Lack::Harms(harm) => harm,
            Lack::Tolerable => return,
        };
        let found = format_args!("the Worker lacks secret {id} of {variable}: {harm}");
        return findings.fail(
            CHECK,
            of,
            found,
            format_args!("npx wrangler secret put {variable}"),
        );
    }
    let more = theirs.len() - ours.len();
    let more = match more {
        0 => String::new(),
        more => format!("; the Worker knows {more} more, as on the way to a new one"),
    };
    findings.ok(CHECK, of, format_args!("{variable} agrees{more}"));
}

#[cfg(test)]
mod tests {
    use keyward_shared::{Secret, sync::NONCE_BYTES};

    use super::*;
    use crate::doctor::Status;

    const NONCE: Nonce = [5; NONCE_BYTES];

    fn ring(secrets: &[(u32, u8)]) -> Vec<Fingerprint> {
        let secrets = secrets
            .iter()
            .map(|(id, byte)| (*id, Secret::new(vec![*byte; 32]).unwrap()));
        fingerprints(
            "RECORD_SECRETS",
            &SecretRing::new(secrets.collect()).unwrap(),
            &NONCE,
        )
    }

    fn verdict(ours: &[(u32, u8)], theirs: Option<&[(u32, u8)]>, lack: Lack) -> Option<(Status, String)> {
        let mut tell = |_: &crate::doctor::Finding| {};
        let mut findings = Findings::telling(&mut tell);
        let theirs = theirs.map(ring);
        compare(
            "main",
            "RECORD_SECRETS",
            &ring(ours),
            theirs.as_deref(),
            lack,
            &mut findings,
        );
        findings
            .all()
            .first()
            .map(|finding| (finding.status, finding.found.clone()))
    }

    #[test]
    fn rings_agree_when_the_edge_has_every_secret_of_ours() {
        let harms = Lack::Harms("harm");
        let status = |ours, theirs| verdict(ours, theirs, harms).unwrap();
        assert_eq!(status(&[(1, 1)], Some(&[(1, 1)])).0, Status::Ok);
        let (rotating, found) = status(&[(1, 1)], Some(&[(1, 1), (2, 2)]));
        assert!(rotating == Status::Ok && found.contains("1 more"), "{found}");
        let (lacking, found) = status(&[(1, 1), (2, 2)], Some(&[(1, 1)]));
        assert!(
            lacking == Status::Fail && found.contains("lacks secret 2"),
            "{found}"
        );
        let (other, found) = status(&[(1, 1)], Some(&[(1, 9)]));
        assert!(other == Status::Fail && found.contains("another one"), "{found}");
        assert_eq!(status(&[(1, 1)], None).0, Status::Fail);
        assert_eq!(verdict(&[(1, 1)], None, Lack::Tolerable), None);
    }
}
