//! One program for all targets, so that the control plane is linked once: `KEYWARD_FUZZ_TARGET` names the one to run.

#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;

static RUN: OnceLock<fn(&[u8])> = OnceLock::new();

fuzz_target!(|data: &[u8]| {
    let run = RUN.get_or_init(|| {
        let name = std::env::var("KEYWARD_FUZZ_TARGET").unwrap_or_default();
        let target = keyward_fuzz::target(&name);
        target.unwrap_or_else(|| panic!("KEYWARD_FUZZ_TARGET={name} is no target")).run
    });
    run(data);
});
