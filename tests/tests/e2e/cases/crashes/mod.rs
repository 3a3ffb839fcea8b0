//! Crashes: the real processes are killed wherever it could hurt, and started again. `cargo xtask crash` tries all there is.

mod calls;
mod checks;
mod database;
mod extent;
mod points;
mod power;
mod promises;
mod script;
mod strace;
mod trail;
mod workers;
mod world;

use std::env;

use libtest_mimic::Trial;

use crate::stage::postgres;

/// Some need `strace` or PostgreSQL; under continuous integration they have to be there.
pub(crate) fn all() -> Vec<Trial> {
    let is_ci = env::var_os("CI").is_some();
    let missing = strace::missing();
    let untraced = missing.is_some_and(|missing| !is_ci || !missing.contains("apt-get"));
    let case = super::case;
    vec![
        case(
            "crashes::at_named_points_on_postgres",
            points::at_named_points_on_postgres,
        )
        .with_ignored_flag(!postgres::is_here()),
        case(
            "crashes::at_named_points_on_sqlite",
            points::at_named_points_on_sqlite,
        ),
        case(
            "crashes::at_calls_on_the_files_of_the_database",
            calls::at_calls_on_the_files_of_the_database,
        )
        .with_ignored_flag(untraced),
        case("crashes::a_worker_at_its_calls", workers::at_calls_of_a_worker).with_ignored_flag(untraced),
        case(
            "crashes::after_a_power_cut_every_answered_change_is_there",
            power::after_a_power_cut_every_answered_change_is_there,
        )
        .with_ignored_flag(untraced),
    ]
}
