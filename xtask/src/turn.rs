//! Taking turns: two stacks may be started side by side, and the wrangler of each builds too. What they build is in one
//! place, and so is what their builds say.

use std::{
    fs::{self, File, TryLockError},
    path::Path,
};

use anyhow::{Context as _, Result};

use crate::{interrupt::Interrupt, progress::Step};

/// Waits until nobody else has this turn, and has it until the answer is dropped.
///
/// # Errors
/// When the file cannot be written or locked; an interruption.
pub(crate) fn take(path: &Path, interrupt: &Interrupt, step: &mut Step) -> Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => {
                step.tick(|| "waiting for another build".to_owned());
                interrupt.pause()?;
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {}", path.display()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread, time::Duration};

    use super::*;
    use crate::progress::Progress;

    #[test]
    fn one_waits_until_the_other_is_done() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/turn.lock");
        let take_turn =
            |interrupt: &Interrupt| Progress::new(1).step("a turn", |step| take(&path, interrupt, step));
        let first = take_turn(&Interrupt::default()).unwrap();
        let (tell, told) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(|| {
                tell.send("asks").unwrap();
                let _second = take_turn(&Interrupt::default()).unwrap();
                tell.send("has it").unwrap();
            });
            assert_eq!(told.recv(), Ok("asks"));
            assert!(told.recv_timeout(Duration::from_millis(100)).is_err());
            drop(first);
            assert_eq!(told.recv(), Ok("has it"));
        });
    }

    #[test]
    fn an_interruption_ends_the_wait() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("turn.lock");
        let interrupt = Interrupt::default();
        let mut progress = Progress::new(2);
        let _first = progress
            .step("a turn", |step| take(&path, &interrupt, step))
            .unwrap();
        interrupt.raise();
        let error = progress
            .step("a turn", |step| take(&path, &interrupt, step))
            .unwrap_err();
        assert!(error.is::<crate::interrupt::Interrupted>());
    }
}
