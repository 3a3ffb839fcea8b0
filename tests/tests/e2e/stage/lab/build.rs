//! The two Workers of a lab: the one that is deployed, and the same with routes of the tests' own and a path that panics.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use xtask::{
    interrupt::Interrupt,
    process::{Launcher, Output},
    progress::{Progress, Step},
    worker_build::{self, Recipe},
    workspace::Workspace,
};

/// What is different in the Worker that the tests take apart.
const UNDER_TEST: Recipe<'static> = Recipe {
    profile: "worker-under-test",
    features: &["planted-panic"],
    routes: Some("tests/worker/routes.toml"),
};

/// A Worker as plain `workerd` takes it: a script, and beside it the module that it imports.
#[derive(Debug)]
pub(super) struct Bundle {
    pub(super) script: PathBuf,
    pub(super) module: PathBuf,
}

/// The name of the module, as the script imports it.
pub(super) const MODULE: &str = "index_bg.wasm";

/// Builds both, the deployed one first, and bundles them in `folder`. Quick when nothing has changed.
pub(super) fn bundles(folder: &Path) -> (Bundle, Bundle) {
    let workspace = Workspace::find().unwrap();
    let launcher = Launcher::new(Interrupt::default());
    let under_test = workspace.scratch().join("worker-under-test");
    let mut progress = Progress::new(2);
    let mut bundle = |title: &str, recipe: &Recipe<'_>, out: &Path| {
        let built = progress.step(title, |step| {
            worker_build::build(&workspace, &launcher, recipe, out, step)?;
            bundle(&workspace, &launcher, out, &folder.join(recipe.profile), step)
        });
        built.unwrap_or_else(|error| panic!("{error:#}"))
    };
    (
        bundle("Worker as deployed", &Recipe::DEPLOYED, &workspace.worker_build()),
        bundle("Worker under test", &UNDER_TEST, &under_test),
    )
}

/// Makes one script of the entry and the glue in `build`.
fn bundle(
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
