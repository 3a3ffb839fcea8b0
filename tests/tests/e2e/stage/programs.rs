//! The programs under test, built in the same way as `cargo xtask dev` builds them.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use serde_json::Value;
use xtask::{cargo_build, stack::Programs, workspace::Workspace};

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The cargo that runs these tests, told nothing of this package.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    quiet(&mut command);
    command
}

/// Takes out of a command's environment what is meant for others: variables of a stack of the person's own shell, and what
/// cargo tells a test about its package.
pub(crate) fn quiet(command: &mut Command) {
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let is_foreign = ["KEYWARD_", "CARGO_PKG_", "CARGO_MANIFEST_"]
            .iter()
            .any(|start| text.starts_with(start));
        if is_foreign || ["LD_LIBRARY_PATH", "API_KEY"].contains(&text.as_ref()) {
            command.env_remove(&name);
        }
    }
}

/// `keyward` and `sample-origin`, built once.
pub(crate) fn built() -> &'static Programs {
    static PROGRAMS: OnceLock<Programs> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let workspace = Workspace::find().unwrap();
        let mut command = cargo_build::programs(&workspace, &["keyward", "sample-origin"]);
        quiet(&mut command);
        command
            .arg("--message-format=json-render-diagnostics")
            .stderr(Stdio::inherit());
        let output = command.output().unwrap();
        assert!(output.status.success(), "the programs under test cannot be built");
        let messages = String::from_utf8_lossy(&output.stdout).into_owned();
        Programs {
            control_plane: executable(&messages, "keyward"),
            origin: executable(&messages, "sample-origin"),
        }
    })
}

fn executable(messages: &str, target: &str) -> PathBuf {
    let mut files = messages.lines().filter_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        let is_it = message["target"]["name"] == target;
        message["executable"]
            .as_str()
            .filter(|_| is_it)
            .map(PathBuf::from)
    });
    files
        .next_back()
        .unwrap_or_else(|| panic!("cargo built no `{target}`"))
}
