//! The memory of processes, from /proc.

use std::fs;

/// Which processes are watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    ControlPlane,
    Worker,
}

impl Kind {
    pub(super) const ALL: [Self; 2] = [Self::ControlPlane, Self::Worker];

    /// The name of its program.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::ControlPlane => "keyward",
            Self::Worker => "workerd",
        }
    }
}

/// How it went.
#[derive(Debug)]
pub(super) struct Course {
    watched: Vec<(Kind, u32)>,
    /// Of each kind: the part of the time that was over, and the megabytes of all its processes.
    samples: Vec<(Kind, f64, f64)>,
}

/// Before and after, in megabytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Growth {
    pub(super) before: f64,
    pub(super) after: f64,
}

impl Growth {
    pub(super) fn percent(self) -> f64 {
        (self.after / self.before - 1.0) * 100.0
    }
}

impl Course {
    /// Of the processes below these.
    pub(super) fn of(roots: &[u32]) -> Self {
        let watched = below(roots).into_iter().filter_map(|id| {
            let name = fs::read_to_string(format!("/proc/{id}/comm")).ok()?;
            let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name.trim())?;
            Some((kind, id))
        });
        Self {
            watched: watched.collect(),
            samples: Vec::new(),
        }
    }

    /// Takes a sample after this part of the time.
    pub(super) fn look(&mut self, part: f64) {
        for kind in Kind::ALL {
            let of_kind = self.watched.iter().filter(|(watched, _)| *watched == kind);
            let megabytes: f64 = of_kind.filter_map(|(_, id)| resident_megabytes(*id)).sum();
            if megabytes > 0.0 {
                self.samples.push((kind, part, megabytes));
            }
        }
    }

    /// The middle of what it was in the fifth after the warm-up, and in the last fifth.
    pub(super) fn growth(&self, kind: Kind, warm_up: f64) -> Option<Growth> {
        let median = |from: f64, to: f64| {
            let of_kind = self.samples.iter().filter(|(of, ..)| *of == kind);
            let within = of_kind.filter(|(_, part, _)| (from..to).contains(part));
            let mut found: Vec<f64> = within.map(|(.., megabytes)| *megabytes).collect();
            found.sort_by(f64::total_cmp);
            found.get(found.len() / 2).copied()
        };
        Some(Growth {
            before: median(warm_up, warm_up + 0.2)?,
            after: median(0.8, 1.1)?,
        })
    }
}

/// These processes and all that they started.
fn below(roots: &[u32]) -> Vec<u32> {
    let mut found = roots.to_vec();
    let mut next = 0;
    while let Some(id) = found.get(next) {
        let tasks = fs::read_dir(format!("/proc/{id}/task"))
            .into_iter()
            .flatten()
            .flatten();
        let children: Vec<u32> = tasks
            .filter_map(|task| fs::read_to_string(task.path().join("children")).ok())
            .flat_map(|text| {
                text.split_whitespace()
                    .filter_map(|id| id.parse().ok())
                    .collect::<Vec<_>>()
            })
            .collect();
        found.extend(children);
        next += 1;
    }
    found
}

fn resident_megabytes(id: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: f64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kilobytes / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_told_from_noise() {
        let samples = |megabytes: fn(f64) -> f64| Course {
            watched: Vec::new(),
            samples: (0..100)
                .map(|step| f64::from(step) / 100.0)
                .map(|part| (Kind::Worker, part, megabytes(part)))
                .collect(),
        };
        let growth = |course: &Course| course.growth(Kind::Worker, 0.4).unwrap().percent();
        assert!(growth(&samples(|part| if part < 0.3 { 50.0 } else { 100.0 })).abs() < 0.1);
        assert!(growth(&samples(|part| 100.0 + 40.0 * part)) > 10.0);
        assert!(samples(|_| 1.0).growth(Kind::ControlPlane, 0.4).is_none());
    }
}
