//! `keyward audit`.

use anyhow::{Context as _, anyhow};
use clap::{Args, Subcommand};
use uuid::Uuid;

use super::configuration::Configuration;
use crate::{
    audit::{self, Verification},
    domain::audit::{Anchor, Fault, from_hex, hex},
};

#[derive(Args)]
pub(super) struct Audit {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Check that every event of the audit trail follows the one before it, also while the service runs
    Verify(Verify),
}

#[derive(Args)]
struct Verify {
    #[command(flatten)]
    configuration: Configuration,
    /// The hash of an event as an earlier check gave it: that event has to be there still
    #[arg(long, value_name = "HASH", value_parser = noted)]
    noted: Option<[u8; 32]>,
}

fn noted(text: &str) -> Result<[u8; 32], String> {
    from_hex(text).ok_or_else(|| "must be 64 hexadecimal digits".to_owned())
}

impl Audit {
    /// Does what the command says. A trail that breaks is an error.
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let Command::Verify(verify) = &self.command;
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start the runtime")?
            .block_on(verify.run())
    }
}

impl Verify {
    async fn run(&self) -> anyhow::Result<()> {
        let database = self.configuration.database()?;
        let store = database
            .look()
            .await
            .with_context(|| format!("cannot open {database}"))?;
        let found = audit::verify(store.as_ref(), self.noted).await?;
        match &found.fault {
            None => println!("{}", sound(&found)),
            Some(fault) => return Err(broken(&found, fault)),
        }
        Ok(())
    }
}

fn sound(found: &Verification) -> String {
    let pruned = match found.anchor {
        Anchor::START => String::new(),
        anchor => format!(" Those up to position {} were pruned.", anchor.position),
    };
    match &found.head {
        None => "The audit trail is empty.".to_owned(),
        Some(head) => format!(
            "{} events, and each follows the one before it.{pruned}\nThe newest is {} at position {}. Note its hash, and give it as --noted next \
             time:\n{}",
            found.events,
            id(&head.id),
            head.position,
            hex(&head.chain)
        ),
    }
}

fn broken(found: &Verification, fault: &Fault) -> anyhow::Error {
    let place = match &fault.event {
        Some(event) => format!("at position {}, event {}", event.position, id(&event.id)),
        None => format!("after position {}", fault.after),
    };
    anyhow!(
        "the audit trail breaks {place}, after {} events that follow each other up to position {}. {}",
        found.events,
        fault.after,
        fault.difference.explanation()
    )
}

fn id(bytes: &[u8]) -> String {
    Uuid::from_slice(bytes).map_or_else(|_| hex(bytes), |id| id.to_string())
}
