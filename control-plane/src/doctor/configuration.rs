//! The settings themselves.

use std::{os::unix::fs::PermissionsExt as _, path::Path};

use super::{Findings, Installation};
use crate::settings::{JwtKeys, Settings};

const CHECK: &str = "configuration";

pub(super) fn check(installation: &Installation<'_>, findings: &mut Findings<'_>) {
    if let Some(file) = installation.file {
        check_file(file, findings);
    }
    match &installation.settings {
        Ok(settings) => check_settings(settings, findings),
        Err(error) => {
            let advice = "`keyward serve` does not start with it: docs/configuration.md lists every setting";
            findings.fail(CHECK, None, error, advice);
        }
    }
}

/// A settings file holds secrets more often than not.
fn check_file(file: &Path, findings: &mut Findings<'_>) {
    let Ok(metadata) = file.metadata() else {
        return;
    };
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return;
    }
    findings.warn(
        CHECK,
        None,
        format_args!("{} can be read by others (mode {mode:o})", file.display()),
        format_args!("chmod 600 {}, if any of its settings is a secret", file.display()),
    );
}

fn check_settings(settings: &Settings, findings: &mut Findings<'_>) {
    let (services, deployments) = (settings.services.len(), settings.deployments.len());
    findings.ok(
        CHECK,
        None,
        format_args!("{services} services, {deployments} deployments"),
    );
    if deployments == 0 {
        let advice = "add [deployments.<id>] (docs/configuration.md)";
        findings.warn(
            CHECK,
            None,
            "no edge hears of keys: there is no deployment",
            advice,
        );
    }
    if let Some(jwt) = &settings.jwt
        && matches!(jwt.keys, JwtKeys::Shared(_))
    {
        findings.warn(
            CHECK,
            None,
            "user tokens are verified with a shared secret: whoever knows it is whoever it likes",
            "set jwt.jwks_url instead of jwt.secret, unless this is a development stack",
        );
    }
    if settings.static_key.is_some() {
        let advice = "give its users gateway keys (hpk_), and start without API_KEY";
        findings.warn(
            CHECK,
            None,
            "the legacy static key is on, which is deprecated",
            advice,
        );
    }
    for deployment in settings.deployments.values() {
        let family = keyward_shared::Family::Service(deployment.environment);
        if settings.tag_secrets.of(family).is_none() {
            findings.warn(
                CHECK,
                None,
                format_args!(
                    "there is a deployment of the environment {}, and no secret to tag its keys with",
                    deployment.environment
                ),
                format_args!("set {}", crate::settings::TagSecrets::variable(family)),
            );
        }
    }
}
