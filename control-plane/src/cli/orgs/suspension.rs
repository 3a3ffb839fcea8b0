//! `keyward orgs suspend` and `resume`.

use clap::Args;
use reqwest::Method;

use super::{one, path};
use crate::{
    cli::{
        exit::CODES,
        remote::{Remote, Sure},
        wait::Wait,
    },
    client::Request,
};

/// Let the keys of an organization open nothing until it is resumed. For the platform admin
#[derive(Args)]
#[command(after_help = CODES)]
pub(super) struct Suspend {
    #[command(flatten)]
    change: Change,
    #[command(flatten)]
    sure: Sure,
}

/// Let the keys of a suspended organization open again what they did. For the platform admin
#[derive(Args)]
#[command(after_help = CODES)]
pub(super) struct Resume {
    #[command(flatten)]
    change: Change,
}

#[derive(Args)]
struct Change {
    /// Its id or name
    organization: String,
    #[command(flatten)]
    wait: Wait,
    #[command(flatten)]
    remote: Remote,
}

impl Change {
    async fn run(&self, operation: &str) -> anyhow::Result<()> {
        let session = self.remote.session()?;
        let id = session.organization_named(&self.organization).await?;
        let mut path = path(&id);
        path.push(operation.to_owned());
        let request = Request::new(Method::POST, path);
        let answer = session.client.send(&request).await?;
        one(&self.remote, &answer.body)?;
        self.wait.for_keys(&session, &id, &answer, &request).await
    }
}

impl Suspend {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let question = format!(
            "Suspend {}? None of its keys opens anything until it is resumed.",
            self.change.organization
        );
        self.sure.ask(&question)?;
        self.change.run("suspend").await
    }
}

impl Resume {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        self.change.run("resume").await
    }
}
