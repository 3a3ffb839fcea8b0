//! `keyward sync`.

use std::time::Duration;

use anyhow::anyhow;
use clap::{Args, Subcommand};
use indicatif::ProgressBar;
use reqwest::Method;
use serde_json::Value;

use super::{
    exit::CODES,
    remote::Remote,
    show::{self, Table},
};
use crate::{
    client::Request,
    clock::{Clock as _, SystemClock},
};

/// What is on its way to the edge, and whether the edge has what the database says
#[derive(Args)]
pub(super) struct Sync {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
#[command(after_help = CODES)]
enum Command {
    /// Show what still waits to be published or confirmed, and the last errors
    #[command(after_help = CODES)]
    Status {
        #[command(flatten)]
        remote: Remote,
    },
    /// Compare the database with KV and KeyGuards, and repair what differs. It may take minutes
    #[command(after_help = CODES)]
    Reconcile {
        #[command(flatten)]
        remote: Remote,
    },
}

impl Sync {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self.command {
            Command::Status { remote } => {
                let session = remote.session()?;
                let status = session
                    .ask(&Request::new(Method::GET, ["api", "v1", "sync"]))
                    .await?;
                if remote.json {
                    return show::json(&status);
                }
                show_status(&status)
            }
            Command::Reconcile { remote } => {
                let session = remote.session()?;
                let request = Request::new(Method::POST, ["api", "v1", "sync", "reconcile"]).long();
                let spinner = ProgressBar::new_spinner().with_message("comparing the database with the edge");
                spinner.enable_steady_tick(Duration::from_millis(200));
                let report = session.ask(&request).await;
                spinner.finish_and_clear();
                let report = report?;
                if remote.json {
                    show::json(&report)?;
                } else {
                    show_report(&report)?;
                }
                match failed(&report) {
                    0 => Ok(()),
                    failed => Err(anyhow!("{failed} deployments could not be compared in full")),
                }
            }
        }
    }
}

fn deployments(document: &Value) -> impl Iterator<Item = &Value> {
    document["deployments"].as_array().into_iter().flatten()
}

fn show_status(status: &Value) -> anyhow::Result<()> {
    let now = SystemClock.now();
    let row = |one: &Value| {
        let edge = &one["edge"];
        vec![
            show::cell(&one["id"]),
            show::cell(&one["waiting"]),
            show::when(&one["waiting_since"], now),
            show::cell(&edge["unconfirmed"]),
            show::when(&edge["unconfirmed_since"], now),
            show::when(&one["last_written_at"], now),
        ]
    };
    let rows: Vec<_> = deployments(status).map(row).collect();
    let head = &[
        "DEPLOYMENT",
        "WAITING",
        "SINCE",
        "UNCONFIRMED",
        "SINCE",
        "LAST WRITTEN",
    ];
    Table::new(head).rows(&rows)?;
    for one in deployments(status) {
        for (way, error) in [("KV", &one["last_error"]), ("edge", &one["edge"]["last_error"])] {
            if !error.is_null() {
                show::line(&format!(
                    "{}, {way}: {}",
                    show::cell(&one["id"]),
                    show::cell(error)
                ))?;
            }
        }
    }
    for change in status["group_changes"].as_array().into_iter().flatten() {
        let [name, done, keys] = ["name", "done", "keys"].map(|field| show::cell(&change[field]));
        show::line(&format!("group {name}: {done} of {keys} keys follow it"))?;
    }
    for job in status["key_jobs"].as_array().into_iter().flatten() {
        let [task, done, keys, id] = ["task", "done", "keys", "job_id"].map(|field| show::cell(&job[field]));
        show::line(&format!("{task} {id}: {done} of {keys} keys"))?;
    }
    Ok(())
}

fn show_report(report: &Value) -> anyhow::Result<()> {
    for one in deployments(report) {
        show::line(&show::all_facts(one))?;
    }
    Ok(())
}

fn failed(report: &Value) -> usize {
    let has_failed = |one: &&Value| !one["error"].is_null() || !one["guards"]["error"].is_null();
    deployments(report).filter(has_failed).count()
}
