//! `cargo xtask golden`: the files of a release, which the tests of later ones read.

use anyhow::{Result, anyhow};

use crate::{
    postgres::{Programs, Server},
    process::{Launcher, Output},
    progress::Progress,
    workspace::Workspace,
};

/// Writes the files of a release.
///
/// # Errors
/// Without PostgreSQL; when a test that writes fails; an interruption.
pub fn run(workspace: &Workspace, launcher: &Launcher, release: &str) -> Result<()> {
    let programs = Programs::find().map_err(|missing| anyhow!(missing))?;
    let server = Progress::new(1).step("A PostgreSQL server to throw away", |_| {
        Server::start(&programs, launcher, &workspace.scratch())
    })?;
    let mut shared = workspace.cargo();
    shared.args(["test", "--workspace", "--test", "formats"]);
    let mut store = workspace.cargo();
    store
        .args(["test", "--workspace", "--test", "store"])
        .args(["--", "golden::write", "--ignored"])
        .env("KEYWARD_TEST_POSTGRES", server.url("postgres"))
        .env("KEYWARD_PG_DUMP", programs.program("pg_dump"));
    for mut command in [shared, store] {
        command.env("KEYWARD_RELEASE", release);
        let status = launcher.run(command, Output::Inherit, || {})?;
        if !status.success() {
            return Err(anyhow!("what writes the files of {release} failed: {status}"));
        }
    }
    println!(
        "written; name {release} in shared/tests/formats/golden.rs and control-plane/tests/store/golden.rs"
    );
    Ok(())
}
