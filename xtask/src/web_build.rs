//! The build of the web page, which `keyward` carries inside it. Nothing is done when nothing has changed.

use std::{
    fs,
    hash::{DefaultHasher, Hasher as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use crate::{
    process::{Launcher, Output},
    progress::Step,
    turn,
    workspace::Workspace,
};

/// Where the page's source is.
const SOURCE: &str = "control-plane/web";

/// What the built page depends on: files, and folders with all that is in them.
const INPUTS: [&str; 7] = [
    "control-plane/openapi.json",
    "control-plane/web/index.html",
    "control-plane/web/package.json",
    "control-plane/web/public",
    "control-plane/web/src",
    "control-plane/web/vite.config.mjs",
    "package-lock.json",
];

/// Builds the page into `control-plane/web/dist`, before the program is compiled that takes it in.
///
/// # Errors
/// What the bundler says; an interruption.
pub fn build(workspace: &Workspace, launcher: &Launcher, step: &mut Step) -> Result<()> {
    let _turn = turn::take(&workspace.scratch().join("web.lock"), launcher.interrupt(), step)?;
    let stamp = workspace.scratch().join("web.stamp");
    let wanted = fingerprint(workspace.root())?;
    let dist = workspace.path(SOURCE).join("dist");
    let is_there = fs::exists(dist.join("index.html"))?;
    if is_there && fs::read_to_string(&stamp).is_ok_and(|built| built == wanted) {
        step.remark("already there");
        return Ok(());
    }
    let mut vite = workspace.command("vite");
    vite.current_dir(workspace.path(SOURCE))
        .args(["build", "--logLevel", "warn"]);
    let log = workspace.scratch().join("build-web.log");
    launcher.run_in_step(vite, Output::Log(&log), step, "`vite build`")?;
    fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))?;
    step.remark("control-plane/web/dist");
    Ok(())
}

/// A text that is another one when any input is.
fn fingerprint(root: &Path) -> Result<String> {
    let mut files = Vec::new();
    for input in INPUTS {
        find(&root.join(input), &mut files)?;
    }
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        let content = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let name = file.strip_prefix(root).unwrap_or(&file).to_string_lossy();
        for part in [name.as_bytes(), &content] {
            hasher.write_usize(part.len());
            hasher.write(part);
        }
    }
    Ok(format!("{:016x}", hasher.finish()))
}

fn find(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if path.is_dir() {
        let entries = fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
        for entry in entries {
            find(&entry?.path(), files)?;
        }
    } else if !is_generated(path) {
        files.push(path.to_owned());
    }
    Ok(())
}

/// The types of the API, which are made for the check of types and leave no trace in the page.
fn is_generated(path: &Path) -> bool {
    path.ends_with("api/schema.d.ts")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_follows_names_and_contents_and_no_generated_file() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let write = |name: &str, text: &str| {
            let path = root.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        for input in INPUTS {
            let is_folder = ["public", "src"].iter().any(|folder| input.ends_with(folder));
            write(
                &if is_folder {
                    format!("{input}/file")
                } else {
                    input.to_owned()
                },
                "",
            );
        }
        let mut seen = vec![fingerprint(root).unwrap()];
        write("control-plane/web/src/api/schema.d.ts", "generated");
        assert_eq!(fingerprint(root).unwrap(), seen[0]);

        write("control-plane/web/src/pages/one.tsx", "1");
        seen.push(fingerprint(root).unwrap());
        write("control-plane/web/src/pages/one.tsx", "2");
        seen.push(fingerprint(root).unwrap());
        fs::rename(
            root.join("control-plane/web/src/pages/one.tsx"),
            root.join("control-plane/web/src/pages/two.tsx"),
        )
        .unwrap();
        seen.push(fingerprint(root).unwrap());
        let distinct: std::collections::HashSet<_> = seen.iter().collect();
        assert_eq!(distinct.len(), seen.len());
    }
}
