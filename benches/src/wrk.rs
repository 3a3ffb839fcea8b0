//! `wrk`, the load generator.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use xtask::{
    process::{Launcher, Output},
    workspace::Workspace,
};

/// Connections that are open at once: enough to keep one core of `workerd` busy.
const CONNECTIONS: u32 = 16;

/// How one run went.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// Requests that were answered.
    pub requests: u64,
    /// Half of the answers came within so many microseconds.
    pub p50_us: f64,
    /// 99 of 100 did.
    pub p99_us: f64,
}

/// What it is asked to do.
#[derive(Clone, Debug)]
pub struct Order {
    /// Where the contestant listens.
    pub address: SocketAddr,
    /// A file of requests, which are sent in turn; see [`crate::requests::file`].
    pub requests: PathBuf,
    /// The status that each answer must have.
    pub status: u16,
    /// For how long.
    pub seconds: u32,
}

/// # Errors
/// A sentence that says how to get `wrk`, if it is not there.
pub fn check(workspace: &Workspace) -> Result<()> {
    match xtask::bench::missing_tool(workspace) {
        Some(missing) => bail!(missing),
        None => Ok(()),
    }
}

/// The command that does it.
#[must_use]
pub fn command(workspace: &Workspace, order: &Order) -> Command {
    let mut wrk = workspace.command("wrk");
    wrk.args([
        "--threads",
        "1",
        "--timeout",
        "10s",
        "--connections",
        &CONNECTIONS.to_string(),
    ]);
    wrk.args(["--duration", &format!("{}s", order.seconds)]);
    wrk.arg("--script").arg(workspace.path("benches/edge/load.lua"));
    wrk.arg(format!("http://{}", order.address)).arg("--");
    wrk.arg(&order.requests).arg(order.status.to_string());
    wrk
}

/// Drives a contestant.
///
/// # Errors
/// When `wrk` fails, a request got no answer, or an answer had another status than it must have.
pub fn drive(workspace: &Workspace, launcher: &Launcher, order: &Order, log: &Path) -> Result<Load> {
    let wrk = command(workspace, order);
    let status = launcher.run(wrk, Output::Log(log), || {})?;
    let said = fs::read_to_string(log).with_context(|| format!("cannot read {}", log.display()))?;
    ensure!(status.success(), "wrk failed ({status}): {}", said.trim());
    let load = read(&said).with_context(|| format!("see {}", log.display()))?;
    ensure!(
        load.requests > 0,
        "wrk got no answer within {} s, see {}",
        order.seconds,
        log.display()
    );
    Ok(load)
}

/// Reads the line of JSON that load.lua prints last.
fn read(said: &str) -> Result<Load> {
    let line = said
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("load: "))
        .context("wrk printed no result")?;
    let result: Value = serde_json::from_str(line).context("wrk printed a result that is no JSON")?;
    let number = |name: &str| {
        result
            .get(name)
            .and_then(Value::as_f64)
            .with_context(|| format!("wrk's result has no `{name}`"))
    };
    let errors = number("errors")?;
    ensure!(errors == 0.0, "{errors} requests got no answer");
    let others = number("other_statuses")?;
    ensure!(
        others == 0.0,
        "{others} answers had another status than they must have, the last one {}",
        number("other_status")?
    );
    let requests = result
        .get("requests")
        .and_then(Value::as_u64)
        .context("wrk's result has no `requests`")?;
    Ok(Load {
        requests,
        p50_us: number("p50_us")?,
        p99_us: number("p99_us")?,
    })
}

/// The version, for the facts of a run.
#[must_use]
pub fn version(workspace: &Workspace) -> Option<String> {
    let output = workspace.command("wrk").arg("-v").output().ok()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.split_whitespace().nth(1).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_read_and_a_wrong_answer_is_an_error() {
        let line = |others: u32| {
            format!(
                "Running 1s test\nload: {{\"requests\": 12, \"errors\": 0, \"other_statuses\": {others}, \"other_status\": 503, \"p50_us\": 1.5, \"p99_us\": 9}}\n"
            )
        };
        assert_eq!(
            read(&line(0)).unwrap(),
            Load {
                requests: 12,
                p50_us: 1.5,
                p99_us: 9.0
            }
        );
        assert!(read(&line(3)).unwrap_err().to_string().contains("503"));
        assert!(read("Running 1s test").is_err());
    }
}
