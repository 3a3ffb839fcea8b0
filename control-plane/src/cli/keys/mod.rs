//! `keyward keys`.

use std::time::Duration;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    exit::{CODES, Stop},
    remote::{Place, Session},
    show,
};
use crate::{
    client::{Answer, Pages, Request},
    clock::{Clock as _, SystemClock},
};

mod create;
mod get;
mod import;
mod list;
mod revoke_all;
mod rotate;
mod state;
mod update;
mod usage;
mod wish;

/// Make API keys, look at them, change and end them
///
/// A key is named by its id, its name, or its preview (with its stars or without), if no other key that lives has the same.
#[derive(Args)]
pub(super) struct Keys {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
#[command(after_help = CODES)]
enum Command {
    Create(create::Create),
    List(list::List),
    Get(get::Get),
    Update(update::Update),
    Rotate(rotate::Rotate),
    Revoke(state::Revoke),
    RevokeAll(revoke_all::RevokeAll),
    Deactivate(state::Deactivate),
    Activate(state::Activate),
    Import(import::Import),
    Usage(usage::Usage),
}

impl Keys {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self.command {
            Command::Create(create) => create.run().await,
            Command::List(list) => list.run().await,
            Command::Get(get) => get.run().await,
            Command::Update(update) => update.run().await,
            Command::Rotate(rotate) => rotate.run().await,
            Command::Revoke(revoke) => revoke.run().await,
            Command::RevokeAll(revoke) => revoke.run().await,
            Command::Deactivate(deactivate) => deactivate.run().await,
            Command::Activate(activate) => activate.run().await,
            Command::Import(import) => import.run().await,
            Command::Usage(usage) => usage.run().await,
        }
    }
}

/// How long a change is waited for.
#[derive(Args, Clone, Copy)]
pub(super) struct Wait {
    /// Wait until the edge has confirmed the change, so many seconds at most; then the command ends with 6. Without it the command
    /// says how far the change has come when the service answers
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "60")]
    wait: Option<u32>,
}

impl Wait {
    /// Says how far a change of a key has come, and waits for the rest. `ended`: the key has ended by it.
    async fn for_edge(self, session: &Session, id: &str, answer: &Answer, ended: bool) -> anyhow::Result<()> {
        let mut propagation = answer.propagation.clone();
        let begun = SystemClock.now();
        let patience = Duration::from_secs(u64::from(self.wait.unwrap_or_default()));
        while self.wait.is_some() && propagation.as_deref() == Some("pending") {
            if SystemClock.now().duration_since(begun).unsigned_abs() >= patience {
                show::note("edge: pending");
                return Err(Stop::Unconfirmed.into());
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
            // A change of nothing waits once more for the last one, and makes no event.
            let (method, body) = match ended {
                true => (Method::DELETE, None),
                false => (Method::PATCH, Some(json!({}))),
            };
            let again = Request::new(method, path(id, &[]));
            let again = match body {
                Some(body) => again.body(body),
                None => again,
            };
            propagation = session.client.send(&again).await?.propagation;
        }
        if let Some(propagation) = propagation {
            show::note(&format!("edge: {propagation}"));
        }
        Ok(())
    }
}

/// Where a key is managed.
fn path(id: &str, rest: &[&str]) -> Vec<String> {
    let start = ["api", "v1", "keys", id];
    start
        .iter()
        .chain(rest)
        .map(|segment| (*segment).to_owned())
        .collect()
}

/// The list of keys, of one organization.
fn list_of(organization: Option<&String>) -> Request {
    Request::new(Method::GET, ["api", "v1", "keys"]).with("organization_id", organization)
}

/// The id of a key, by its id, name or preview.
async fn find(session: &Session, place: &Place, named: &str) -> anyhow::Result<String> {
    if let Ok(id) = named.parse::<Uuid>() {
        return Ok(id.to_string());
    }
    if keyward_shared::PresentedKey::parse(named, &keyward_shared::Brands::default()).is_ok() {
        let words = "this is the text of a key, which should not be an argument; name the key by its id, name or preview";
        return Err(Stop::NotFound(words.to_owned()).into());
    }
    let organization = session.organization(place).await?;
    let mut pages = Pages::of(&session.client, list_of(organization.as_ref()), None);
    let mut found = Vec::new();
    while let Some(page) = pages.next().await? {
        found.extend(page.into_iter().filter(|key| is_called(key, named)));
    }
    // Of several by one name, one that is still there is meant.
    let living: Vec<_> = found
        .iter()
        .filter(|key| !matches!(key["status"].as_str(), Some("revoked" | "superseded")))
        .collect();
    let chosen = match (living.as_slice(), found.as_slice()) {
        ([one], _) => Some(*one),
        ([], [one]) => Some(one),
        _ => None,
    };
    if let Some(id) = chosen.and_then(|key| key["key_id"].as_str()) {
        return Ok(id.to_owned());
    }
    let words = if found.is_empty() {
        format!("no key is called {named:?}; `keyward keys list` shows which there are")
    } else {
        let list = found.iter().map(|key| {
            format!(
                "\n  {}  {}  {}",
                show::cell(&key["key_id"]),
                show::cell(&key["key_prefix"]),
                show::cell(&key["status"])
            )
        });
        format!(
            "several keys are called {named:?}; name one by its id:{}",
            list.collect::<String>()
        )
    };
    Err(Stop::NotFound(words).into())
}

fn is_called(key: &Value, named: &str) -> bool {
    let preview = key["key_prefix"].as_str().unwrap_or_default();
    let shown = preview.trim_end_matches('*');
    key["name"] == named || (!shown.is_empty() && named.trim_end_matches('*') == shown)
}

/// What people look for first.
const FIRST: [&str; 9] = [
    "name",
    "key_prefix",
    "key_id",
    "status",
    "service_id",
    "environment",
    "scopes",
    "groups",
    "expires_at",
];

/// The facts of a key, as far as there are any.
fn facts(key: &Value) -> String {
    let now = SystemClock.now();
    let mut facts: Vec<_> = key.as_object().into_iter().flatten().collect();
    facts.sort_by_key(|(name, _)| {
        FIRST
            .iter()
            .position(|first| first == name)
            .unwrap_or(FIRST.len())
    });
    let shown = facts
        .into_iter()
        .filter_map(|(name, value)| match show::cell(value) {
            none if none == "-" => None,
            moment if name.ends_with("_at") => {
                Some((name.as_str(), format!("{moment} ({})", show::when(value, now))))
            }
            text => Some((name.as_str(), text)),
        });
    show::facts(&shown.collect::<Vec<_>>())
}

/// Shows the text of a new key: it alone on standard output.
fn show_new(answer: &Answer, as_json: bool, quiet: bool) -> anyhow::Result<()> {
    if as_json {
        return show::json(&answer.body);
    }
    if !quiet {
        show::note(&facts(&answer.body["key_info"]));
        show::note("The key itself, which is shown this once:");
    }
    show::line(answer.body["api_key"].as_str().unwrap_or_default())
}
