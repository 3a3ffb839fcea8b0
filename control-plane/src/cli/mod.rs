//! The command line.
//!
//! Commands that run the service, or look after it, read its settings (`configuration`). The others call it over REST, as whoever
//! signed in (`remote`): one noun a file or folder.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{CommandFactory as _, Parser, Subcommand};

mod audit;
mod backup;
mod configuration;
mod counts;
mod doctor;
mod exit;
mod groups;
mod keys;
mod listing;
mod login;
mod members;
mod migrate;
mod orgs;
mod pages;
mod profile;
mod reference;
mod remote;
mod request;
mod secret;
mod serve;
mod show;
mod sync;
mod verify;
mod wait;

/// Issue API keys, and enforce them at the edge
///
/// Sign in with `keyward login`, then manage keys with `keyward keys`. Who runs the service needs `serve`, `migrate`, `doctor`, `backup`, `restore` and
/// `recover`, which read its settings and not a profile.
#[derive(Parser)]
#[command(name = "keyward", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Login(login::Login),
    Logout(login::Logout),
    Whoami(login::Whoami),
    Keys(keys::Keys),
    Orgs(orgs::Orgs),
    Members(members::Members),
    Groups(groups::Groups),
    Audit(audit::Audit),
    Sync(sync::Sync),
    Verify(verify::Verify),
    Request(request::Call),
    /// Run the control plane: the REST API, and the publisher that brings changes to the edge
    Serve(serve::Serve),
    Migrate(migrate::Migrate),
    Doctor(doctor::Doctor),
    /// Write a copy of a SQLite database, also while it is served from
    Backup(backup::Backup),
    /// Put a backup in the place of a SQLite database that is not served from
    Restore(backup::Restore),
    /// Say that the database was restored by other means: the next start recovers what the edge knows and it has forgotten
    Recover(backup::Recover),
    /// Print the description of the REST API (OpenAPI 3.1)
    Openapi,
    Completions(pages::Completions),
    Man(pages::Man),
    /// Print the commands and their flags, as they stand in docs/cli.md
    #[command(hide = true)]
    Reference,
}

/// The command line, as it describes itself.
pub fn command() -> clap::Command {
    Arguments::command()
}

/// Runs what the arguments say.
pub fn run() -> ExitCode {
    exit::with(Arguments::parse().command.run())
}

impl Command {
    fn run(self) -> anyhow::Result<ExitCode> {
        let done = match self {
            Self::Login(login) => calling(login.run()),
            Self::Logout(logout) => logout.run(),
            Self::Whoami(whoami) => calling(whoami.run()),
            Self::Keys(keys) => calling(keys.run()),
            Self::Orgs(orgs) => calling(orgs.run()),
            Self::Members(members) => calling(members.run()),
            Self::Groups(groups) => calling(groups.run()),
            Self::Audit(audit) => calling(audit.run()),
            Self::Sync(sync) => calling(sync.run()),
            Self::Verify(verify) => calling(verify.run()),
            Self::Request(request) => return calling(request.run()),
            Self::Serve(serve) => serve.run(),
            Self::Migrate(migrate) => migrate.run(),
            Self::Doctor(doctor) => return doctor.run(),
            Self::Backup(backup) => backup.run(),
            Self::Restore(restore) => restore.run(),
            Self::Recover(recover) => recover.run(),
            Self::Openapi => show::json(&crate::http::openapi::document()),
            Self::Completions(completions) => completions.run(command()),
            Self::Man(man) => man.run(command()),
            Self::Reference => {
                print!("{}", reference::reference());
                Ok(())
            }
        };
        done.map(|()| ExitCode::SUCCESS)
    }
}

/// Runs what calls the service.
fn calling<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    // reqwest is built without a provider, so that `ring` is the only one there is.
    let _ = rustls::crypto::ring::default_provider().install_default();
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?
        .block_on(work)
}
