//! What was found, for a person and for a document.

use std::{fmt::Write as _, time::Duration};

use super::{calls::Timed, kv::Publish};
use crate::{
    bounds::Bound,
    machine::Hardware,
    report::{number, verdict},
};

/// The most that a page or a key may take, in milliseconds.
const MAX_READ_MS: f64 = 5.0;
/// The most that a change may take beyond what the disk takes to sync, in milliseconds.
const MAX_WRITE_MS: f64 = 8.0;
/// The most memory, in millions of bytes.
const MAX_MEMORY_MB: f64 = 300.0;
/// Pairs of one full call to KV.
const FULL_CALL: f64 = 10_000.0;

/// What a run found.
pub(super) struct Figures {
    pub(super) keys: u32,
    pub(super) kv_call: Duration,
    /// What the KV endpoint takes for a full call that is ready to be sent.
    pub(super) alone: Duration,
    pub(super) publish: Publish,
    pub(super) reads: Vec<Timed>,
    /// The last of them is the disk alone.
    pub(super) writes: Vec<Timed>,
    pub(super) peak_memory_bytes: u64,
    pub(super) hardware: Hardware,
}

impl Figures {
    fn bounds(&self) -> Vec<Bound> {
        let disk = self.writes.last().map_or(0.0, |disk| ms(disk.percentile(99)));
        let reads = self.reads.iter().map(|timed| Bound {
            what: format!("{}, p99 in ms", timed.what),
            at_most: MAX_READ_MS,
            is: Some(ms(timed.percentile(99))),
        });
        let writes = self.writes.iter().rev().skip(1).rev().map(|timed| Bound {
            what: format!("{}, p99 in ms, that of the disk taken off", timed.what),
            at_most: MAX_WRITE_MS,
            is: Some((ms(timed.percentile(99)) - disk).max(0.0)),
        });
        let calls_alone = self.alone.as_secs_f64() * f64::from(self.keys) / FULL_CALL;
        let rest = [
            Bound {
                what: "full publish ÷ the KV endpoint alone".to_owned(),
                at_most: 1.0,
                is: Some(self.publish.took.as_secs_f64() / calls_alone),
            },
            Bound {
                what: "most memory of the service, in MB".to_owned(),
                at_most: MAX_MEMORY_MB,
                is: Some(megabytes(self.peak_memory_bytes)),
            },
        ];
        reads.chain(writes).chain(rest).collect()
    }

    /// Whether every bound does.
    pub(super) fn hold(&self) -> bool {
        self.bounds().iter().all(|bound| bound.holds() == Some(true))
    }

    fn sentence(&self) -> String {
        format!(
            "{} keys in SQLite, on {}. The KV endpoint takes {:.2} s for a call and took {:.2} s for one of 10,000 pairs; the full \
             publish took {:.1} s and {} calls.",
            self.keys,
            self.hardware.sentence(),
            self.kv_call.as_secs_f64(),
            self.alone.as_secs_f64(),
            self.publish.took.as_secs_f64(),
            self.publish.calls,
        )
    }

    /// For a person at a terminal.
    pub(super) fn text(&self) -> String {
        let mut text = format!("{:<12} {:>8} {:>8}\n", "call", "p50 ms", "p99 ms");
        for timed in self.reads.iter().chain(&self.writes) {
            // Writing to a text cannot fail.
            let _ = writeln!(
                text,
                "{:<12} {:>8.2} {:>8.2}",
                timed.what,
                ms(timed.percentile(50)),
                ms(timed.percentile(99))
            );
        }
        text.push('\n');
        for bound in self.bounds() {
            let _ = writeln!(
                text,
                "{:<12} {}: {} (at most {})",
                verdict(&bound),
                bound.what,
                number(bound.is, 2),
                bound.at_most
            );
        }
        let _ = writeln!(text, "\n{}", self.sentence());
        text
    }

    /// For the document.
    pub(super) fn markdown(&self) -> String {
        let mut text = format!(
            "`cargo xtask bench control-plane --write`: {}\n\n",
            self.sentence()
        );
        text.push_str("| call | p50 ms | p99 ms |\n|---|--:|--:|\n");
        for timed in self.reads.iter().chain(&self.writes) {
            let (p50, p99) = (ms(timed.percentile(50)), ms(timed.percentile(99)));
            let _ = writeln!(text, "| {} | {p50:.2} | {p99:.2} |", timed.what);
        }
        text.push_str("\n| must hold | at most | is | |\n|---|--:|--:|---|\n");
        for bound in self.bounds() {
            let is = number(bound.is, 2);
            let _ = writeln!(
                text,
                "| {} | {} | {is} | {} |",
                bound.what,
                bound.at_most,
                verdict(&bound)
            );
        }
        text
    }
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn megabytes(bytes: u64) -> f64 {
    // Thousands of bytes fit, up to 4 TB.
    f64::from(u32::try_from(bytes / 1000).unwrap_or(u32::MAX)) / 1000.0
}
