//! `keyward keys revoke`, `deactivate` and `activate`: one or many.

use clap::Args;
use reqwest::Method;

use super::{Wait, find, no_change, path};
use crate::{
    cli::{
        exit::CODES,
        remote::{Place, Remote, Session, Sure},
        show,
    },
    client::Request,
};

/// End keys for ever. They never come back
#[derive(Args)]
#[command(after_help = CODES)]
pub(super) struct Revoke {
    #[command(flatten)]
    keys: Several,
    #[command(flatten)]
    sure: Sure,
}

/// Let keys open nothing until they are activated again
#[derive(Args)]
#[command(after_help = CODES)]
pub(super) struct Deactivate {
    #[command(flatten)]
    keys: Several,
}

/// Let deactivated keys open again what they did
#[derive(Args)]
#[command(after_help = CODES)]
pub(super) struct Activate {
    #[command(flatten)]
    keys: Several,
}

#[derive(Args)]
struct Several {
    /// The keys: ids, names or previews
    #[arg(required = true, value_name = "KEY")]
    keys: Vec<String>,
    #[command(flatten)]
    wait: Wait,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    remote: Remote,
}

/// What happens to them.
struct Act {
    method: Method,
    rest: &'static [&'static str],
    done: &'static str,
    ends: bool,
}

impl Several {
    /// All of them have to be known before any of them changes.
    async fn ids(&self, session: &Session) -> anyhow::Result<Vec<String>> {
        let mut ids = Vec::new();
        for named in &self.keys {
            ids.push(find(session, &self.place, named).await?);
        }
        Ok(ids)
    }

    async fn act(&self, session: &Session, ids: &[String], act: Act) -> anyhow::Result<()> {
        for (named, id) in self.keys.iter().zip(ids) {
            let request = Request::new(act.method.clone(), path(id, act.rest));
            let answer = session.client.send(&request).await?;
            if self.remote.json {
                show::json(&answer.body)?;
            } else {
                show::line(&format!("{named} is {}", act.done))?;
            }
            let again = if act.ends { request } else { no_change(id) };
            self.wait.for_edge(session, &answer, &again).await?;
        }
        Ok(())
    }
}

impl Revoke {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let session = self.keys.remote.session()?;
        let ids = self.keys.ids(&session).await?;
        self.sure
            .ask(&format!("Revoke {} for ever?", self.keys.keys.join(", ")))?;
        let act = Act {
            method: Method::DELETE,
            rest: &[],
            done: "revoked",
            ends: true,
        };
        self.keys.act(&session, &ids, act).await
    }
}

impl Deactivate {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let session = self.keys.remote.session()?;
        let ids = self.keys.ids(&session).await?;
        let act = Act {
            method: Method::POST,
            rest: &["deactivate"],
            done: "deactivated",
            ends: false,
        };
        self.keys.act(&session, &ids, act).await
    }
}

impl Activate {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let session = self.keys.remote.session()?;
        let ids = self.keys.ids(&session).await?;
        let act = Act {
            method: Method::POST,
            rest: &["activate"],
            done: "active",
            ends: false,
        };
        self.keys.act(&session, &ids, act).await
    }
}
