//! `cargo xtask` as a person uses it: what it writes, what it refuses, and the story that it tells.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    process::{Command, Output},
};

use xtask::ports::free_port;

use crate::{
    clock::Stopwatch,
    stage::{programs, run_folder, shared},
};

cases![
    the_demo_tells_the_whole_story,
    dev_env_says_where_the_stack_answers,
    a_port_in_use_is_one_clear_sentence,
    two_stacks_in_one_folder_are_refused,
    what_is_deployed_is_built_without_the_means_of_tests,
];

/// `cargo xtask dev` on ports that nobody uses.
fn xtask_dev() -> Command {
    let mut command = programs::cargo();
    command.args(["xtask", "dev"]);
    for name in ["KEYWARD_PORT", "KEYWARD_EDGE_PORT", "KEYWARD_ORIGIN_PORT"] {
        command.env(name, free_port().unwrap().to_string());
    }
    command
}

/// The one sentence by which a command refuses.
#[track_caller]
fn refusal(output: &Output) -> String {
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let sentence = said
        .trim()
        .strip_prefix("error: ")
        .unwrap_or_else(|| panic!("{said}"));
    assert!(!sentence.contains('\n'), "{said}");
    sentence.to_owned()
}

fn the_demo_tells_the_whole_story() {
    let output = programs::cargo().args(["xtask", "demo"]).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}\n{complained}");
    // Step by step, each with the time that it took.
    for step in [
        "Creating a key",
        "The edge admits it",
        "Deactivating it",
        "Rotating it",
        "Revoking it",
    ] {
        let line = told
            .lines()
            .find(|line| line.contains(step))
            .unwrap_or_else(|| panic!("no `{step}` in {told}"));
        assert!(line.starts_with('[') && line.contains(" s"), "{line}");
    }
}

fn dev_env_says_where_the_stack_answers() {
    let stack = shared();
    let dev_env = stack.state().join("dev.env");
    let text = fs::read_to_string(&dev_env).unwrap();
    let names: Vec<_> = text
        .lines()
        .map(|line| line.split_once('=').expect("NAME=value").0)
        .collect();
    for name in [
        "KEYWARD_URL",
        "KEYWARD_EDGE_URL",
        "KEYWARD_ORIGIN_URL",
        "KEYWARD_ADMIN_TOKEN",
        "KEYWARD_JWT_SECRET",
        "KEYWARD_JWT_ISSUER",
        "KEYWARD_JWT_AUDIENCE",
        "KEYWARD_LEGACY_API_KEY",
    ] {
        assert_eq!(
            names.iter().filter(|known| **known == name).count(),
            1,
            "{names:?}"
        );
    }
    assert_eq!(
        fs::metadata(&dev_env).unwrap().permissions().mode() & 0o777,
        0o600,
        "it holds the admin token"
    );
}

fn a_port_in_use_is_one_clear_sentence() {
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for (name, role) in [
        ("KEYWARD_PORT", "the control plane"),
        ("KEYWARD_EDGE_PORT", "the Worker"),
        ("KEYWARD_ORIGIN_PORT", "the sample origin"),
    ] {
        let mut command = xtask_dev();
        command
            .env("KEYWARD_DEV_DIR", run_folder::new_folder("port"))
            .env(name, &port);
        let watch = Stopwatch::start();
        let sentence = refusal(&command.output().unwrap());
        assert!(
            [port.as_str(), name, role]
                .iter()
                .all(|part| sentence.contains(part)),
            "{sentence}"
        );
        assert!(
            watch.elapsed().as_secs() < 20,
            "before anything is built, not after {:?}",
            watch.elapsed()
        );
    }
}

fn two_stacks_in_one_folder_are_refused() {
    let stack = shared();
    let mut command = xtask_dev();
    command.env("KEYWARD_DEV_DIR", stack.state());
    let sentence = refusal(&command.output().unwrap());
    assert!(
        sentence.contains("another stack") && sentence.contains("KEYWARD_DEV_DIR"),
        "{sentence}"
    );
    // The first one does not notice, and is still found.
    assert!(stack.state().join("dev.env").exists());
    stack.admin.get("/healthz").expect(200);
}

/// The Worker that can be made to panic, built as the one to deploy is.
fn what_is_deployed_is_built_without_the_means_of_tests() {
    let mut command = programs::cargo();
    command.args([
        "build",
        "--package",
        "keyward-edge",
        "--lib",
        "--features",
        "planted-panic",
    ]);
    command.args(["--profile", "worker", "--target", "wasm32-unknown-unknown"]);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{said}");
    let sentence = said.lines().find(|line| line.starts_with("error:"));
    assert!(
        sentence.is_some_and(|line| line.contains("`planted-panic`") && line.contains("for tests")),
        "{said}"
    );
}
