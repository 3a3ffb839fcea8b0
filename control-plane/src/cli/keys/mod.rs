//! `keyward keys`.

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    exit::{CODES, Stop},
    remote::{Place, Session},
    show,
    wait::Wait,
};
use crate::{
    client::{Answer, Pages, Request},
    clock::{Clock as _, SystemClock},
    http::MAX_SEARCH,
};

mod create;
mod get;
mod import;
mod jobs;
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
    Jobs(jobs::Jobs),
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
            Command::Jobs(jobs) => jobs.run().await,
            Command::Deactivate(deactivate) => deactivate.run().await,
            Command::Activate(activate) => activate.run().await,
            Command::Import(import) => import.run().await,
            Command::Usage(usage) => usage.run().await,
        }
    }
}

/// A change of nothing: it waits once more for the last one, and makes no event.
fn no_change(id: &str) -> Request {
    Request::new(Method::PATCH, path(id, &[])).body(json!({}))
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
    let searched = named.trim_end_matches('*');
    let is_short = (1..=MAX_SEARCH).contains(&searched.chars().count());
    let list = list_of(organization.as_ref()).with("search", is_short.then_some(searched));
    let mut pages = Pages::of(&session.client, list, None);
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
