//! What a run found, for a person, a program and a document.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::{bounds::Bound, contestants::EMPTY, figures::Figures, machine::Machine};

/// From this share of the time on that others had the core, their traces in its caches are a good part of what is measured.
const BUSY: f64 = 0.05;

/// What a run found.
#[derive(Debug)]
pub struct Report {
    /// Each contestant's figures, in the order of the table.
    pub figures: Vec<Figures>,
    /// What must hold.
    pub bounds: Vec<Bound>,
    /// Where it was measured.
    pub machine: Machine,
    /// Which part of its time a contestant waited for its core while something else ran on it, 0 to 1.
    pub share_waited: f64,
    /// How many rounds there were.
    pub rounds: u32,
    /// How long each contestant was driven in each.
    pub seconds: u32,
}

impl Report {
    fn ratio_to_empty(&self, figures: &Figures) -> Option<f64> {
        let empty = self
            .figures
            .iter()
            .find(|figures| figures.contestant.name == EMPTY)?;
        figures.ratio_to(empty)
    }

    /// How far the figures can be trusted: what else ran on the core that was measured.
    fn quiet(&self) -> String {
        let percent = 100.0 * self.share_waited;
        let judged = if self.share_waited > BUSY {
            ": the machine was busy, and even ratios are rough"
        } else {
            ""
        };
        format!("Other programs had workerd's core for {percent:.1} % of the time{judged}.")
    }

    /// For a person at a terminal.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!(
            "{:<16} {:>8} {:>9} {:>9} {:>8}  rounds\n",
            "contestant", "CPU µs", "p50 µs", "p99 µs", "/ empty"
        );
        for figures in &self.figures {
            let rounds: Vec<_> = figures.cpu_us.iter().map(|us| format!("{us:.0}")).collect();
            // Writing to a text cannot fail.
            let _ = writeln!(
                text,
                "{:<16} {:>8} {:>9} {:>9} {:>8}  {}",
                figures.contestant.name,
                number(figures.median_cpu_us(), 1),
                number(figures.p50_us(), 0),
                number(figures.p99_us(), 0),
                number(self.ratio_to_empty(figures), 2),
                rounds.join(" "),
            );
        }
        text.push('\n');
        for bound in &self.bounds {
            let _ = writeln!(
                text,
                "{:<12} {}: {} (at most {})",
                verdict(bound),
                bound.what,
                number(bound.is, 2),
                bound.at_most
            );
        }
        let _ = writeln!(
            text,
            "\n{}; {} rounds of {} s\n{}",
            self.machine.sentence(),
            self.rounds,
            self.seconds,
            self.quiet(),
        );
        text
    }

    /// For a program.
    #[must_use]
    pub fn json(&self) -> Value {
        let contestants: Vec<_> = self
            .figures
            .iter()
            .map(|figures| {
                json!({
                    "name": figures.contestant.name,
                    "cpu_us": figures.median_cpu_us(),
                    "cpu_us_by_round": figures.cpu_us,
                    "requests_by_round": figures.loads.iter().map(|load| load.requests).collect::<Vec<_>>(),
                    "p50_us": figures.p50_us(),
                    "p99_us": figures.p99_us(),
                    "ratio_to_empty": self.ratio_to_empty(figures),
                })
            })
            .collect();
        let bounds: Vec<_> = self
            .bounds
            .iter()
            .map(|bound| json!({ "what": bound.what, "at_most": bound.at_most, "is": bound.is, "holds": bound.holds() }))
            .collect();
        json!({
            "machine": self.machine.json(),
            "share_waited": self.share_waited,
            "rounds": self.rounds,
            "seconds": self.seconds,
            "contestants": contestants,
            "bounds": bounds,
        })
    }

    /// The part of the document that the command writes.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text = format!(
            "`cargo xtask bench edge --rounds {} --seconds {} --write`, on {}. {}\n\n",
            self.rounds,
            self.seconds,
            self.machine.sentence(),
            self.quiet(),
        );
        text.push_str("| contestant | what it is | CPU µs a request | p50 µs | p99 µs | CPU ÷ empty |\n|---|---|--:|--:|--:|--:|\n");
        for figures in &self.figures {
            let _ = writeln!(
                text,
                "| `{}` | {} | {} | {} | {} | {} |",
                figures.contestant.name,
                figures.contestant.about,
                number(figures.median_cpu_us(), 1),
                number(figures.p50_us(), 0),
                number(figures.p99_us(), 0),
                number(self.ratio_to_empty(figures), 2),
            );
        }
        text.push_str("\n| must hold | at most | is | |\n|---|--:|--:|---|\n");
        for bound in &self.bounds {
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} |",
                bound.what,
                bound.at_most,
                number(bound.is, 2),
                verdict(bound)
            );
        }
        text
    }
}

pub(crate) fn verdict(bound: &Bound) -> &'static str {
    match bound.holds() {
        Some(true) => "met",
        Some(false) => "NOT MET",
        None => "not measured",
    }
}

pub(crate) fn number(number: Option<f64>, digits: usize) -> String {
    number.map_or_else(|| "–".to_owned(), |number| format!("{number:.digits$}"))
}
