//! What commands that call the service have in common: where it is, who calls, and how sure one has to be.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use anyhow::Context as _;
use clap::Args;
use reqwest::Method;
use serde_json::Value;
use uuid::{Builder, Uuid};

use super::{
    exit::Stop,
    profile::{DEFAULT, Profile, Profiles},
    secret, show,
};
use crate::{
    client::{self, Client, Credential, Pages, Request},
    clock::SystemEntropy,
};

/// Where the service is, and who calls.
#[derive(Args, Clone)]
pub(super) struct Remote {
    /// The profile of ~/.keyward/config.toml to use [default: the one of the last login]
    #[arg(long, env = "KEYWARD_PROFILE", hide_env_values = true, value_name = "NAME")]
    pub(super) profile: Option<String>,
    /// The address of the control plane, instead of the profile's
    #[arg(long, env = "KEYWARD_URL", hide_env_values = true, value_name = "URL")]
    pub(super) url: Option<String>,
    /// Print JSON: what the service answered, with exact times
    #[arg(long)]
    pub(super) json: bool,
}

/// In which organization.
#[derive(Args, Clone)]
pub(super) struct Place {
    /// The organization, by its id or name [default: the profile's, or the caller's only one]
    #[arg(
        long,
        env = "KEYWARD_ORGANIZATION",
        hide_env_values = true,
        value_name = "ORGANIZATION"
    )]
    pub(super) organization: Option<String>,
}

/// Whether a question is asked before what cannot be taken back.
#[derive(Args, Clone, Copy)]
pub(super) struct Sure {
    /// Do not ask. Without a terminal this is needed
    #[arg(long, short)]
    pub(super) yes: bool,
}

/// A service, and who one is there.
pub(super) struct Session {
    pub(super) client: Client,
    pub(super) profile: Profile,
    pub(super) credential: Option<Credential>,
}

impl Remote {
    /// The name of the profile, and the profile if there is one.
    pub(super) fn profile(&self) -> anyhow::Result<(String, Option<Profile>)> {
        let profiles = Profiles::read();
        if self.profile.is_none() && profiles.is_err() && self.url.is_some() {
            return Ok((DEFAULT.to_owned(), None));
        }
        let profiles = profiles?;
        let name = self
            .profile
            .clone()
            .unwrap_or_else(|| profiles.current().to_owned());
        let profile = profiles.get(&name)?;
        if profile.is_none() && self.profile.is_some() && self.url.is_none() {
            return Err(Stop::NoProfile(name).into());
        }
        Ok((name, profile))
    }

    /// Whoever calls, by the environment or the profile.
    pub(super) fn session(&self) -> anyhow::Result<Session> {
        let session = self.any_session()?;
        if session.credential.is_none() {
            return Err(Stop::NotSignedIn.into());
        }
        Ok(session)
    }

    /// The same, also where there is no credential.
    pub(super) fn any_session(&self) -> anyhow::Result<Session> {
        let (_, profile) = self.profile()?;
        let profile = profile.unwrap_or_default();
        let credential = match of_environment()? {
            Some(credential) => Some(credential),
            // What was kept for one service is not sent to another.
            None if self.url.is_some() && self.url != profile.url => None,
            None => profile.credential.clone(),
        };
        let credential = match credential {
            Some(credential) => Some(credential),
            None => secret::of_variable("KEYWARD_ADMIN_TOKEN")
                .map(|text| Credential::new(&text))
                .transpose()?,
        };
        let url = self
            .url
            .clone()
            .or_else(|| profile.url.clone())
            .ok_or(Stop::NotSignedIn)?;
        let base = client::base(&url).with_context(|| format!("the address {url}"))?;
        Ok(Session {
            client: Client::new(base, credential.as_ref())?,
            profile,
            credential,
        })
    }
}

/// The credential that the environment holds.
pub(super) fn of_environment() -> anyhow::Result<Option<Credential>> {
    for variable in ["KEYWARD_API_KEY", "KEYWARD_TOKEN"] {
        if let Some(text) = secret::of_variable(variable) {
            return Ok(Some(Credential::new(&text).context(variable)?));
        }
    }
    Ok(None)
}

impl Session {
    /// The id of the organization that a command is about; none leaves it to the service.
    pub(super) async fn organization(&self, place: &Place) -> anyhow::Result<Option<String>> {
        let named = place.organization.as_ref().or(self.profile.organization.as_ref());
        match named {
            None => Ok(None),
            Some(named) => self.organization_named(named).await.map(Some),
        }
    }

    /// The same where the service has to be told: the caller's own if none is named.
    pub(super) async fn required_organization(&self, place: &Place) -> anyhow::Result<String> {
        if let Some(id) = self.organization(place).await? {
            return Ok(id);
        }
        let caller = self
            .client
            .send(&Request::new(Method::GET, ["api", "v1", "userinfo"]))
            .await?;
        let own = caller.body["org_id"].as_str().map(str::to_owned);
        own.context("you belong to several organizations: say which with --organization")
    }

    /// The id of an organization, by its id or name.
    pub(super) async fn organization_named(&self, named: &str) -> anyhow::Result<String> {
        if let Ok(id) = named.parse::<Uuid>() {
            return Ok(id.to_string());
        }
        let list = Request::new(Method::GET, ["api", "v1", "organizations"]);
        let all = Pages::of(&self.client, list, None).all().await?;
        let found: Vec<_> = all.iter().filter(|one| one["name"] == named).collect();
        match found.as_slice() {
            [one] => Ok(one["organization_id"].as_str().unwrap_or_default().to_owned()),
            [] => Err(Stop::NotFound(format!("no organization is called {named:?}")).into()),
            _ => {
                let ids: Vec<_> = found
                    .iter()
                    .filter_map(|one| one["organization_id"].as_str())
                    .collect();
                let several = format!(
                    "several organizations are called {named:?}; name one by its id: {}",
                    ids.join(", ")
                );
                Err(Stop::NotFound(several).into())
            }
        }
    }

    /// Sends a request, and gives the body of its answer.
    pub(super) async fn ask(&self, request: &Request) -> anyhow::Result<Value> {
        Ok(self.client.send(request).await?.body)
    }
}

impl Sure {
    /// Asks, unless that was answered already.
    pub(super) fn ask(self, question: &str) -> anyhow::Result<()> {
        if self.yes {
            return Ok(());
        }
        if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            show::note(question);
            return Err(Stop::NobodyToAsk.into());
        }
        eprint!("{question} [y/N] ");
        io::stderr().flush()?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        match answer.trim() {
            "y" | "Y" | "yes" => Ok(()),
            _ => Err(Stop::Unanswered.into()),
        }
    }
}

/// A new value for `Idempotency-Key`, unless one was given: whoever sends the same command again gives the same.
pub(super) fn idempotency_key(given: Option<&String>) -> String {
    use keyward_shared::Entropy as _;
    if let Some(given) = given {
        return given.clone();
    }
    let mut random = [0; 16];
    SystemEntropy.fill(&mut random);
    Builder::from_random_bytes(random).into_uuid().to_string()
}
