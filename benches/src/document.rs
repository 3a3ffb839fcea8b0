//! docs/benchmarks.md, of which commands write parts: each between two marks of its own.

use std::fs;

use anyhow::{Context as _, Result};
use xtask::workspace::Workspace;

const PATH: &str = "docs/benchmarks.md";
const END: &str = "<!-- end -->";

fn begin(benchmark: &str) -> String {
    format!("<!-- written by `cargo xtask bench {benchmark} --write` -->")
}

/// Puts what a benchmark found into the document, in the place of what was there before.
///
/// # Errors
/// When the document cannot be read or written, or has no marks.
pub fn write(workspace: &Workspace, benchmark: &str, text: &str) -> Result<()> {
    let document = workspace.path(PATH);
    let before = fs::read_to_string(&document).with_context(|| format!("cannot read {PATH}"))?;
    let after = put_between(&before, benchmark, text)
        .with_context(|| format!("{PATH} has no `{}` with `{END}` after it", begin(benchmark)))?;
    fs::write(&document, after).with_context(|| format!("cannot write {PATH}"))
}

fn put_between(document: &str, benchmark: &str, text: &str) -> Option<String> {
    let begin = begin(benchmark);
    let (head, rest) = document.split_once(&begin)?;
    let (_, tail) = rest.split_once(END)?;
    Some(format!("{head}{begin}\n{text}{END}{tail}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_before_is_replaced_and_the_rest_stays() {
        let of = |benchmark: &str, text: &str| format!("{}\n{text}\n{END}\n", begin(benchmark));
        let document = format!(
            "# Title\n\n{}\nnotes\n{}",
            of("edge", "old"),
            of("other", "stays")
        );
        let once = put_between(&document, "edge", "new\n").unwrap();
        assert_eq!(once, document.replace("old", "new"));
        assert_eq!(put_between(&once, "edge", "new\n").unwrap(), once);
        assert_eq!(put_between("# Title\n", "edge", "new\n"), None);
    }
}
