//! `keyward audit verify`.

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use clap::Args;
use indicatif::ProgressBar;
use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

use crate::{
    audit::{self, Verification},
    cli::{configuration::Configuration, exit::CODES, remote::Remote, show},
    client::Request,
    domain::audit::{Anchor, Fault, from_hex, hex},
};

/// Check that every event follows the one before it
///
/// The service is asked, as by any other command, and that takes the platform admin. With --local the database of the settings is
/// read instead, which needs no service and no credential; the service may run meanwhile. A trail that breaks ends with 1.
#[derive(Args)]
#[command(after_help = CODES)]
pub(super) struct Verify {
    /// Read the database that `keyward serve` is set up with, instead of asking the service
    #[arg(long)]
    local: bool,
    #[command(flatten)]
    configuration: Configuration,
    /// The hash of an event as an earlier check gave it: that event has to be there still
    #[arg(long, value_name = "HASH", value_parser = noted)]
    noted: Option<[u8; 32]>,
    #[command(flatten)]
    remote: Remote,
}

fn noted(text: &str) -> Result<[u8; 32], String> {
    from_hex(text).ok_or_else(|| "must be 64 hexadecimal digits".to_owned())
}

impl Verify {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        if self.local {
            self.read().await
        } else {
            self.ask().await
        }
    }

    async fn ask(&self) -> anyhow::Result<()> {
        let session = self.remote.session()?;
        let request = Request::new(Method::GET, ["api", "v1", "audit", "verify"]).long();
        let spinner = ProgressBar::new_spinner().with_message("following the chain");
        spinner.enable_steady_tick(Duration::from_millis(200));
        let found = session
            .ask(&request.with("noted", self.noted.map(|hash| hex(&hash))))
            .await;
        spinner.finish_and_clear();
        let found = found?;
        let is_valid = found["valid"] == true;
        if self.remote.json {
            show::json(&found)?;
        } else if is_valid {
            let events = show::cell(&found["events"]);
            show::line(&format!("{events} events, and each follows the one before it."))?;
            if !found["head"].is_null() {
                show::line(&format!(
                    "Note the hash of the newest, and give it as --noted next time:\n{}",
                    show::cell(&found["head"]["chain"])
                ))?;
            }
        }
        match is_valid {
            true => Ok(()),
            false => Err(anyhow!(
                "the audit trail breaks after position {}. {}",
                show::cell(&found["fault"]["after_position"]),
                show::cell(&found["fault"]["detail"])
            )),
        }
    }

    async fn read(&self) -> anyhow::Result<()> {
        let database = self.configuration.database()?;
        let store = database
            .look()
            .await
            .with_context(|| format!("cannot open {database}"))?;
        let found = audit::verify(store.as_ref(), self.noted).await?;
        if self.remote.json {
            let head = found.head.as_ref();
            show::json(&json!({
                "valid": found.fault.is_none(),
                "events": found.events,
                "head": head.map(|head| json!({ "event_id": id(&head.id), "position": head.position, "chain": hex(&head.chain) })),
            }))?;
        } else if found.fault.is_none() {
            show::line(&sound(&found))?;
        }
        match &found.fault {
            None => Ok(()),
            Some(fault) => Err(broken(&found, fault)),
        }
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
