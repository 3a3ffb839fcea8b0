//! The command line.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod audit;
mod backup;
mod configuration;
mod doctor;
mod migrate;
mod serve;

/// Issues API keys and enforces them at the edge.
#[derive(Parser)]
#[command(name = "keyward", version, about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the control plane: the REST API, and the publisher that brings changes to the edge
    Serve(serve::Serve),
    /// Bring the schema of the database up to date
    Migrate(migrate::Migrate),
    /// Look at settings, database, KV and Workers, and say what is wrong
    Doctor(doctor::Doctor),
    /// Write a copy of a SQLite database, also while it is served from
    Backup(backup::Backup),
    /// Put a backup in the place of a SQLite database that is not served from
    Restore(backup::Restore),
    /// Say that the database was restored by other means: the next start recovers what the edge knows and it has forgotten
    Recover(backup::Recover),
    /// Print the description of the REST API (OpenAPI 3.1)
    Openapi,
    /// Check the audit trail
    Audit(audit::Audit),
}

/// Runs what the arguments say.
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.command {
        Command::Serve(serve) => serve.run(),
        Command::Migrate(migrate) => migrate.run(),
        Command::Doctor(doctor) => return exit(doctor.run()),
        Command::Backup(backup) => backup.run(),
        Command::Restore(restore) => restore.run(),
        Command::Recover(recover) => recover.run(),
        Command::Openapi => {
            println!("{:#}", crate::http::openapi::document());
            Ok(())
        }
        Command::Audit(audit) => audit.run(),
    };
    exit(result.map(|()| ExitCode::SUCCESS))
}

fn exit(result: anyhow::Result<ExitCode>) -> ExitCode {
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("keyward: {error:#}");
            ExitCode::FAILURE
        }
    }
}
