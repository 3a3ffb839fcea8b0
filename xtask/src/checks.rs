//! `cargo xtask test`: every check, one after another, and a table of how they went.

mod conformance;
mod links;
mod steps;

use std::{collections::HashSet, fmt::Write as _, time::Duration};

use anyhow::{Result, bail, ensure};

use crate::{
    clock::{Readable, Stopwatch},
    interrupt::Interrupted,
    process::Launcher,
    workspace::Workspace,
};

pub use steps::STEPS;

/// One check.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// What `--step` calls it.
    pub name: &'static str,
    /// What it holds the repository to.
    pub about: &'static str,
    run: fn(&Context<'_>) -> Result<Outcome>,
}

/// How a check ended that did not fail.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    Passed,
    /// Not run, because a tool is missing: which one, and where to get it.
    Skipped(String),
}

/// What checks work with.
#[derive(Debug)]
struct Context<'a> {
    workspace: &'a Workspace,
    launcher: &'a Launcher,
}

/// How one check went.
#[derive(Debug)]
struct Report {
    name: &'static str,
    took: Duration,
    result: Result<Outcome, String>,
}

/// Runs the checks called `names`, or all; also when some fail. Under continuous integration (`is_ci`), one that had to be skipped has failed.
///
/// # Errors
/// A name that no check has; the names of those that failed; an interruption.
pub fn run(workspace: &Workspace, launcher: &Launcher, names: &[String], is_ci: bool) -> Result<()> {
    let checks = select(names)?;
    let context = Context { workspace, launcher };
    let mut reports = Vec::with_capacity(checks.len());
    for (number, check) in checks.iter().enumerate() {
        println!(
            "\n[{}/{}] {}: {}",
            number + 1,
            checks.len(),
            check.name,
            check.about
        );
        let watch = Stopwatch::start();
        let result = match (check.run)(&context) {
            Err(error) if error.is::<Interrupted>() => return Err(error),
            Ok(Outcome::Skipped(why)) if is_ci => {
                Err(format!("{why}; nothing may be skipped when CI is set"))
            }
            Ok(outcome) => Ok(outcome),
            Err(error) => Err(format!("{error:#}")),
        };
        let report = Report {
            name: check.name,
            took: watch.elapsed(),
            result,
        };
        println!("{}", report.line());
        reports.push(report);
    }
    println!("\n{}", summary(&reports));
    let failed: Vec<_> = reports
        .iter()
        .filter(|report| report.result.is_err())
        .map(|report| report.name)
        .collect();
    ensure!(
        failed.is_empty(),
        "failed: {} (again alone: cargo xtask test --step <name>)",
        failed.join(", ")
    );
    Ok(())
}

/// What `cargo xtask test --list` prints.
#[must_use]
pub fn list() -> String {
    STEPS.iter().fold(String::new(), |mut text, check| {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "{:<14} {}", check.name, check.about);
        text
    })
}

fn select(names: &[String]) -> Result<Vec<&'static Check>> {
    let known: HashSet<_> = STEPS.iter().map(|check| check.name).collect();
    if let Some(unknown) = names.iter().find(|name| !known.contains(name.as_str())) {
        bail!("there is no step `{unknown}`; the steps are:\n\n{}", list());
    }
    Ok(STEPS
        .iter()
        .filter(|check| names.is_empty() || names.iter().any(|name| name == check.name))
        .collect())
}

impl Report {
    fn line(&self) -> String {
        let took = Readable(self.took).to_string();
        match &self.result {
            Ok(Outcome::Passed) => format!("passed   {:<14} {took:>12}", self.name),
            Ok(Outcome::Skipped(why)) => format!("SKIPPED  {:<14} {took:>12}  {why}", self.name),
            Err(error) => format!("FAILED   {:<14} {took:>12}  {error}", self.name),
        }
    }
}

/// One line for each check; of an error its first line, the rest was printed where it happened.
fn summary(reports: &[Report]) -> String {
    let lines: Vec<_> = reports
        .iter()
        .map(|report| report.line().lines().next().unwrap_or_default().to_owned())
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_choose_in_the_order_of_the_list() {
        let names: HashSet<_> = STEPS.iter().map(|check| check.name).collect();
        assert_eq!(names.len(), STEPS.len());

        assert_eq!(select(&[]).unwrap().len(), STEPS.len());
        let chosen = select(&["docs".to_owned(), "format".to_owned()]).unwrap();
        let names: Vec<_> = chosen.iter().map(|check| check.name).collect();
        assert_eq!(names, ["format", "docs"]);
    }

    #[test]
    fn an_unknown_step_is_named_and_the_known_ones_listed() {
        let error = select(&["fmt".to_owned()]).unwrap_err().to_string();
        assert!(
            error.starts_with("there is no step `fmt`") && error.contains("\nformat "),
            "{error}"
        );
    }

    #[test]
    fn the_summary_has_one_line_for_each_check() {
        let report = |name, result| Report {
            name,
            took: Duration::from_millis(1200),
            result,
        };
        let reports = [
            report("format", Ok(Outcome::Passed)),
            report("docs", Err("a link is dead\n  details".to_owned())),
            report("clients", Ok(Outcome::Skipped("python3 is missing".to_owned()))),
        ];
        assert_eq!(
            summary(&reports),
            "passed   format                1.2 s\n\
             FAILED   docs                  1.2 s  a link is dead\n\
             SKIPPED  clients               1.2 s  python3 is missing"
        );
    }
}
