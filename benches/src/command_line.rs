//! What can be asked of `cargo xtask bench`.

use std::{ffi::OsString, time::Duration};

use lexopt::{Arg, Parser, ValueExt as _};

use crate::{
    contestants::{self, CONTESTANTS, Contestant},
    control_plane::Order,
    web,
};

/// What `cargo xtask bench --help` prints.
pub const USAGE: &str = "\
cargo xtask bench edge [options]

  What a request costs: each contestant in plain workerd on one core, driven in turn by wrk on another.
  Prints median CPU µs a request (the process's own account), p50 and p99, and the ratio to an empty Worker;
  the Worker's size, the CPU of its start, and which bounds hold. Needs two cores, Linux and wrk.

  --rounds N         How often each is driven (9).
  --seconds N        How long each time (2).
  --only NAME        This contestant alone; can be repeated.
  --json             For a program instead of a person.
  --write            Puts the table into docs/benchmarks.md.
  --strict           Exits with an error when a bound does not hold.

cargo xtask bench profile NAME [--seconds N]

  Where a contestant spends its time, from a profile of N seconds (5) by the runtime's inspector. Functions of
  Rust keep their names; what is inside the runtime itself shows as one line.

cargo xtask bench forged [--requests N]

  Sends N forged keys (1000000), each another, and counts KV reads and KeyGuard calls. Exits with an error unless there are none.

cargo xtask bench control-plane [options]

  The service as it is released with a million keys in SQLite: p50 and p99 of list page, get, create and rotate beside an
  fsync of the disk alone, a full publish to a KV endpoint that takes its time, and memory. Needs Linux and 3 GB of disk.

  --keys N           How many keys (1000000).
  --kv-call-ms N     How long the KV endpoint takes for a call (1000).
  --write            Puts the table into docs/benchmarks.md.
  --strict           Exits with an error when a bound does not hold.

cargo xtask bench web [--keys N] [--debug] [--strict]

  The web page over 100000 keys in SQLite, in Chromium: the time until the table is there, and until a filter and a search show
  what they let through. --debug takes the program as developers build it. --strict exits with an error when a bound does not hold.

cargo xtask bench constant-time

  Whether the time of comparing secrets says how much of a wrong one is right: instructions of WebAssembly counted, and time in V8 and
  natively measured (Welch's t). Exits with an error when it does, or when a planted comparison that tells is not noticed.

cargo xtask bench check

  Drives every contestant for a second and sends 20000 forged keys: that all answers are right. Counts the instructions of comparing
  secrets. Nothing is timed.
";

/// One command.
#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    /// Compare the contestants.
    Edge(Edge),
    /// Take a profile.
    Profile {
        /// Of whom.
        contestant: &'static Contestant,
        /// For how long.
        seconds: u32,
    },
    /// Send forged keys.
    Forged {
        /// How many.
        requests: u32,
    },
    /// Measure the control plane.
    ControlPlane(Order),
    /// Measure the web page.
    Web(web::Order),
    /// Look at how long secrets are compared.
    ConstantTime,
    /// Try everything out.
    Check,
    /// Print the usage.
    Help,
}

/// How the contestants are compared.
#[derive(Debug, PartialEq, Eq)]
pub struct Edge {
    /// How often each is driven.
    pub rounds: u32,
    /// How long each time.
    pub seconds: u32,
    /// Names; empty means all.
    pub only: Vec<&'static str>,
    /// Print JSON.
    pub json: bool,
    /// Write the document.
    pub write: bool,
    /// Fail when a bound does not hold.
    pub strict: bool,
}

impl Default for Edge {
    fn default() -> Self {
        Self {
            rounds: 9,
            seconds: 2,
            only: Vec::new(),
            json: false,
            write: false,
            strict: false,
        }
    }
}

impl Edge {
    /// Those that take part, in the order of the table.
    #[must_use]
    pub fn contestants(&self) -> Vec<&'static Contestant> {
        let takes_part =
            |contestant: &&Contestant| self.only.is_empty() || self.only.contains(&contestant.name);
        CONTESTANTS.iter().filter(takes_part).collect()
    }
}

impl Command {
    /// Reads the arguments behind `bench`.
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
                        "edge" => Self::Edge(Edge::default()),
                        "check" => Self::Check,
                        "constant-time" => Self::ConstantTime,
                        "profile" => {
                            let contestant = contestant(&parser.value()?.string()?)?;
                            Self::Profile {
                                contestant,
                                seconds: 5,
                            }
                        }
                        "forged" => Self::Forged { requests: 1_000_000 },
                        "control-plane" => Self::ControlPlane(Order::default()),
                        "web" => Self::Web(web::Order::default()),
                        other => {
                            return Err(format!(
                                "there is no benchmark `{other}`; there are `edge`, `forged`, `profile`, `control-plane`, `web`, `constant-time` and `check`"
                            )
                            .into());
                        }
                    });
                }
                (Arg::Long("rounds"), Some(Self::Edge(edge))) => {
                    edge.rounds = positive(&mut parser, "rounds")?;
                }
                (Arg::Long("seconds"), Some(Self::Edge(edge))) => {
                    edge.seconds = positive(&mut parser, "seconds")?;
                }
                (Arg::Long("only"), Some(Self::Edge(edge))) => {
                    edge.only.push(contestant(&parser.value()?.string()?)?.name);
                }
                (Arg::Long("seconds"), Some(Self::Profile { seconds, .. })) => {
                    *seconds = positive(&mut parser, "seconds")?;
                }
                (Arg::Long("json"), Some(Self::Edge(edge))) => edge.json = true,
                (Arg::Long("write"), Some(Self::Edge(edge))) => edge.write = true,
                (Arg::Long("strict"), Some(Self::Edge(edge))) => edge.strict = true,
                (Arg::Long("requests"), Some(Self::Forged { requests })) => {
                    *requests = positive(&mut parser, "requests")?;
                }
                (Arg::Long("keys"), Some(Self::ControlPlane(order))) => {
                    order.keys = positive(&mut parser, "keys")?;
                }
                (Arg::Long("keys"), Some(Self::Web(order))) => {
                    order.keys = positive(&mut parser, "keys")?;
                }
                (Arg::Long("debug"), Some(Self::Web(order))) => order.debug = true,
                (Arg::Long("strict"), Some(Self::Web(order))) => order.strict = true,
                (Arg::Long("kv-call-ms"), Some(Self::ControlPlane(order))) => {
                    order.kv_call = Duration::from_millis(parser.value()?.parse()?);
                }
                (Arg::Long("write"), Some(Self::ControlPlane(order))) => order.write = true,
                (Arg::Long("strict"), Some(Self::ControlPlane(order))) => order.strict = true,
                (argument, _) => return Err(argument.unexpected()),
            }
        }
        match command {
            Some(Self::Edge(edge)) if edge.write && !edge.only.is_empty() => {
                Err("--write wants the whole table: leave --only out".into())
            }
            Some(command) => Ok(command),
            None => Ok(Self::Help),
        }
    }
}

fn positive(parser: &mut Parser, option: &str) -> Result<u32, lexopt::Error> {
    match parser.value()?.parse()? {
        0 => Err(format!("--{option} must be 1 or more").into()),
        number => Ok(number),
    }
}

fn contestant(name: &str) -> Result<&'static Contestant, lexopt::Error> {
    contestants::find(name).ok_or_else(|| {
        let names: Vec<_> = CONTESTANTS.iter().map(|contestant| contestant.name).collect();
        format!("there is no contestant `{name}`; there are {}", names.join(", ")).into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Command, String> {
        Command::parse(line.split_whitespace().map(OsString::from)).map_err(|error| error.to_string())
    }

    #[test]
    fn options_are_understood() {
        assert_eq!(parse("edge"), Ok(Command::Edge(Edge::default())));
        let edge = Edge {
            rounds: 3,
            seconds: 1,
            only: vec!["forward"],
            json: true,
            write: false,
            strict: true,
        };
        assert_eq!(edge.contestants().len(), 1);
        assert_eq!(
            parse("edge --rounds 3 --seconds=1 --only forward --json --strict"),
            Ok(Command::Edge(edge))
        );
        assert_eq!(
            parse("forged --requests 20"),
            Ok(Command::Forged { requests: 20 })
        );
        let contestant = contestants::find("forward").unwrap();
        assert_eq!(
            parse("profile forward --seconds 9"),
            Ok(Command::Profile {
                contestant,
                seconds: 9
            })
        );
        let order = Order {
            keys: 5,
            kv_call: Duration::from_millis(20),
            write: true,
            strict: true,
        };
        assert_eq!(
            parse("control-plane --keys 5 --kv-call-ms 20 --write --strict"),
            Ok(Command::ControlPlane(order))
        );
        assert_eq!(parse("check"), Ok(Command::Check));
        assert_eq!(parse("constant-time"), Ok(Command::ConstantTime));
        assert_eq!(parse("edge --help"), Ok(Command::Help));
        assert_eq!(parse(""), Ok(Command::Help));
    }

    #[test]
    fn what_is_not_understood_is_named() {
        assert!(parse("edges").unwrap_err().contains("`edges`"));
        assert!(parse("edge --only me").unwrap_err().contains("keyward-forged"));
        assert!(parse("edge --rounds 0").unwrap_err().contains("--rounds"));
        assert!(parse("edge --requests 1").unwrap_err().contains("--requests"));
        assert!(parse("edge --write --only empty").unwrap_err().contains("--only"));
    }
}
