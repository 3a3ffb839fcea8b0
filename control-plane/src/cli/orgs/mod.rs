//! `keyward orgs`.

use clap::{Args, Subcommand, ValueEnum};
use reqwest::Method;
use serde_json::{Value, json};

mod suspension;

use super::{
    counts::Period,
    exit::CODES,
    listing,
    remote::{Place, Remote},
    show,
};
use crate::{
    client::{Pages, Request},
    clock::{Clock as _, SystemClock},
};

/// Organizations: whose keys are whose
#[derive(Args)]
pub(super) struct Orgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
#[command(after_help = CODES)]
enum Command {
    /// Make an organization; the person who makes it owns it
    #[command(after_help = CODES)]
    Create {
        /// What it is called
        name: String,
        #[command(flatten)]
        remote: Remote,
    },
    /// List the organizations in which you have a place
    #[command(after_help = CODES)]
    List {
        /// So many at most [default: all]
        #[arg(long, short, value_name = "COUNT")]
        limit: Option<usize>,
        #[command(flatten)]
        remote: Remote,
    },
    /// Show an organization
    #[command(after_help = CODES)]
    Get {
        /// Its id or name
        organization: String,
        #[command(flatten)]
        remote: Remote,
    },
    /// Change what becomes of keys of an organization that are found where they should not be
    #[command(after_help = CODES)]
    Update {
        /// Its id or name
        organization: String,
        /// What becomes of leaked keys
        #[arg(long, value_enum)]
        leak_policy: LeakPolicy,
        #[command(flatten)]
        remote: Remote,
    },
    Suspend(suspension::Suspend),
    Resume(suspension::Resume),
    /// Show how many requests the edge has admitted with the keys of an organization
    #[command(after_help = CODES)]
    Usage {
        #[command(flatten)]
        period: Period,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        remote: Remote,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum LeakPolicy {
    Revoke,
    Deactivate,
    Record,
}

fn one(remote: &Remote, organization: &Value) -> anyhow::Result<()> {
    if remote.json {
        return show::json(organization);
    }
    show::line(&show::all_facts(organization))
}

/// Where an organization is managed.
fn path(id: &str) -> Vec<String> {
    ["api", "v1", "organizations", id].map(str::to_owned).to_vec()
}

impl Orgs {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self.command {
            Command::Create { name, remote } => {
                let session = remote.session()?;
                let request = Request::new(Method::POST, ["api", "v1", "organizations"]);
                let made = session.ask(&request.body(json!({ "name": name }))).await?;
                one(&remote, &made)
            }
            Command::List { limit, remote } => {
                let session = remote.session()?;
                let request = Request::new(Method::GET, ["api", "v1", "organizations"]);
                let pages = Pages::of(&session.client, request, limit);
                listing::show(
                    pages,
                    remote.json,
                    &["NAME", "ROLE", "LEAKED KEYS", "SUSPENDED", "MADE", "ID"],
                    row,
                )
                .await
            }
            Command::Get { organization, remote } => {
                let session = remote.session()?;
                let path = path(&session.organization_named(&organization).await?);
                let found = session.ask(&Request::new(Method::GET, path)).await?;
                one(&remote, &found)
            }
            Command::Update {
                organization,
                leak_policy,
                remote,
            } => {
                let session = remote.session()?;
                let policy = match leak_policy {
                    LeakPolicy::Revoke => "revoke",
                    LeakPolicy::Deactivate => "deactivate",
                    LeakPolicy::Record => "record",
                };
                let path = path(&session.organization_named(&organization).await?);
                let request = Request::new(Method::PATCH, path).body(json!({ "leak_policy": policy }));
                let changed = session.ask(&request).await?;
                one(&remote, &changed)
            }
            Command::Suspend(suspend) => suspend.run().await,
            Command::Resume(resume) => resume.run().await,
            Command::Usage {
                period,
                place,
                remote,
            } => {
                let session = remote.session()?;
                let id = session.required_organization(&place).await?;
                let request = Request::new(Method::GET, ["api", "v1", "organizations", &id, "usage"]);
                let usage = session.ask(&period.of(request)).await?;
                period.show(&usage, remote.json)
            }
        }
    }
}

fn row(organization: &Value) -> Vec<String> {
    let cell = |field: &str| show::cell(&organization[field]);
    let when = |field: &str| show::when(&organization[field], SystemClock.now());
    vec![
        cell("name"),
        cell("role"),
        cell("leak_policy"),
        when("suspended_at"),
        when("created_at"),
        cell("organization_id"),
    ]
}
