//! `keyward migrate`.

use anyhow::Context as _;
use clap::Args;

use serde_json::json;

use super::{configuration::Configuration, show::Output};

/// Bring the schema of the database up to date, as `keyward serve` does at its start
///
/// A SQLite file must not be served from meanwhile; several control planes on PostgreSQL may go on.
#[derive(Args)]
pub(super) struct Migrate {
    #[command(flatten)]
    configuration: Configuration,
    #[command(flatten)]
    output: Output,
}

impl Migrate {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let database = self.configuration.database()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start the runtime")?;
        let store = runtime.block_on(database.open());
        let store = store.with_context(|| format!("cannot bring {database} up to date"))?;
        let migrations = runtime.block_on(store.migrations())?;
        let migrations = migrations.applied;
        self.output.show(
            &json!({ "database": database.to_string(), "migrations": migrations }),
            &[format!("{database} has all {migrations} migrations")],
        )
    }
}
