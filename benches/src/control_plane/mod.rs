//! `cargo xtask bench control-plane`: the service with a million keys in its database.
//!
//! In reading order: `fill.rs` (the keys) → `kv.rs` (who takes the records) → `service.rs` (`keyward serve` as it is released) → `calls.rs`
//! (what is asked of it, and how long that takes) with `disk.rs` beside them → `figures.rs`.

use std::{fs, path::Path, process::ExitCode, time::Duration};

use anyhow::{Context as _, Result};
use xtask::{
    cargo_build, private_file,
    process::Launcher,
    progress::{Progress, Step},
    secrets::{Secrets, system_randomness},
    workspace::Workspace,
};

use crate::{document, machine::Hardware};
use figures::Figures;
use service::Service;

mod calls;
mod disk;
mod figures;
pub(crate) mod fill;
pub(crate) mod kv;
pub(crate) mod service;

/// What is measured, and with how much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// How many keys there are.
    pub keys: u32,
    /// How long the KV endpoint takes for a call, whatever is in it.
    pub kv_call: Duration,
    /// Write the document.
    pub write: bool,
    /// Fail when a bound does not hold.
    pub strict: bool,
}

impl Default for Order {
    fn default() -> Self {
        Self {
            keys: 1_000_000,
            kv_call: Duration::from_secs(1),
            write: false,
            strict: false,
        }
    }
}

/// Measures and prints.
///
/// # Errors
/// A build that fails, a service that does not start, or one that answers wrongly.
pub fn run(workspace: &Workspace, launcher: &Launcher, order: &Order) -> Result<ExitCode> {
    let folder = workspace.scratch().join("bench-control-plane");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    private_file::make_folder(&folder)?;
    let measured = measure(workspace, launcher, order, &folder);
    // A gigabyte that nobody looks at again; a failure to remove it is none of the benchmark.
    let _ = fs::remove_dir_all(&folder);
    let figures = measured?;
    print!("\n{}", figures.text());
    if order.write {
        document::write(workspace, "control-plane", &figures.markdown())?;
    }
    Ok(if order.strict && !figures.hold() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn measure(workspace: &Workspace, launcher: &Launcher, order: &Order, folder: &Path) -> Result<Figures> {
    let mut progress = Progress::new(6);
    let program = progress.step("Compiling the release program", |step| {
        compile(workspace, launcher, step)
    })?;
    let secrets = Secrets::load_or_make(&folder.join("secrets.env"), system_randomness)?;
    let database = folder.join("keyward.db");
    let keys = progress.step(&format!("{} keys in SQLite", order.keys), |step| {
        fill::fill(&database, &secrets, order.keys, launcher.interrupt(), step)
    })?;
    let kv = kv::Endpoint::start(order.kv_call)?;
    let alone = progress.step("The KV endpoint alone", |_| {
        kv.time_of_full_calls(launcher.interrupt())
    })?;
    let mut service = Service::start(workspace, launcher, &program, folder, &secrets, kv.address())?;
    let publish = progress.step("A full publish", |step| {
        kv.wait_for_all(order.keys, &mut service, launcher.interrupt(), step)
    })?;
    let reads = progress.step("Reading", |_| calls::read(&service, &keys))?;
    let writes = progress.step("Writing", |_| calls::write(&service, &keys, folder))?;
    Ok(Figures {
        keys: order.keys,
        kv_call: order.kv_call,
        alone,
        publish,
        reads,
        writes,
        peak_memory_bytes: service.peak_memory()?,
        hardware: Hardware::read(),
    })
}

fn compile(workspace: &Workspace, launcher: &Launcher, step: &mut Step) -> Result<std::path::PathBuf> {
    let mut cargo = cargo_build::programs(workspace, &["keyward"]);
    cargo.arg("--release");
    let log = workspace.scratch().join("build-release.log");
    Ok(cargo_build::run(launcher, cargo, &log, step)?
        .file("keyward")?
        .to_owned())
}
