//! `keyward keys get`.

use clap::Args;
use reqwest::Method;

use super::{facts, find, path};
use crate::{
    cli::{
        exit::CODES,
        remote::{Place, Remote},
        show,
    },
    client::Request,
};

/// Show a key
#[derive(Args)]
#[command(after_help = CODES)]
pub(super) struct Get {
    /// The key: its id, name or preview
    key: String,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    remote: Remote,
}

impl Get {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let session = self.remote.session()?;
        let id = find(&session, &self.place, &self.key).await?;
        let key = session.ask(&Request::new(Method::GET, path(&id, &[]))).await?;
        if self.remote.json {
            return show::json(&key);
        }
        show::line(&facts(&key))
    }
}
