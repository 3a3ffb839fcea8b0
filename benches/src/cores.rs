//! Who runs where: one core for `workerd`, the others for all that drives it.

use anyhow::{Context as _, Result, bail};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The cores of this process, divided.
#[derive(Debug)]
pub struct Cores {
    measured: CpuSet,
    driving: CpuSet,
}

impl Cores {
    /// Gives the last core that this process may use to `workerd`.
    ///
    /// # Errors
    /// When there is only one.
    pub fn divide() -> Result<Self> {
        let mut driving =
            sched_getaffinity(None).context("the system does not say which cores may be used")?;
        let Some(last) = (0..CpuSet::MAX_CPU).rev().find(|core| driving.is_set(*core)) else {
            bail!("the system names no core");
        };
        driving.unset(last);
        if driving.count() == 0 {
            bail!(
                "two cores are needed, one for workerd and one for all that drives it; this process may use one"
            );
        }
        let mut measured = CpuSet::new();
        measured.set(last);
        Ok(Self { measured, driving })
    }

    /// From now on this thread, and all threads and processes that it starts, run on the cores that drive.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn drive(&self) -> Result<()> {
        sched_setaffinity(None, &self.driving)
            .context("the system does not let this process choose its cores")
    }

    /// Runs `start` such that the processes it starts run on the core that is measured.
    ///
    /// # Errors
    /// Those of `start`, or when the system refuses.
    pub fn on_measured<T>(&self, start: impl FnOnce() -> Result<T>) -> Result<T> {
        sched_setaffinity(None, &self.measured)
            .context("the system does not let this process choose its cores")?;
        let started = start();
        self.drive()?;
        started
    }
}
