//! The two Workers of a lab: the one that is deployed, and the same with routes of the tests' own and a path that panics.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use xtask::{
    interrupt::Interrupt,
    process::{Launcher, Output},
    progress::{Progress, Step},
    worker_build::{self, Recipe},
    workspace::Workspace,
};

use super::config::Worker;
use crate::stage::run_folder;

/// What is different in the Worker that the tests take apart.
const UNDER_TEST_RECIPE: Recipe<'static> = Recipe {
    profile: "worker-under-test",
    features: &["planted-panic"],
    routes: Some("tests/worker/routes.toml"),
};

/// The name of the module, as the script imports it.
pub(super) const MODULE: &str = "index_bg.wasm";

/// A Worker as plain `workerd` takes it: a script, and beside it the module that it imports.
#[derive(Debug)]
pub(super) struct Bundle {
    script: PathBuf,
    module: PathBuf,
}

impl Bundle {
    /// Copies it to a new folder.
    pub(super) fn put(&self, folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        fs::copy(&self.script, folder.join("worker.js")).unwrap();
        fs::copy(&self.module, folder.join(MODULE)).unwrap();
    }
}

/// One of the Workers. The first that asks for it builds and bundles it, which is quick when nothing has changed.
pub(super) fn bundle(worker: Worker) -> &'static Bundle {
    static DEPLOYED: OnceLock<Bundle> = OnceLock::new();
    static UNDER_TEST: OnceLock<Bundle> = OnceLock::new();
    let workspace = Workspace::find().unwrap();
    match worker {
        Worker::Deployed => DEPLOYED.get_or_init(|| {
            let out = workspace.worker_build();
            make("Worker as deployed", &Recipe::DEPLOYED, &out)
        }),
        Worker::UnderTest => UNDER_TEST.get_or_init(|| {
            let out = workspace.scratch().join("worker-under-test");
            make("Worker under test", &UNDER_TEST_RECIPE, &out)
        }),
    }
}

fn make(title: &str, recipe: &Recipe<'_>, out: &Path) -> Bundle {
    let workspace = Workspace::find().unwrap();
    let launcher = Launcher::new(Interrupt::default());
    let folder = run_folder::new_folder(recipe.profile);
    let built = Progress::new(1).step(title, |step| {
        worker_build::build(&workspace, &launcher, recipe, out, step)?;
        bundled(&workspace, &launcher, out, &folder, step)
    });
    built.unwrap_or_else(|error| panic!("{error:#}"))
}

/// Makes one script of the entry and the glue in `build`.
fn bundled(
    workspace: &Workspace,
    launcher: &Launcher,
    build: &Path,
    folder: &Path,
    step: &mut Step,
) -> anyhow::Result<Bundle> {
    // The entry imports `../build`, so it gets a copy beside the build that is meant.
    let entry = folder.join("entry");
    copy(&workspace.path("edge/entry"), &entry);
    copy(build, &folder.join("build"));
    let script = folder.join("worker.js");
    let mut esbuild: Command = workspace.command("esbuild");
    esbuild.arg(entry.join("index.ts"));
    esbuild.args([
        "--bundle",
        "--format=esm",
        "--target=es2024",
        "--log-level=warning",
    ]);
    esbuild.args(["--external:cloudflare:*", "--external:*.wasm"]);
    esbuild.arg(format!("--outfile={}", script.display()));
    launcher.run_in_step(
        esbuild,
        Output::Log(&folder.join("esbuild.log")),
        step,
        "bundling a Worker",
    )?;
    Ok(Bundle {
        script,
        module: folder.join("build").join(MODULE),
    })
}

/// Copies a folder.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(from, to).unwrap();
        }
    }
}

/// Where npm put the runtime.
pub(super) fn workerd() -> PathBuf {
    let mut node = Workspace::find().unwrap().command("node");
    let output = node
        .args(["--print", "require('workerd').default"])
        .output()
        .unwrap();
    let path = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "npm has not installed `workerd`");
    PathBuf::from(path.trim())
}
