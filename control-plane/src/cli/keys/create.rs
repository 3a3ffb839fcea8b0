//! `keyward keys create`.

use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Wait, no_change, show_new, wish::Wish};
use crate::{
    cli::{
        exit::CODES,
        remote::{Place, Remote, idempotency_key},
    },
    client::Request,
};

/// Make a key, and show its text this once
///
/// The text alone goes to standard output, and everything else to standard error:
///
///   keyward keys create --name N --service prediction --scope predict --quiet > key
///
/// With groups and without a service it is a gateway key (hpk_), which calls the control plane.
#[derive(Args)]
#[command(after_help = CODES, verbatim_doc_comment)]
pub(super) struct Create {
    /// What it is called
    #[arg(long)]
    name: String,
    /// The service that it is for
    #[arg(long, value_name = "SERVICE", required_unless_present = "groups")]
    service: Option<String>,
    /// production, test or development [default: production]
    #[arg(long, value_name = "ENVIRONMENT")]
    environment: Option<String>,
    #[command(flatten)]
    wish: Wish,
    /// Say nothing but the key
    #[arg(long, short)]
    quiet: bool,
    /// Makes it the same request when it is sent again [default: a new one]
    #[arg(long, value_name = "TEXT")]
    idempotency_key: Option<String>,
    #[command(flatten)]
    wait: Wait,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    remote: Remote,
}

impl Create {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let session = self.remote.session()?;
        let organization = session.organization(&self.place).await?;
        let mut body = self.wish.fields()?;
        body.insert("name".to_owned(), json!(self.name));
        for (name, value) in [("service_id", self.service), ("environment", self.environment)] {
            body.extend(value.map(|value| (name.to_owned(), json!(value))));
        }
        let once = idempotency_key(self.idempotency_key.as_ref());
        let request = Request::new(Method::POST, ["api", "v1", "keys"])
            .with("organization_id", organization)
            .body(Value::Object(body))
            .once(&once);
        let answer = session.client.send(&request).await?;
        show_new(&answer, self.remote.json, self.quiet)?;
        if self.quiet && !self.wait.is_asked() {
            return Ok(());
        }
        let id = answer.body["key_info"]["key_id"].as_str().unwrap_or_default();
        self.wait.for_edge(&session, &answer, &no_change(id)).await
    }
}
