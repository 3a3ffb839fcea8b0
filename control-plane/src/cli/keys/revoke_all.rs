//! `keyward keys revoke-all`.

use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};

use super::list_of;
use crate::{
    cli::{
        exit::CODES,
        remote::{Place, Remote, Sure},
        show,
        wait::Wait,
    },
    client::Request,
};

/// End many keys for ever: of a member, of a group, or all of an organization
///
/// Of more than 500 the service goes on by itself after the answer; `pending` says how many are still to come, and `keyward keys jobs`
/// how far it is.
#[derive(Args)]
#[command(after_help = CODES)]
pub(super) struct RevokeAll {
    #[command(flatten)]
    whose: Whose,
    #[command(flatten)]
    sure: Sure,
    #[command(flatten)]
    wait: Wait,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    remote: Remote,
}

/// Whose keys end.
#[derive(Args)]
#[group(required = true, multiple = false)]
struct Whose {
    /// Those that belong to this name, as `user_id` of a key shows it
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Those in this group
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    /// Every key of the organization, the caller's own included
    #[arg(long)]
    all: bool,
}

impl Whose {
    fn body(&self) -> (String, Value) {
        match (&self.user, &self.group) {
            (Some(user), _) => (format!("the keys of {user}"), json!({ "user_id": user })),
            (_, Some(group)) => (format!("the keys in {group}"), json!({ "group": group })),
            _ => ("every key of the organization".to_owned(), json!({ "all": true })),
        }
    }
}

impl RevokeAll {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let session = self.remote.session()?;
        let organization = session.required_organization(&self.place).await?;
        let (whose, body) = self.whose.body();
        self.sure.ask(&format!("Revoke {whose} for ever?"))?;
        let path = ["api", "v1", "organizations", &organization, "revoke-keys"];
        let answer = session
            .client
            .send(&Request::new(Method::POST, path).body(body))
            .await?;
        if self.remote.json {
            show::json(&answer.body)?;
        } else {
            let [keys, done, pending] =
                ["keys", "done", "pending"].map(|field| show::cell(&answer.body[field]));
            show::line(&format!(
                "{done} of {keys} keys are revoked; {pending} are still to be revoked or confirmed"
            ))?;
        }
        let list = list_of(Some(&organization))
            .with("status", Some("revoked"))
            .with("user_id", self.whose.user.as_ref())
            .with("group", self.whose.group.as_ref());
        self.wait.for_job(&session, &organization, &answer, &list).await
    }
}
