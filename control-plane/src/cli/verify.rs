//! `keyward verify`.

use anyhow::Context as _;
use clap::Args;
use keyward_shared::{Brands, Family, PresentedKey};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    exit::{CODES, Stop},
    remote::{Place, Remote},
    secret, show,
};
use crate::client::Request;

/// Check a key: its shape and checksum here, and with --service whether it may make a request now
///
/// Without --service nothing leaves this machine, and the answer says no more than that the text is whole: whether there is such a key, only the
/// control plane knows, which is asked with --service.
#[derive(Args)]
#[command(after_help = CODES)]
pub(super) struct Verify {
    /// The text of the key; `-` (the default) reads it from standard input
    #[arg(default_value = "-", hide_default_value = true)]
    key: String,
    /// Ask the control plane whether the key may make a request to this service
    #[arg(long, value_name = "SERVICE")]
    service: Option<String>,
    /// The scope that the request needs
    #[arg(long, value_name = "SCOPE", requires = "service")]
    scope: Option<String>,
    /// The environment that the request reaches [default: the one in the key's prefix]
    #[arg(long, value_name = "ENVIRONMENT", requires = "service")]
    environment: Option<String>,
    /// The address of who makes the request
    #[arg(long, value_name = "ADDRESS", requires = "service")]
    client_ip: Option<String>,
    /// The first part of service keys' prefixes, where it is not hk
    #[arg(long, value_name = "BRAND", default_value = "hk", hide_default_value = true)]
    service_key_brand: String,
    /// The first part of gateway keys' prefixes, where it is not hpk
    #[arg(long, value_name = "BRAND", default_value = "hpk", hide_default_value = true)]
    gateway_key_brand: String,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    remote: Remote,
}

impl Verify {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let text = secret::of_argument(&self.key, None)?;
        let brands =
            Brands::parse(&self.service_key_brand, &self.gateway_key_brand).context("--service-key-brand")?;
        let parsed = PresentedKey::parse(&text, &brands);
        match &self.service {
            None => self.say_shape(parsed),
            Some(service) => {
                let family = parsed.ok().map(|key| key.family());
                let environment = self.environment.clone().or_else(|| match family {
                    Some(Family::Service(environment)) => Some(environment.as_str().to_owned()),
                    _ => None,
                });
                self.ask(service, environment, &text).await
            }
        }
    }

    fn say_shape(
        &self,
        parsed: Result<PresentedKey<'_>, keyward_shared::key::KeyError>,
    ) -> anyhow::Result<()> {
        let document = match &parsed {
            Ok(key) => {
                let (family, environment) = match key.family() {
                    Family::Service(environment) => ("service", json!(environment)),
                    Family::Gateway => ("gateway", Value::Null),
                };
                json!({ "well_formed": true, "family": family, "environment": environment, "preview": key.preview(), "problem": null })
            }
            Err(error) => json!({
                "well_formed": false, "family": null, "environment": null, "preview": null, "problem": error.to_string(),
            }),
        };
        if self.remote.json {
            show::json(&document)?;
        } else if let Some(problem) = document["problem"].as_str() {
            show::line(&format!("not a key: {problem}"))?;
        } else {
            let [family, preview] = ["family", "preview"].map(|field| show::cell(&document[field]));
            show::line(&format!(
                "{preview}: the text of a {family} key is whole; --service asks whether there is such a key"
            ))?;
        }
        parsed.map(drop).map_err(|_| Stop::NotValid.into())
    }

    async fn ask(&self, service: &str, environment: Option<String>, key: &str) -> anyhow::Result<()> {
        let session = self.remote.session()?;
        let organization = session.organization(&self.place).await?;
        let mut question =
            json!({ "key": key, "service": service, "scope": self.scope, "client_ip": self.client_ip });
        if let Some(environment) = environment {
            question["environment"] = json!(environment);
        }
        let request = Request::new(Method::POST, ["api", "v1", "keys", "verify"])
            .with("organization_id", organization)
            .body(question);
        let verdict = session.ask(&request).await?;
        let is_valid = verdict["valid"] == true;
        if self.remote.json {
            show::json(&verdict)?;
        } else if is_valid {
            let [id, scopes] = ["key_id", "scopes"].map(|field| show::cell(&verdict[field]));
            show::line(&format!("valid: key {id}, scopes {scopes}"))?;
        } else {
            let [code, detail] = ["code", "detail"].map(|field| show::cell(&verdict[field]));
            show::line(&format!("not valid: {code}. {detail}"))?;
        }
        if is_valid {
            Ok(())
        } else {
            Err(Stop::NotValid.into())
        }
    }
}
