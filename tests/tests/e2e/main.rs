//! End-to-end tests over the real processes: `cargo xtask dev` as a newcomer starts it, `keyward serve`, the Worker in its
//! own runtime, and an origin.
//!
//! `cargo test -p keyward-tests --test e2e [filter]`. One stack is started for all tests, by the first that needs it, and
//! always ended. Tests run side by side unless they measure; the last ones look at how the stack ends and what it left.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "every function of this program is part of a test, which fails by panicking"
)]

mod actors;
mod cases;
mod clock;
mod evidence;
mod stage;
mod stream;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Conclusion};
use stage::{dev_stack, lab, lone_edge, postgres, run_folder};

/// Most tests wait most of the time: for a change to reach the edge, or for a cache to forget.
const SIDE_BY_SIDE: usize = 8;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    if arguments.list {
        let all = cases::side_by_side().into_iter().chain(cases::one_by_one());
        return libtest_mimic::run(&arguments, all.collect()).exit_code();
    }
    arguments.test_threads.get_or_insert(SIDE_BY_SIDE);
    let first = libtest_mimic::run(&arguments, cases::side_by_side());
    arguments.test_threads = Some(1);
    let second = libtest_mimic::run(&arguments, cases::one_by_one());

    // Whatever was asked for and however it went.
    lone_edge::end();
    postgres::end();
    lab::end();
    let stack = dev_stack::shared_if_started();
    if let Some(stack) = stack {
        stack.end();
    }
    let has_failed = [&first, &second].into_iter().any(Conclusion::has_failed);
    if let Some(stack) = stack.filter(|_| has_failed) {
        eprintln!("{}", stack.log_tails());
    }
    run_folder::finish(has_failed);
    if has_failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
