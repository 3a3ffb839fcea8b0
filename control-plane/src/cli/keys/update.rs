//! `keyward keys update`.

use anyhow::bail;
use clap::{Args, ValueEnum};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Wait, facts, find, no_change, path, wish::Wish};
use crate::{
    cli::{
        exit::CODES,
        remote::{Place, Remote},
        show,
    },
    client::Request,
};

/// Change a key. What is not named stays as it is; a list that is named is replaced as a whole
#[derive(Args)]
#[command(after_help = CODES)]
pub(super) struct Update {
    /// The key: its id, name or preview
    key: String,
    /// What it is called from now on
    #[arg(long)]
    name: Option<String>,
    /// When it expires (RFC 3339, such as 2027-01-31T00:00:00Z)
    #[arg(long, value_name = "TIME", conflicts_with = "expires_in_days")]
    expires_at: Option<String>,
    #[command(flatten)]
    wish: Wish,
    /// What it has no more; once for each
    #[arg(long, value_name = "FIELD")]
    clear: Vec<Field>,
    /// A pair that its metadata lose; once for each
    #[arg(long, value_name = "NAME")]
    remove_metadata: Vec<String>,
    #[command(flatten)]
    wait: Wait,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    remote: Remote,
}

/// What a key can be without.
#[derive(Clone, Copy, ValueEnum)]
enum Field {
    Scopes,
    Groups,
    AllowedIps,
    Expiry,
    MonthlyLimit,
    Owner,
}

impl Field {
    fn nothing(self) -> (&'static str, Value) {
        match self {
            Self::Scopes => ("scopes", json!([])),
            Self::Groups => ("groups", json!([])),
            Self::AllowedIps => ("allowed_ips", json!([])),
            Self::Expiry => ("expires_at", Value::Null),
            Self::MonthlyLimit => ("monthly_prediction_limit", Value::Null),
            Self::Owner => ("owner", Value::Null),
        }
    }
}

impl Update {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let mut body = self.wish.fields()?;
        for (name, value) in [("name", self.name), ("expires_at", self.expires_at)] {
            body.extend(value.map(|value| (name.to_owned(), json!(value))));
        }
        for (name, nothing) in self.clear.into_iter().map(Field::nothing) {
            if body.insert(name.to_owned(), nothing).is_some() {
                bail!("{name} is both set and cleared");
            }
        }
        for name in self.remove_metadata {
            let metadata = body.entry("metadata").or_insert_with(|| json!({}));
            metadata[name] = Value::Null;
        }
        if body.is_empty() {
            bail!("say what is to change: keyward keys update --help");
        }
        let session = self.remote.session()?;
        let id = find(&session, &self.place, &self.key).await?;
        let request = Request::new(Method::PATCH, path(&id, &[])).body(Value::Object(body));
        let answer = session.client.send(&request).await?;
        if self.remote.json {
            show::json(&answer.body)?;
        } else {
            show::line(&facts(&answer.body))?;
        }
        self.wait.for_edge(&session, &answer, &no_change(&id)).await
    }
}
