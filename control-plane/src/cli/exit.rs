//! How commands end: the codes, and what is said when something went wrong.

use std::{io, process::ExitCode};

use crate::client::ClientError;

/// The codes of commands that call the service, for `--help` and docs/cli.md.
pub(super) const CODES: &str = "Exit codes:
  0  done
  1  failed: out of reach, a fault of the service, or a check that found something wrong
  2  a wrong command line, or a question that nobody was there to answer (--yes)
  3  no credential, a wrong one (401), or one that may not do this (403)
  4  no such thing (404), or several by that name
  5  refused as things stand (400, 409, 422, 429)
  6  done, and not confirmed at the edge within --wait
  7  the key is not valid (verify)";

/// A command that did something, and ends with a code of its own.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Stop {
    /// A question was not answered with yes.
    #[error("nothing was done")]
    Unanswered,
    /// There is nobody to ask.
    #[error("there is nobody to ask: add --yes to do it")]
    NobodyToAsk,
    /// No credential.
    #[error("not signed in: run `keyward login`, or set KEYWARD_URL and KEYWARD_API_KEY or KEYWARD_TOKEN")]
    NotSignedIn,
    /// No such profile.
    #[error("there is no profile {0}; `keyward login --profile {0}` makes it")]
    NoProfile(String),
    /// No such thing, or several: which.
    #[error("{0}")]
    NotFound(String),
    /// The time of `--wait` was over.
    #[error(
        "it is done, and the edge has not confirmed it yet; `keyward sync status` says what it waits for"
    )]
    Unconfirmed,
    /// The verdict on a key was no.
    #[error("the key is not valid")]
    NotValid,
}

impl Stop {
    const fn code(&self) -> u8 {
        match self {
            Self::Unanswered | Self::NobodyToAsk => 2,
            Self::NotSignedIn | Self::NoProfile(_) => 3,
            Self::NotFound(_) => 4,
            Self::Unconfirmed => 6,
            Self::NotValid => 7,
        }
    }
}

/// The code for an answer with this status.
pub(super) const fn of_status(status: u16) -> u8 {
    match status {
        200..=399 => 0,
        401 | 403 => 3,
        404 => 4,
        400..=499 => 5,
        _ => 1,
    }
}

/// Says what went wrong, and ends accordingly.
pub(super) fn with(result: anyhow::Result<ExitCode>) -> ExitCode {
    let error = match result {
        Ok(code) => return code,
        Err(error) => error,
    };
    // Who reads the output has had enough of it.
    if matches!(error.downcast_ref::<io::Error>(), Some(error) if error.kind() == io::ErrorKind::BrokenPipe) {
        return ExitCode::SUCCESS;
    }
    eprintln!("keyward: {error:#}");
    ExitCode::from(code_of(&error))
}

fn code_of(error: &anyhow::Error) -> u8 {
    if let Some(stop) = error.downcast_ref::<Stop>() {
        return stop.code();
    }
    match error.downcast_ref::<ClientError>() {
        Some(ClientError::Refused(refusal)) => of_status(refusal.status),
        _ => 1,
    }
}
