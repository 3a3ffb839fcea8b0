//! What can be asked of `cargo xtask`.

use std::{ffi::OsString, num::NonZeroU32, time::Duration};

use lexopt::{Arg, Parser, ValueExt as _};

use crate::{fuzz, soak};

/// What `cargo xtask help` prints.
pub const USAGE: &str = "\
cargo xtask <command>

  dev                   Build and start the control plane, the Worker and a sample origin; Ctrl-C ends them.
                        Ports: KEYWARD_PORT (8080), KEYWARD_EDGE_PORT (8787), KEYWARD_ORIGIN_PORT (9000).
                        State: KEYWARD_DEV_DIR (.keyward). When all answer, dev.env in it holds the addresses.
  demo                  The life of a key, from creation to revocation, on a stack of its own.
  build [--worker]      The release program `keyward` and the Worker; with --worker the Worker alone.
  test [--step NAME]…   Every check of continuous integration, or the named ones.
  test --list           The names of the checks.
  simulate [--seeds N]… Everything in virtual time, with all that can go wrong: N seeds (1000). A seed that fails is printed.
                        KEYWARD_SIMULATION_SEED=N runs one again, and makes it smaller if it fails.
  soak [--minutes N] [--callers N] [--per-second N]
                        Mixed traffic and keys that come and go for N minutes (20): fails on one wrong answer, or if memory grows.
  crash                 The real processes, killed at every write, sync and named point, and started again (needs strace).
  bench [--help]        What a request costs at the edge, beside others; and that forged keys cost no look-up.
  screenshots           Takes the pictures of the web page that the documents show.
  fuzz [NAME]… [--seconds N]
                        What reads the bytes of others, on bytes that libFuzzer finds; each target for N seconds (60).
                        Needs a nightly compiler and cargo-fuzz.
  mutants [ARGUMENT]…   Changes the code in small ways, and says which change no test notices (needs cargo-mutants; takes hours).
                        What follows goes to it, as `--re shared/src/lease/`.
  golden RELEASE        Writes what this release stores, for later ones to read (docs/reliability.md). Needs PostgreSQL.
  audit                 Advisories, licences and sources of all dependencies (needs cargo-deny).
";

/// One command with its options.
#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    /// Run a development stack.
    Dev,
    /// Tell the life of a key.
    Demo,
    /// Build what is deployed.
    Build {
        /// The Worker alone.
        worker_only: bool,
    },
    /// Check everything, or some of it.
    Test {
        /// Names of steps; empty means all.
        steps: Vec<String>,
    },
    /// Print the names of the steps.
    ListSteps,
    /// Run seeds of the simulation.
    Simulate {
        /// What follows, for the program that simulates.
        arguments: Vec<OsString>,
    },
    /// Look for changes of the code that no test notices.
    Mutants {
        /// What follows, for cargo-mutants.
        arguments: Vec<OsString>,
    },
    /// Write what a release stores.
    Golden {
        /// Its name, as `0.1`.
        release: String,
    },
    /// Measure.
    Bench {
        /// What follows, for the program that measures.
        arguments: Vec<OsString>,
    },
    /// Take the pictures of the documents.
    Screenshots,
    /// Kill the real processes.
    Crash,
    /// Keep a stack busy.
    Soak(soak::Order),
    /// Feed found bytes to what reads bytes.
    Fuzz(fuzz::Order),
    /// Check the dependencies.
    Audit,
    /// Print the usage.
    Help,
}

impl Command {
    /// Reads the arguments behind the program's name.
    ///
    /// # Errors
    /// A sentence that names what is wrong.
    pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, lexopt::Error> {
        let mut parser = Parser::from_args(arguments);
        let mut command = None;
        while let Some(argument) = parser.next()? {
            match (argument, &mut command) {
                (Arg::Short('h') | Arg::Long("help"), _) => return Ok(Self::Help),
                (Arg::Value(name), None) => {
                    command = Some(match name.string()?.as_str() {
                        "dev" => Self::Dev,
                        "demo" => Self::Demo,
                        "build" => Self::Build { worker_only: false },
                        "test" => Self::Test { steps: Vec::new() },
                        "bench" => {
                            let arguments = parser.raw_args()?.collect();
                            return Ok(Self::Bench { arguments });
                        }
                        "screenshots" => Self::Screenshots,
                        "simulate" => {
                            let arguments = parser.raw_args()?.collect();
                            return Ok(Self::Simulate { arguments });
                        }
                        "mutants" => {
                            let arguments = parser.raw_args()?.collect();
                            return Ok(Self::Mutants { arguments });
                        }
                        "golden" => Self::Golden {
                            release: parser.value()?.string()?,
                        },
                        "fuzz" => Self::Fuzz(fuzz::Order::default()),
                        "crash" => Self::Crash,
                        "soak" => Self::Soak(soak::Order::default()),
                        "audit" => Self::Audit,
                        "help" => Self::Help,
                        other => return Err(format!("there is no command `{other}`").into()),
                    });
                }
                (Arg::Long("worker"), Some(Self::Build { worker_only })) => *worker_only = true,
                (Arg::Long("step"), Some(Self::Test { steps })) => steps.push(parser.value()?.string()?),
                (Arg::Long("seconds"), Some(Self::Fuzz(order))) => {
                    order.each = Duration::from_secs(parser.value()?.parse()?);
                }
                (Arg::Long("minutes"), Some(Self::Soak(order))) => order.minutes = at_least_one(&mut parser)?,
                (Arg::Long("callers"), Some(Self::Soak(order))) => order.callers = at_least_one(&mut parser)?,
                (Arg::Long("per-second"), Some(Self::Soak(order))) => {
                    order.per_second = at_least_one(&mut parser)?;
                }
                (Arg::Value(target), Some(Self::Fuzz(order))) => order.targets.push(target.string()?),
                (Arg::Long("list"), Some(command @ Self::Test { .. })) => *command = Self::ListSteps,
                (argument, _) => return Err(argument.unexpected()),
            }
        }
        Ok(command.unwrap_or(Self::Help))
    }
}

/// A number other than 0: for no time, by nobody or at no rate nothing would be tried.
fn at_least_one(parser: &mut Parser) -> Result<u32, lexopt::Error> {
    let number: NonZeroU32 = parser.value()?.parse()?;
    Ok(number.get())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Command, String> {
        Command::parse(line.split_whitespace().map(OsString::from)).map_err(|error| error.to_string())
    }

    #[test]
    fn every_command_is_understood() {
        assert_eq!(parse("dev"), Ok(Command::Dev));
        assert_eq!(parse("demo"), Ok(Command::Demo));
        assert_eq!(parse("build"), Ok(Command::Build { worker_only: false }));
        assert_eq!(parse("build --worker"), Ok(Command::Build { worker_only: true }));
        assert_eq!(parse("test"), Ok(Command::Test { steps: vec![] }));
        let two = vec!["format".to_owned(), "docs".to_owned()];
        assert_eq!(
            parse("test --step format --step=docs"),
            Ok(Command::Test { steps: two })
        );
        assert_eq!(parse("test --list"), Ok(Command::ListSteps));
        let arguments = ["edge", "--help"].map(OsString::from).to_vec();
        assert_eq!(parse("bench edge --help"), Ok(Command::Bench { arguments }));
        assert_eq!(parse("screenshots"), Ok(Command::Screenshots));
        let arguments = ["--seeds", "7"].map(OsString::from).to_vec();
        assert_eq!(parse("simulate --seeds 7"), Ok(Command::Simulate { arguments }));
        let release = "0.2".to_owned();
        assert_eq!(parse("golden 0.2"), Ok(Command::Golden { release }));
        assert!(parse("golden").is_err());
        let arguments = vec!["--list".into()];
        assert_eq!(parse("mutants --list"), Ok(Command::Mutants { arguments }));
        let order = fuzz::Order {
            targets: vec!["key".to_owned(), "jwt".to_owned()],
            each: Duration::from_secs(5),
        };
        assert_eq!(parse("fuzz key --seconds 5 jwt"), Ok(Command::Fuzz(order)));
        assert_eq!(parse("crash"), Ok(Command::Crash));
        let order = soak::Order {
            minutes: 3,
            ..soak::Order::default()
        };
        assert_eq!(parse("soak --minutes 3"), Ok(Command::Soak(order)));
        for flag in ["--minutes", "--callers", "--per-second"] {
            assert!(parse(&format!("soak {flag} 0")).is_err(), "{flag}");
        }
        assert_eq!(parse("audit"), Ok(Command::Audit));
        assert_eq!(parse(""), Ok(Command::Help));
        assert_eq!(parse("dev --help"), Ok(Command::Help));
    }

    #[test]
    fn what_is_not_understood_is_named() {
        assert_eq!(parse("bulid").unwrap_err(), "there is no command `bulid`");
        assert!(parse("dev --worker").unwrap_err().contains("--worker"));
        assert!(parse("dev more").unwrap_err().contains("more"));
        assert!(parse("test --step").unwrap_err().contains("step"));
    }
}
