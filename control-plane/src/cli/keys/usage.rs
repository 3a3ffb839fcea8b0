//! `keyward keys usage`.

use clap::Args;
use reqwest::Method;

use super::{find, path};
use crate::{
    cli::{
        counts::Period,
        exit::CODES,
        remote::{Place, Remote},
    },
    client::Request,
};

/// Show how many requests the edge has admitted with a key
#[derive(Args)]
#[command(after_help = CODES)]
pub(super) struct Usage {
    /// The key: its id, name or preview
    key: String,
    #[command(flatten)]
    period: Period,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    remote: Remote,
}

impl Usage {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let session = self.remote.session()?;
        let id = find(&session, &self.place, &self.key).await?;
        let request = Request::new(Method::GET, path(&id, &["usage"]));
        let usage = session.ask(&self.period.of(request)).await?;
        self.period.show(&usage, self.remote.json)
    }
}
