//! `keyward backup`, `keyward restore` and `keyward recover`.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;

use super::configuration::Configuration;
use crate::{
    clock::{Clock as _, SystemClock},
    store::{DatabaseUrl, sqlite::backup},
};

#[derive(Args)]
pub(super) struct Backup {
    #[command(flatten)]
    configuration: Configuration,
    /// Where the backup goes. Nothing may be there
    file: PathBuf,
}

#[derive(Args)]
pub(super) struct Restore {
    #[command(flatten)]
    configuration: Configuration,
    /// The backup
    file: PathBuf,
}

#[derive(Args)]
pub(super) struct Recover {
    #[command(flatten)]
    configuration: Configuration,
    /// End all keys that the edge knows and the database does not, even if they are most of them. They end for ever
    #[arg(long)]
    end_unknown_keys: bool,
}

/// The file of a SQLite database; PostgreSQL has tools of its own.
fn sqlite(configuration: &Configuration, tools: &str) -> anyhow::Result<PathBuf> {
    match configuration.database()? {
        DatabaseUrl::Sqlite(path) => Ok(path),
        DatabaseUrl::Postgres(_) => bail!("the database is PostgreSQL, which has its own {tools}"),
    }
}

impl Backup {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let database = sqlite(&self.configuration, "backups (pg_dump, pg_basebackup)")?;
        block_on(backup::back_up(&database, &self.file))?;
        println!("{} is a backup of {}", self.file.display(), database.display());
        Ok(())
    }
}

impl Restore {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let database = sqlite(
            &self.configuration,
            "way back (pg_restore); run `keyward recover` after it",
        )?;
        let former = block_on(backup::restore(&self.file, &database, SystemClock.now()))?;
        println!("{} is {} now", database.display(), self.file.display());
        if let Some(former) = former {
            println!("the former database is {}", former.display());
        }
        println!("`keyward serve` begins with a recovery: see docs/recovery.md");
        Ok(())
    }
}

impl Recover {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let database = self.configuration.database()?;
        block_on(async {
            let store = database.open().await?;
            store.was_restored(self.end_unknown_keys, SystemClock.now()).await
        })?;
        println!("`keyward serve` begins with a recovery: see docs/recovery.md");
        Ok(())
    }
}

fn block_on<T, E>(work: impl Future<Output = Result<T, E>>) -> anyhow::Result<T>
where
    anyhow::Error: From<E>,
{
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    Ok(runtime.block_on(work)?)
}
