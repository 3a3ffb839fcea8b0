//! `keyward keys list`.

use clap::Args;
use serde_json::Value;

use super::list_of;
use crate::{
    cli::{
        exit::CODES,
        listing,
        remote::{Place, Remote},
        show,
    },
    client::Pages,
    clock::{Clock as _, SystemClock},
};

/// List keys, the newest first
#[derive(Args)]
#[command(after_help = CODES)]
pub(super) struct List {
    /// Only keys of this service
    #[arg(long, value_name = "SERVICE")]
    service: Option<String>,
    /// Only keys that open something now
    #[arg(long)]
    active: bool,
    /// Only keys that this one manages, by the name of `created_by`
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Only keys that this one holds
    #[arg(long, value_name = "TEXT")]
    owner: Option<String>,
    /// So many at most [default: all]
    #[arg(long, short, value_name = "COUNT")]
    limit: Option<usize>,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    remote: Remote,
}

impl List {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let session = self.remote.session()?;
        let organization = session.organization(&self.place).await?;
        let request = list_of(organization.as_ref())
            .with("service_id", self.service)
            .with("active_only", self.active.then_some(true))
            .with("user_id", self.user)
            .with("owner", self.owner);
        let pages = Pages::of(&session.client, request, self.limit);
        let head = &[
            "NAME",
            "KEY",
            "STATUS",
            "SERVICE",
            "ENVIRONMENT",
            "LAST USED",
            "EXPIRES",
            "ID",
        ];
        listing::show(pages, self.remote.json, head, row).await
    }
}

fn row(key: &Value) -> Vec<String> {
    let now = SystemClock.now();
    let is_expired = key["status"] == "active" && key["is_active"] == false;
    vec![
        show::cell(&key["name"]),
        show::cell(&key["key_prefix"]).replace(&"*".repeat(39), "***"),
        if is_expired {
            "expired".to_owned()
        } else {
            show::cell(&key["status"])
        },
        show::cell(&key["service_id"]),
        show::cell(&key["environment"]),
        show::when(&key["last_used_at"], now),
        show::when(&key["expires_at"], now),
        show::cell(&key["key_id"]),
    ]
}
