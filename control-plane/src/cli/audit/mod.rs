//! `keyward audit`.

use clap::{Args, Subcommand};

use super::{
    exit::CODES,
    remote::{Place, Session},
};
use crate::client::Request;

mod export;
mod list;
mod verify;

/// Who did what: the audit trail
#[derive(Args)]
pub(super) struct Audit {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
#[command(after_help = CODES)]
enum Command {
    List(list::List),
    Export(export::Export),
    Verify(verify::Verify),
}

impl Audit {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self.command {
            Command::List(list) => list.run().await,
            Command::Export(export) => export.run().await,
            Command::Verify(verify) => verify.run().await,
        }
    }
}

/// Which events.
#[derive(Args)]
struct Filter {
    /// Only events of this caller, by the name that `keyward whoami` shows
    #[arg(long, value_name = "CALLER")]
    actor: Option<String>,
    /// Only events of this kind, such as key.created
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// Only events about this key, group or organization (its id), or member (its subject)
    #[arg(long, value_name = "TARGET")]
    target: Option<String>,
    /// The first moment (RFC 3339, or a date)
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// The moment after the last
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    #[command(flatten)]
    place: Place,
}

impl Filter {
    async fn of(self, request: Request, session: &Session) -> anyhow::Result<Request> {
        let organization = session.organization(&self.place).await?;
        Ok(request
            .with("organization_id", organization)
            .with("actor", self.actor)
            .with("action", self.action)
            .with("target", self.target)
            .with("from", self.from)
            .with("to", self.to))
    }
}
