//! SIGINT, SIGTERM and SIGHUP, turned into a flag that every wait of these commands looks at.

use std::{
    fmt, io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

/// How often a wait looks at what it waits for.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(25);

/// Whether the person (or the machine) asked us to end.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// From now on the three signals set the flag, and no longer end the process.
    ///
    /// # Errors
    /// When the system refuses a handler.
    pub fn on_signals() -> io::Result<Self> {
        let flag = Arc::new(AtomicBool::new(false));
        for signal in [
            signal_hook::consts::SIGINT,
            signal_hook::consts::SIGTERM,
            signal_hook::consts::SIGHUP,
        ] {
            signal_hook::flag::register(signal, Arc::clone(&flag))?;
        }
        Ok(Self(flag))
    }

    /// Whether a signal has come.
    #[must_use]
    pub fn has_come(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Asks all who hold this flag to end, as a signal would.
    pub fn raise(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// # Errors
    /// [`Interrupted`] when a signal has come.
    pub fn check(&self) -> Result<(), Interrupted> {
        if self.has_come() { Err(Interrupted) } else { Ok(()) }
    }

    /// One short sleep between two looks.
    ///
    /// # Errors
    /// [`Interrupted`] when a signal has come.
    pub fn pause(&self) -> Result<(), Interrupted> {
        thread::sleep(LOOK_EVERY);
        self.check()
    }
}

/// The command was asked to end before it was done.
#[derive(Clone, Copy, Debug)]
pub struct Interrupted;

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("interrupted")
    }
}

impl std::error::Error for Interrupted {}
