//! `--wait`: how long a command waits for the edge.

use std::time::Duration;

use clap::Args;
use indicatif::ProgressBar;
use jiff::Timestamp;
use reqwest::Method;
use serde_json::Value;

use super::{exit::Stop, remote::Session, show};
use crate::{
    client::{Answer, Pages, Request},
    clock::{Clock as _, SystemClock},
};

/// How often is looked.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How long a change is waited for.
#[derive(Args, Clone, Copy)]
pub(super) struct Wait {
    /// Wait until the edge has confirmed the change, so many seconds at most; then the command ends with 6. Without it the command
    /// says how far the change has come when the service answers
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "60")]
    wait: Option<u32>,
}

impl Wait {
    /// Whether it was asked for.
    pub(super) fn is_asked(self) -> bool {
        self.wait.is_some()
    }

    /// Says how far a change has come, and waits for the rest. `again` is the same change once more, which changes nothing, makes
    /// no event, and waits for the last one.
    pub(super) async fn for_edge(
        self,
        session: &Session,
        answer: &Answer,
        again: &Request,
    ) -> anyhow::Result<()> {
        Patience::begun_now(self)
            .until_confirmed(session, answer, again)
            .await
    }

    /// The same for a change of an organization's keys: with a bar, while they follow one after the other.
    pub(super) async fn for_keys(
        self,
        session: &Session,
        organization: &str,
        answer: &Answer,
        again: &Request,
    ) -> anyhow::Result<()> {
        let patience = Patience::begun_now(self);
        if patience.waits_for(answer) {
            until_done(session, organization, None, &patience).await?;
        }
        patience.until_confirmed(session, answer, again).await
    }

    /// The same for keys that one job ends: until it is done, and then until no key of `list` is on its way.
    pub(super) async fn for_job(
        self,
        session: &Session,
        organization: &str,
        answer: &Answer,
        list: &Request,
    ) -> anyhow::Result<()> {
        let patience = Patience::begun_now(self);
        if !patience.waits_for(answer) {
            say(answer.propagation.as_deref());
            return Ok(());
        }
        until_done(session, organization, answer.body["job_id"].as_str(), &patience).await?;
        while !is_confirmed(session, list).await? {
            patience.pause().await?;
        }
        say(Some("confirmed"));
        Ok(())
    }
}

fn say(propagation: Option<&str>) {
    if let Some(propagation) = propagation {
        show::note(&format!("edge: {propagation}"));
    }
}

/// Until when somebody waits.
struct Patience {
    is_asked: bool,
    begun: Timestamp,
    most: Duration,
}

impl Patience {
    fn begun_now(wait: Wait) -> Self {
        Self {
            is_asked: wait.is_asked(),
            begun: SystemClock.now(),
            most: Duration::from_secs(u64::from(wait.wait.unwrap_or_default())),
        }
    }

    fn waits_for(&self, answer: &Answer) -> bool {
        self.is_asked && answer.propagation.as_deref() == Some("pending")
    }

    async fn until_confirmed(
        &self,
        session: &Session,
        answer: &Answer,
        again: &Request,
    ) -> anyhow::Result<()> {
        let mut answer = answer.clone();
        while self.waits_for(&answer) {
            self.pause().await?;
            answer = session.client.send(again).await?;
        }
        say(answer.propagation.as_deref());
        Ok(())
    }

    /// Waits a moment, or says that it was long enough.
    async fn pause(&self) -> anyhow::Result<()> {
        if SystemClock.now().duration_since(self.begun).unsigned_abs() >= self.most {
            say(Some("pending"));
            return Err(Stop::Unconfirmed.into());
        }
        tokio::time::sleep(LOOK_EVERY).await;
        Ok(())
    }
}

/// Waits until a job, or each of an organization's, is done, and shows how far it is.
async fn until_done(
    session: &Session,
    organization: &str,
    job: Option<&str>,
    patience: &Patience,
) -> anyhow::Result<()> {
    let list = Request::new(
        Method::GET,
        ["api", "v1", "organizations", organization, "key-jobs"],
    )
    .with("limit", Some(100));
    let bar = ProgressBar::new(0);
    let done = until_done_with(&bar, session, &list, job, patience).await;
    bar.finish_and_clear();
    done
}

async fn until_done_with(
    bar: &ProgressBar,
    session: &Session,
    list: &Request,
    job: Option<&str>,
    patience: &Patience,
) -> anyhow::Result<()> {
    let count = |job: &&Value, field: &str| job[field].as_u64().unwrap_or_default();
    loop {
        let jobs = session.ask(list).await?;
        let jobs: Vec<_> = jobs
            .as_array()
            .into_iter()
            .flatten()
            .filter(|one| one["ended_at"].is_null() && job.is_none_or(|id| one["job_id"] == id))
            .collect();
        if jobs.is_empty() {
            return Ok(());
        }
        bar.set_length(jobs.iter().map(|job| count(job, "keys")).sum());
        bar.set_position(jobs.iter().map(|job| count(job, "done")).sum());
        patience.pause().await?;
    }
}

/// Whether the edge has every key of a list as it is.
async fn is_confirmed(session: &Session, list: &Request) -> anyhow::Result<bool> {
    let mut pages = Pages::of(&session.client, list.clone(), None);
    while let Some(page) = pages.next().await? {
        if page.iter().any(|key| key["edge"]["state"] == "pending") {
            return Ok(false);
        }
    }
    Ok(true)
}
