//! `keyward audit list`.

use clap::Args;
use reqwest::Method;
use serde_json::Value;

use super::Filter;
use crate::{
    cli::{exit::CODES, listing, remote::Remote, show},
    client::{Pages, Request},
    clock::{Clock as _, SystemClock},
};

/// List events, the latest first
#[derive(Args)]
#[command(after_help = CODES)]
pub(super) struct List {
    #[command(flatten)]
    filter: Filter,
    /// So many at most
    #[arg(long, short, value_name = "COUNT", default_value = "50")]
    limit: usize,
    #[command(flatten)]
    remote: Remote,
}

impl List {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let session = self.remote.session()?;
        let request = Request::new(Method::GET, ["api", "v1", "audit"]);
        let request = self.filter.of(request, &session).await?;
        let pages = Pages::of(&session.client, request, Some(self.limit));
        let head = &["WHEN", "ACTOR", "ACTION", "TARGET", "DETAIL"];
        listing::show(pages, self.remote.json, head, row).await
    }
}

fn row(event: &Value) -> Vec<String> {
    vec![
        show::when(&event["at"], SystemClock.now()),
        show::cell(&event["actor"]),
        show::cell(&event["action"]),
        show::cell(&event["target"]["id"]),
        shortened(&show::cell(&event["detail"])),
    ]
}

/// As much as a line has room for; `--json` has all of it.
fn shortened(detail: &str) -> String {
    const MOST: usize = 60;
    if detail.chars().count() <= MOST {
        return detail.to_owned();
    }
    let start: String = detail.chars().take(MOST - 1).collect();
    format!("{start}…")
}
