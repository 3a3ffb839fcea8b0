//! `keyward keys rotate`.

use clap::Args;
use reqwest::Method;
use serde_json::json;

use super::{Wait, find, no_change, path, show_new};
use crate::{
    cli::{
        exit::CODES,
        remote::{Place, Remote, Sure, idempotency_key},
    },
    client::Request,
};

/// Put a new key in the place of one, and show its text this once
///
/// The text alone goes to standard output. Without --grace the old text opens nothing any more when this returns.
#[derive(Args)]
#[command(after_help = CODES)]
pub(super) struct Rotate {
    /// The key: its id, name or preview
    key: String,
    /// How long the old text stays good beside the new one, in seconds, up to seven days
    #[arg(long, value_name = "SECONDS")]
    grace: Option<u32>,
    /// Say nothing but the key
    #[arg(long, short)]
    quiet: bool,
    /// Makes it the same request when it is sent again [default: a new one]
    #[arg(long, value_name = "TEXT")]
    idempotency_key: Option<String>,
    #[command(flatten)]
    sure: Sure,
    #[command(flatten)]
    wait: Wait,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    remote: Remote,
}

impl Rotate {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let session = self.remote.session()?;
        let id = find(&session, &self.place, &self.key).await?;
        if self.grace.unwrap_or_default() == 0 {
            self.sure.ask(&format!(
                "The present text of {} ends at once. Rotate it?",
                self.key
            ))?;
        }
        let once = idempotency_key(self.idempotency_key.as_ref());
        let body = self
            .grace
            .map_or_else(|| json!({}), |seconds| json!({ "grace_period_seconds": seconds }));
        let request = Request::new(Method::POST, path(&id, &["rotate"]))
            .body(body)
            .once(&once);
        let answer = session.client.send(&request).await?;
        show_new(&answer, self.remote.json, self.quiet)?;
        if self.quiet && !self.wait.is_asked() {
            return Ok(());
        }
        let new = answer.body["key_info"]["key_id"].as_str().unwrap_or_default();
        self.wait.for_edge(&session, &answer, &no_change(new)).await
    }
}
