//! `keyward keys jobs`.

use clap::Args;
use reqwest::Method;
use serde_json::Value;

use crate::{
    cli::{
        exit::CODES,
        listing,
        remote::{Place, Remote},
        show,
    },
    client::{Pages, Request},
    clock::{Clock as _, SystemClock},
};

/// List work on many keys of an organization, the newest first: what was revoked at once, suspended and resumed, and how far it is
#[derive(Args)]
#[command(after_help = CODES)]
pub(super) struct Jobs {
    /// So many at most
    #[arg(long, short, value_name = "COUNT", default_value = "50")]
    limit: usize,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    remote: Remote,
}

impl Jobs {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let session = self.remote.session()?;
        let organization = session.required_organization(&self.place).await?;
        let path = ["api", "v1", "organizations", &organization, "key-jobs"];
        let pages = Pages::of(&session.client, Request::new(Method::GET, path), Some(self.limit));
        let head = &["STARTED", "TASK", "KEYS OF", "DONE", "ENDED", "BY", "ID"];
        listing::show(pages, self.remote.json, head, row).await
    }
}

fn row(job: &Value) -> Vec<String> {
    let now = SystemClock.now();
    let whose = match (&job["user_id"], &job["group_id"]) {
        (Value::Null, Value::Null) => "everybody".to_owned(),
        (Value::Null, group) => format!("group {}", show::cell(group)),
        (user, _) => show::cell(user),
    };
    vec![
        show::when(&job["started_at"], now),
        show::cell(&job["task"]),
        whose,
        format!("{} of {}", show::cell(&job["done"]), show::cell(&job["keys"])),
        show::when(&job["ended_at"], now),
        show::cell(&job["created_by"]),
        show::cell(&job["job_id"]),
    ]
}
