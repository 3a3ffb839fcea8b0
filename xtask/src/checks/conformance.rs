//! `docs/conformance.md` names tests; each of them is there.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, bail, ensure};

const DOCUMENT: &str = "docs/conformance.md";
/// Below these, files of tests are named without their folders.
const FOLDERS: [&str; 3] = [
    "tests/tests/e2e/cases",
    "control-plane/tests/http",
    "control-plane/tests/process",
];

/// Checks the document of the repository at `root`, and returns how many tests it names.
///
/// # Errors
/// Each test that is not there, and each statement without one.
pub(super) fn check(root: &Path) -> Result<usize> {
    let text = fs::read_to_string(root.join(DOCUMENT)).with_context(|| format!("cannot read {DOCUMENT}"))?;
    let mut faults = Vec::new();
    let mut count = 0;
    for row in text.lines().filter(|line| is_statement(line)) {
        let named: Vec<_> = tests_of(row).collect();
        if named.is_empty() && !row.contains("**not shown**") {
            faults.push(format!("no test: {row}"));
        }
        for (file, test) in named {
            count += 1;
            if !exists(root, file, test) {
                faults.push(format!("{file}::{test} does not exist"));
            }
        }
    }
    ensure!(count > 0, "{DOCUMENT} names no test");
    if !faults.is_empty() {
        bail!("{DOCUMENT}:\n{}", faults.join("\n"));
    }
    Ok(count)
}

/// A row of a table, but for the heads.
fn is_statement(line: &str) -> bool {
    line.starts_with("| ") && !line.starts_with("| statement") && !line.starts_with("|--")
}

/// What stands as `` `file::test` ``.
fn tests_of(row: &str) -> impl Iterator<Item = (&str, &str)> {
    let quoted = row.split('`').skip(1).step_by(2);
    quoted.filter_map(|quoted| {
        quoted
            .split_once(".rs::")
            .map(|(_, test)| (&quoted[..quoted.len() - test.len() - 2], test))
    })
}

fn exists(root: &Path, file: &str, test: &str) -> bool {
    let defined = [format!("fn {test}("), format!("fn {test}<")];
    let here = std::iter::once(root.join(file));
    let below = FOLDERS.iter().map(|folder| root.join(folder).join(file));
    here.chain(below)
        .filter_map(|path| fs::read_to_string(path).ok())
        .any(|text| defined.iter().any(|defined| text.contains(defined)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_test_that_is_named_exists() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        assert!(check(root).unwrap() > 60);
    }

    #[test]
    fn what_is_not_there_is_found() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("docs")).unwrap();
        fs::write(root.path().join("a.rs"), "fn one() {}").unwrap();
        fs::write(
            root.path().join(DOCUMENT),
            "| statement | shown by |\n|---|---|\n| a | `a.rs::one` |\n| b | `a.rs::two` |\n| c | nothing |\n| d | **not shown** |\n",
        )
        .unwrap();
        let error = check(root.path()).unwrap_err().to_string();
        assert!(
            error.contains("a.rs::two does not exist") && error.contains("no test: | c |"),
            "{error}"
        );
        assert!(
            !error.contains("a.rs::one") && !error.contains("| d |"),
            "{error}"
        );
    }
}
