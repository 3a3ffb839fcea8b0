//! One line for each step: what it does, and how long it took.

use std::{
    io::{self, IsTerminal as _, Write as _},
    time::Duration,
};

use anyhow::Result;

use crate::clock::{Readable, Stopwatch};

/// Between two signs of life of a step, where a line cannot be drawn again.
const SIGN_OF_LIFE_EVERY: Duration = Duration::from_secs(30);

/// Between two drawings of the line, where it can be.
const DRAW_EVERY: Duration = Duration::from_millis(200);

/// Numbers the steps of one command.
#[derive(Debug)]
pub struct Progress {
    total: usize,
    done: usize,
    can_redraw: bool,
    watch: Stopwatch,
}

impl Progress {
    /// For a command of `total` steps that starts now.
    #[must_use]
    pub fn new(total: usize) -> Self {
        Self {
            total,
            done: 0,
            can_redraw: io::stdout().is_terminal(),
            watch: Stopwatch::start(),
        }
    }

    /// Time since the command started.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.watch.elapsed()
    }

    /// Does `work` and prints its line: `[3/8] Building the Worker … 41.2 s`.
    ///
    /// # Errors
    /// Those of `work`.
    pub fn step<T>(&mut self, title: &str, work: impl FnOnce(&mut Step) -> Result<T>) -> Result<T> {
        self.done += 1;
        let mut step = Step {
            line: format!("[{}/{}] {title}", self.done, self.total),
            remark: String::new(),
            can_redraw: self.can_redraw,
            watch: Stopwatch::start(),
            drawn_at: Duration::ZERO,
        };
        step.begin();
        let result = work(&mut step);
        step.end(result.is_ok());
        result
    }
}

/// A step that is under way.
#[derive(Debug)]
pub struct Step {
    line: String,
    remark: String,
    can_redraw: bool,
    watch: Stopwatch,
    /// On this step's watch.
    drawn_at: Duration,
}

impl Step {
    /// Says why this step takes long, before it does.
    pub fn explain(&mut self, why: &str) {
        self.line = format!("{} ({why})", self.line);
        if self.can_redraw {
            self.draw("");
        } else {
            self.print(format_args!(" ({why})"));
        }
    }

    /// Shows that the step goes on, and with what.
    pub fn tick(&mut self, doing: impl FnOnce() -> String) {
        let now = self.watch.elapsed();
        let every = if self.can_redraw {
            DRAW_EVERY
        } else {
            SIGN_OF_LIFE_EVERY
        };
        if now.saturating_sub(self.drawn_at) < every {
            return;
        }
        self.drawn_at = now;
        if self.can_redraw {
            self.draw(&doing());
        } else {
            self.print(format_args!(" … {} s", now.as_secs()));
        }
    }

    /// What there is to say when the step has ended well, for example what it found.
    pub fn remark(&mut self, text: impl Into<String>) {
        self.remark = text.into();
    }

    fn begin(&mut self) {
        if self.can_redraw {
            self.draw("");
        } else {
            self.print(format_args!("{}", self.line));
        }
    }

    fn end(&mut self, is_ok: bool) {
        let took = Readable(self.watch.elapsed());
        let start = if self.can_redraw {
            format!("\r\x1b[2K{}", self.line)
        } else {
            String::new()
        };
        let remark = match self.remark.as_str() {
            "" => String::new(),
            remark => format!(" ({remark})"),
        };
        if is_ok {
            self.print(format_args!("{start} … {took}{remark}\n"));
        } else {
            self.print(format_args!("{start} … failed after {took}\n"));
        }
    }

    /// Draws the line again, cut to a width that does not wrap on common terminals.
    fn draw(&self, doing: &str) {
        const WIDTH: usize = 78;
        let seconds = self.watch.elapsed().as_secs();
        let line: String = format!("{} … {seconds} s  {doing}", self.line)
            .chars()
            .take(WIDTH)
            .collect();
        self.print(format_args!("\r\x1b[2K{line}"));
    }

    fn print(&self, text: std::fmt::Arguments<'_>) {
        let mut out = io::stdout().lock();
        // Nobody is left to tell when standard output is closed; the work goes on.
        let _ = out.write_fmt(text);
        let _ = out.flush();
    }
}
