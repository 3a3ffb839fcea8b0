//! The tests, by what they are about.

use libtest_mimic::Trial;

/// Makes `all()`, the tests of a module, from the names of its functions.
macro_rules! cases {
    ($($name:ident),+ $(,)?) => {
        /// The tests of this module.
        pub(crate) fn all() -> Vec<libtest_mimic::Trial> {
            vec![$($crate::cases::case(concat!(module_path!(), "::", stringify!($name)), $name)),+]
        }
    };
}

mod api;
mod assertions;
mod browsers;
mod canaries;
mod command_line;
mod commands;
mod crashes;
mod credentials;
mod doctor;
mod ending;
mod forwarding;
mod grace;
mod identity;
mod imported;
mod isolates;
mod lab;
mod life;
mod limits;
mod many;
mod networks;
mod outages;
mod paths;
mod people;
mod reconcile;
mod records;
mod refusals;
mod restoring;
mod revocation;
mod rotation;
mod service;
mod several;
mod streams;
mod sync;
mod taking;
mod usage;
mod verify;

/// Those that do not disturb each other. What takes longest starts first.
pub(crate) fn side_by_side() -> Vec<Trial> {
    let parts = [
        crashes::all(),
        canaries::all(),
        forwarding::all(),
        lab::side_by_side(),
        commands::all(),
        rotation::all(),
        assertions::all(),
        usage::all(),
        several::all(),
        outages::all(),
        reconcile::all(),
        doctor::all(),
        command_line::all(),
        restoring::all(),
        isolates::all(),
        verify::all(),
        imported::all(),
        limits::all(),
        records::all(),
        life::all(),
        grace::all(),
        people::all(),
        many::all(),
        refusals::all(),
        credentials::all(),
        identity::all(),
        networks::all(),
        paths::all(),
        browsers::all(),
        service::all(),
        sync::all(),
        api::all(),
    ];
    parts.into_iter().flatten().collect()
}

/// Those that measure, and those that end the stack and look at what is left. In this order.
pub(crate) fn one_by_one() -> Vec<Trial> {
    [
        revocation::all(),
        lab::one_by_one(),
        streams::all(),
        ending::all(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A test that passes unless it panics.
fn case(path: &str, test: fn()) -> Trial {
    let name = path.trim_start_matches("e2e::cases::");
    Trial::test(name, move || {
        test();
        Ok(())
    })
}
