//! `keyward login`, `keyward logout` and `keyward whoami`.

use std::io::{self, IsTerminal as _, Write as _};

use anyhow::{Context as _, bail};
use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    exit::CODES,
    profile::{Profile, Profiles},
    remote::{Remote, Session, of_environment},
    secret,
    show::{self, Output},
};
use crate::client::{self, Client, Credential, Request};

/// Sign in to a control plane, and keep that as a profile in ~/.keyward/config.toml, which nobody else can read
///
/// The credential is an API key (hpk_, or hk_ in a group), the admin token, a user token, or the legacy static key. It is asked for
/// on the terminal, without being shown, or read from standard input (`--api-key -`), or taken from KEYWARD_API_KEY or KEYWARD_TOKEN.
#[derive(Args)]
#[command(after_help = CODES)]
pub(super) struct Login {
    #[command(flatten)]
    remote: Remote,
    /// The API key; `-` reads it from standard input
    #[arg(long, value_name = "KEY", conflicts_with = "token")]
    api_key: Option<String>,
    /// The admin token or a user token; `-` reads it from standard input
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
    /// The address of the Worker, for `keyward request`
    #[arg(long, env = "KEYWARD_EDGE_URL", hide_env_values = true, value_name = "URL")]
    edge_url: Option<String>,
    /// The organization that commands are about when they name none, by its id or name
    #[arg(long, value_name = "ORGANIZATION")]
    organization: Option<String>,
}

/// Forget a profile and its credential
#[derive(Args)]
pub(super) struct Logout {
    /// The profile [default: the one of the last login]
    #[arg(long, env = "KEYWARD_PROFILE", hide_env_values = true, value_name = "NAME")]
    profile: Option<String>,
    #[command(flatten)]
    output: Output,
}

/// Say who you are to the control plane, and what you may do
#[derive(Args)]
#[command(after_help = CODES)]
pub(super) struct Whoami {
    #[command(flatten)]
    remote: Remote,
}

impl Login {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let (name, known) = match self.remote.profile() {
            Ok(found) => found,
            // A profile that is not there yet is made.
            Err(_) => (self.remote.profile.clone().unwrap_or_default(), None),
        };
        let known = known.unwrap_or_default();
        let url = match self.remote.url.clone().or(known.url) {
            Some(url) => url,
            None => ask("Address of the control plane: ")?,
        };
        let base = client::base(&url).with_context(|| format!("the address {url}"))?;
        let credential = self.credential()?;
        let mut session = Session {
            client: Client::new(base, Some(&credential))?,
            profile: Profile::default(),
            credential: Some(credential),
        };
        let caller = session
            .ask(&Request::new(Method::GET, ["api", "v1", "userinfo"]))
            .await?;
        let organization = match &self.organization {
            Some(named) => Some(session.organization_named(named).await?),
            None => known.organization,
        };
        session.profile = Profile {
            url: Some(url.clone()),
            credential: session.credential.clone(),
            organization,
            edge_url: self.edge_url.or(known.edge_url),
        };
        Profiles::read()?.put(&name, &session.profile)?;
        if self.remote.json {
            return show::json(&caller);
        }
        show::line(&format!(
            "Signed in to {url} as {} ({}), profile {name}",
            show::cell(&caller["id"]),
            show::cell(&caller["kind"]),
        ))
    }

    fn credential(&self) -> anyhow::Result<Credential> {
        let given = match (&self.api_key, &self.token) {
            (Some(key), _) => Some(secret::of_argument(key, Some("KEYWARD_API_KEY"))?),
            (_, Some(token)) => Some(secret::of_argument(token, Some("KEYWARD_TOKEN"))?),
            _ => None,
        };
        if let Some(given) = given {
            return Ok(Credential::new(&given)?);
        }
        if let Some(credential) = of_environment()? {
            return Ok(credential);
        }
        if !io::stdin().is_terminal() {
            bail!(
                "there is nobody to ask for the credential: give --api-key -, --token -, or set KEYWARD_API_KEY or KEYWARD_TOKEN"
            );
        }
        Ok(Credential::new(&secret::prompt(
            "API key or token (not shown): ",
        )?)?)
    }
}

fn ask(question: &str) -> anyhow::Result<String> {
    if !io::stdin().is_terminal() {
        bail!("say where the control plane is: --url https://…");
    }
    eprint!("{question}");
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(answer.trim().to_owned())
}

impl Logout {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let mut profiles = Profiles::read()?;
        let name = self.profile.unwrap_or_else(|| profiles.current().to_owned());
        let is_forgotten = profiles.remove(&name)?;
        let line = if is_forgotten {
            format!("The profile {name} is forgotten. The credential stays good until it is revoked.")
        } else {
            format!("There is no profile {name}.")
        };
        self.output
            .show(&json!({ "profile": name, "forgotten": is_forgotten }), &[line])
    }
}

impl Whoami {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let session = self.remote.session()?;
        let caller = session
            .ask(&Request::new(Method::GET, ["api", "v1", "userinfo"]))
            .await?;
        if self.remote.json {
            return show::json(&caller);
        }
        let organizations = caller["organizations"].as_array();
        let place = |one: &Value| match one["role"].as_str() {
            Some(role) => format!(
                "{} ({role}, {})",
                show::cell(&one["name"]),
                show::cell(&one["organization_id"])
            ),
            None => format!(
                "{} ({})",
                show::cell(&one["name"]),
                show::cell(&one["organization_id"])
            ),
        };
        let organizations: Vec<_> = organizations.into_iter().flatten().map(place).collect();
        let scopes = match &caller["scopes"] {
            Value::Null => "any".to_owned(),
            scopes => show::cell(scopes),
        };
        show::line(&show::facts(&[
            ("service", session.client.base().to_string()),
            ("caller", show::cell(&caller["id"])),
            ("kind", show::cell(&caller["kind"])),
            ("organizations", organizations.join(", ")),
            ("permissions", show::cell(&caller["permissions"])),
            ("scopes to grant", scopes),
        ]))
    }
}
