//! The facts about a machine without which its timings mean nothing. No names: a table is for everybody to read.

use std::{fs, path::Path};

use serde_json::{Value, json};
use xtask::{setup, workspace::Workspace};

use crate::wrk;

/// Cores, processor and kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hardware {
    cores: usize,
    processor: String,
    kernel: String,
}

impl Hardware {
    /// Asks the system.
    #[must_use]
    pub fn read() -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self {
            cores: cpuinfo
                .lines()
                .filter(|line| line.starts_with("processor"))
                .count(),
            processor: processor(&cpuinfo).unwrap_or_else(unknown),
            // The release alone: what builders add to it may name a host.
            kernel: kernel
                .split(['-', '\n'])
                .next()
                .map_or_else(unknown, |release| format!("Linux {release}")),
        }
    }

    /// A part of a sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        format!("{} cores, {}, {}", self.cores, self.processor, self.kernel)
    }
}

fn unknown() -> String {
    "unknown".to_owned()
}

/// What the edge is measured on: hardware, and the programs that matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    hardware: Hardware,
    workerd: String,
    wrk: String,
}

impl Machine {
    /// Asks the system.
    #[must_use]
    pub fn read(workspace: &Workspace, workerd: &Path) -> Self {
        let mut version = workspace.command(&workerd.to_string_lossy());
        Self {
            hardware: Hardware::read(),
            workerd: setup::first_line(version.arg("--version")).unwrap_or_else(unknown),
            wrk: wrk::version(workspace).unwrap_or_else(unknown),
        }
    }

    /// One sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        format!("{}, {}, wrk {}", self.hardware.sentence(), self.workerd, self.wrk)
    }

    /// The same as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({
            "cores": self.hardware.cores,
            "processor": self.hardware.processor,
            "kernel": self.hardware.kernel,
            "workerd": self.workerd,
            "wrk": self.wrk,
        })
    }
}

fn processor(cpuinfo: &str) -> Option<String> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_read() {
        assert_eq!(
            processor("processor\t: 0\nmodel name\t: AMD EPYC\nflags: fpu"),
            Some("AMD EPYC".to_owned())
        );
        assert_eq!(processor(""), None);
    }
}
