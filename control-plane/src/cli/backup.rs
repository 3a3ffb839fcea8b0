//! `keyward backup`, `keyward restore` and `keyward recover`.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::json;

use super::{configuration::Configuration, show::Output};
use crate::{
    clock::{Clock as _, SystemClock},
    store::{DatabaseUrl, sqlite::backup},
};

/// What is said after a restore.
const NEXT: &str = "`keyward serve` begins with a recovery: see docs/recovery.md";

#[derive(Args)]
pub(super) struct Backup {
    #[command(flatten)]
    configuration: Configuration,
    #[command(flatten)]
    output: Output,
    /// Where the backup goes. Nothing may be there
    file: PathBuf,
}

#[derive(Args)]
pub(super) struct Restore {
    #[command(flatten)]
    configuration: Configuration,
    #[command(flatten)]
    output: Output,
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
    #[command(flatten)]
    output: Output,
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
        let (file, database) = (self.file.display(), database.display());
        self.output.show(
            &json!({ "backup": file.to_string(), "database": database.to_string() }),
            &[format!("{file} is a backup of {database}")],
        )
    }
}

impl Restore {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let database = sqlite(
            &self.configuration,
            "way back (pg_restore); run `keyward recover` after it",
        )?;
        let former = block_on(backup::restore(&self.file, &database, SystemClock.now()))?;
        let former = former.map(|former| former.display().to_string());
        let (file, database) = (self.file.display(), database.display());
        let mut lines = vec![format!("{database} is {file} now")];
        lines.extend(
            former
                .iter()
                .map(|former| format!("the former database is {former}")),
        );
        lines.push(NEXT.to_owned());
        let document = json!({
            "backup": file.to_string(),
            "database": database.to_string(),
            "former_database": former,
            "recovery": "at the next start",
        });
        self.output.show(&document, &lines)
    }
}

impl Recover {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let database = self.configuration.database()?;
        block_on(async {
            let store = database.open().await?;
            store.was_restored(self.end_unknown_keys, SystemClock.now()).await
        })?;
        let document = json!({ "database": database.to_string(), "recovery": "at the next start" });
        self.output.show(&document, &[NEXT.to_owned()])
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
