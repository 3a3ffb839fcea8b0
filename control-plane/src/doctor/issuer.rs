//! Whether the issuer that people sign in with can be found.

use super::Findings;
use crate::oidc::{OidcSettings, sign_in::look_up};

pub(super) async fn check(settings: &OidcSettings, findings: &mut Findings<'_>) {
    let (check, issuer) = ("oidc", &settings.issuer);
    match look_up(issuer).await {
        Ok(_) => findings.ok(
            check,
            None,
            format_args!(
                "people sign in with {issuer}, which is to send them back to {}",
                settings.redirect_url
            ),
        ),
        Err(why) => findings.fail(
            check,
            None,
            format_args!("nobody can sign in with {issuer}: {why}"),
            "check oidc.issuer in keyward.toml, and that this machine reaches it",
        ),
    }
}
