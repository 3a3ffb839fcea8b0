//! What the system says of processes. Linux only: it is read from /proc.

use std::{collections::HashSet, fs, path::Path};

/// Whether there is anything to read.
pub(crate) const IS_KNOWN: bool = cfg!(target_os = "linux");

/// A process, which its number alone does not name: numbers come again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Process {
    pub(crate) id: u32,
    /// When it started, in ticks since the system did.
    started: u64,
    /// The name of its program, cut to 15 characters.
    pub(crate) name: String,
}

/// A process and all that it started, directly or not.
pub(crate) fn tree(root: u32) -> HashSet<Process> {
    let all = all();
    let mut tree: HashSet<_> = all
        .iter()
        .filter(|(process, _)| process.id == root)
        .map(|(p, _)| p.clone())
        .collect();
    loop {
        let parents: HashSet<_> = tree.iter().map(|process| process.id).collect();
        let children = all
            .iter()
            .filter(|(_, parent)| parents.contains(parent))
            .map(|(process, _)| process.clone());
        let before = tree.len();
        tree.extend(children);
        if tree.len() == before {
            return tree;
        }
    }
}

/// Those of these processes that still run.
pub(crate) fn still_running(processes: &HashSet<Process>) -> Vec<Process> {
    all()
        .into_iter()
        .map(|(process, _)| process)
        .filter(|process| processes.contains(process))
        .collect()
}

/// The processes that have this text among their arguments or variables.
pub(crate) fn that_mention(text: &str) -> Vec<Process> {
    let mentions = |process: &Process| {
        ["cmdline", "environ"].iter().any(|file| {
            let bytes = fs::read(format!("/proc/{}/{file}", process.id)).unwrap_or_default();
            bytes.windows(text.len()).any(|window| window == text.as_bytes())
        })
    };
    all()
        .into_iter()
        .map(|(process, _)| process)
        .filter(mentions)
        .collect()
}

/// The memory that a process holds, in bytes.
pub(crate) fn resident_bytes(id: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kilobytes.unwrap_or_default() * 1024
}

/// Every process with the number of its parent.
fn all() -> Vec<(Process, u32)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| read(&entry.path())).collect()
}

fn read(folder: &Path) -> Option<(Process, u32)> {
    let id = folder.file_name()?.to_str()?.parse().ok()?;
    let stat = fs::read_to_string(folder.join("stat")).ok()?;
    // The name stands in brackets and may hold anything, brackets too.
    let (start, end) = (stat.find('(')?, stat.rfind(')')?);
    let name = stat.get(start + 1..end)?.to_owned();
    let fields: Vec<&str> = stat.get(end + 2..)?.split(' ').collect();
    let is_zombie = fields.first() == Some(&"Z");
    let parent = fields.get(1)?.parse().ok()?;
    let started = fields.get(19)?.parse().ok()?;
    (!is_zombie).then_some((Process { id, started, name }, parent))
}
