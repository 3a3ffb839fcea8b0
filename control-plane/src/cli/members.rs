//! `keyward members`.

use clap::{Args, Subcommand, ValueEnum};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    exit::CODES,
    listing,
    remote::{Place, Remote, Session, Sure},
    show,
};
use crate::{
    client::{Pages, Request},
    clock::{Clock as _, SystemClock},
};

/// Members of an organization, and what they may do there
///
/// A member is a subject: the `sub` of the person's tokens.
#[derive(Args)]
pub(super) struct Members {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
#[command(after_help = CODES)]
enum Command {
    /// List members
    #[command(after_help = CODES)]
    List {
        /// So many at most [default: all]
        #[arg(long, short, value_name = "COUNT")]
        limit: Option<usize>,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        remote: Remote,
    },
    /// Show a member
    #[command(after_help = CODES)]
    Get {
        /// The person's subject
        subject: String,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        remote: Remote,
    },
    /// Add a member, or give one another role
    #[command(after_help = CODES)]
    Set {
        /// The person's subject
        subject: String,
        /// What the person is there
        #[arg(value_enum)]
        role: Role,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        remote: Remote,
    },
    /// Remove a member, and decide on the keys that are left
    #[command(after_help = CODES)]
    Remove {
        /// The person's subject
        subject: String,
        /// What becomes of the keys
        #[arg(long, value_enum, default_value = "keep")]
        keys: Left,
        /// Whom the keys are handed over to: another member's subject
        #[arg(long, value_name = "SUBJECT", required_if_eq("keys", "hand-over"))]
        to: Option<String>,
        #[command(flatten)]
        sure: Sure,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        remote: Remote,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Role {
    Owner,
    Admin,
    Developer,
    Viewer,
}

impl Role {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Developer => "developer",
            Self::Viewer => "viewer",
        }
    }
}

/// What becomes of a member's keys.
#[derive(Clone, Copy, ValueEnum)]
enum Left {
    Keep,
    Revoke,
    HandOver,
}

impl Left {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Revoke => "revoke",
            Self::HandOver => "hand_over",
        }
    }
}

async fn path(session: &Session, place: &Place, subject: Option<&str>) -> anyhow::Result<Vec<String>> {
    let id = session.required_organization(place).await?;
    let start = ["api", "v1", "organizations", &id, "members"].map(str::to_owned);
    Ok(start.into_iter().chain(subject.map(str::to_owned)).collect())
}

fn one(remote: &Remote, member: &Value) -> anyhow::Result<()> {
    if remote.json {
        return show::json(member);
    }
    show::line(&show::all_facts(member))
}

impl Members {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self.command {
            Command::List { limit, place, remote } => {
                let session = remote.session()?;
                let request = Request::new(Method::GET, path(&session, &place, None).await?);
                let pages = Pages::of(&session.client, request, limit);
                listing::show(pages, remote.json, &["SUBJECT", "ROLE", "ADDED", "BY"], row).await
            }
            Command::Get {
                subject,
                place,
                remote,
            } => {
                let session = remote.session()?;
                let path = path(&session, &place, Some(&subject)).await?;
                one(&remote, &session.ask(&Request::new(Method::GET, path)).await?)
            }
            Command::Set {
                subject,
                role,
                place,
                remote,
            } => {
                let session = remote.session()?;
                let path = path(&session, &place, Some(&subject)).await?;
                let request = Request::new(Method::PUT, path).body(json!({ "role": role.as_str() }));
                one(&remote, &session.ask(&request).await?)
            }
            Command::Remove {
                subject,
                keys,
                to,
                sure,
                place,
                remote,
            } => {
                let session = remote.session()?;
                let path = path(&session, &place, Some(&subject)).await?;
                let keys_of = match keys {
                    Left::Keep => "keep the keys",
                    Left::Revoke => "revoke the keys for ever",
                    Left::HandOver => "hand the keys over",
                };
                sure.ask(&format!("Remove {subject}, and {keys_of}?"))?;
                let request = Request::new(Method::DELETE, path)
                    .with("keys", Some(keys.as_str()))
                    .with("to", to);
                let answer = session.client.send(&request).await?;
                if let Some(propagation) = &answer.propagation {
                    show::note(&format!("edge: {propagation}"));
                }
                if remote.json {
                    return show::json(&answer.body);
                }
                show::line(&show::cell(&answer.body["message"]))?;
                show::line(&format!(
                    "{} keys of this member had not ended",
                    show::cell(&answer.body["key_count"])
                ))
            }
        }
    }
}

fn row(member: &Value) -> Vec<String> {
    let added = show::when(&member["added_at"], SystemClock.now());
    vec![
        show::cell(&member["subject"]),
        show::cell(&member["role"]),
        added,
        show::cell(&member["added_by"]),
    ]
}
