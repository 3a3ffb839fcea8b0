//! Relative links in Markdown files: the file exists, and the heading too.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};

/// Folders of what is not ours or not written by hand.
const SKIPPED: [&str; 3] = ["node_modules", "target", "build"];

/// Checks every Markdown file below `root`, and returns how many links it followed.
///
/// # Errors
/// Every dead link with its file and line.
pub(super) fn check(root: &Path) -> Result<usize> {
    let mut files = Vec::new();
    collect(root, &mut files)?;
    files.sort();
    let mut count = 0;
    let mut dead = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        for (line, target) in relative_links(&text) {
            count += 1;
            if let Err(why) = follow(&file, &text, &target) {
                let shown = file.strip_prefix(root).unwrap_or(&file);
                dead.push(format!("{}:{line}: {target}: {why}", shown.display()));
            }
        }
    }
    if !dead.is_empty() {
        bail!("{} dead links:\n{}", dead.len(), dead.join("\n"));
    }
    Ok(count)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // A symbolic link is neither a folder nor a file here, so that no loop is walked.
        let kind = entry.file_type()?;
        if kind.is_dir() && !name.starts_with('.') && !SKIPPED.contains(&name.as_str()) {
            collect(&entry.path(), files)?;
        } else if kind.is_file() && name.ends_with(".md") {
            files.push(entry.path());
        }
    }
    Ok(())
}

fn follow(file: &Path, text: &str, target: &str) -> Result<(), &'static str> {
    let (path, heading) = match target.split_once('#') {
        Some((path, heading)) => (path, Some(heading)),
        None => (target, None),
    };
    let other;
    let text = if path.is_empty() {
        Some(text)
    } else {
        let path = file.parent().unwrap_or(Path::new("")).join(path);
        if !path.exists() {
            return Err("there is no such file");
        }
        other = path
            .extension()
            .is_some_and(|extension| extension == "md")
            .then(|| fs::read_to_string(path).ok());
        other.as_ref().and_then(|text| text.as_deref())
    };
    match (heading, text) {
        (Some(heading), Some(text)) if !anchors(text).contains(heading) => {
            Err("the file has no such heading")
        }
        _ => Ok(()),
    }
}

/// Line number and target of every link that leads to a file or a heading, outside of code.
fn relative_links(text: &str) -> Vec<(usize, String)> {
    let mut links = Vec::new();
    for (line, content) in prose(text) {
        let content = without_inline_code(content);
        let inline = content.match_indices("](").filter_map(|(at, mark)| {
            let rest = content.get(at + mark.len()..)?;
            rest.get(..rest.find([')', ' '])?)
        });
        let defined = content
            .strip_prefix('[')
            .and_then(|rest| rest.split_once("]: "))
            .and_then(|(_, target)| target.split_whitespace().next());
        let is_relative = |target: &&str| !target.contains("://") && !target.starts_with("mailto:");
        links.extend(
            inline
                .chain(defined)
                .filter(is_relative)
                .map(|target| (line, target.to_owned())),
        );
    }
    links
}

/// The names that a browser jumps to, made of the headings as code hosts make them.
fn anchors(text: &str) -> HashSet<String> {
    let mut anchors = HashSet::new();
    for (_, line) in prose(text) {
        let title = line.trim_start_matches('#');
        if title.len() == line.len() || !title.starts_with(' ') {
            continue;
        }
        let slug: String = title
            .trim()
            .to_lowercase()
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
            .map(|c| if c == ' ' { '-' } else { c })
            .collect();
        let repeated = (1..).map(|number| format!("{slug}-{number}"));
        let free = std::iter::once(slug.clone())
            .chain(repeated)
            .find(|name| !anchors.contains(name));
        anchors.extend(free);
    }
    anchors
}

/// The numbered lines that are not in a fenced block.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut is_code = false;
    (1..).zip(text.lines()).filter(move |(_, line)| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    })
}

fn without_inline_code(line: &str) -> String {
    // With an odd number of backticks the last part is no code, but then neither is it a line worth linking from.
    line.split('`').step_by(2).collect::<Vec<_>>().join("code")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_with_their_lines_and_code_is_left_alone() {
        let text = "# T\nSee [one](a.md) and [two](b.md#x \"title\").\n```\n[no](c.md)\n```\n`[no](d.md)` [web](https://x/y)\n[ref]: e.md\n[here](#t)";
        let expected = [(2, "a.md"), (2, "b.md#x"), (7, "e.md"), (8, "#t")];
        assert_eq!(
            relative_links(text),
            expected.map(|(line, target)| (line, target.to_owned()))
        );
    }

    #[test]
    fn headings_become_anchors() {
        let anchors = anchors("# Deploy with `wrangler`\n## What's new?\n## What's new?\n#no heading\n");
        let expected = ["deploy-with-wrangler", "whats-new", "whats-new-1"].map(str::to_owned);
        assert_eq!(anchors, HashSet::from(expected));
    }

    #[test]
    fn dead_links_are_told_with_file_and_line() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        fs::create_dir(folder.path().join("docs")).unwrap();
        write("docs/a.md", "# Here\n[up](../README.md#there) [self](#here)\n");
        write("README.md", "# There\n[docs](docs/) [a](docs/a.md#here)\n");
        assert_eq!(check(folder.path()).unwrap(), 4);

        write("README.md", "\n[b](docs/b.md) [a](docs/a.md#gone)\n");
        let error = check(folder.path()).unwrap_err().to_string();
        assert_eq!(
            error,
            "3 dead links:\n\
             README.md:2: docs/b.md: there is no such file\n\
             README.md:2: docs/a.md#gone: the file has no such heading\n\
             docs/a.md:2: ../README.md#there: the file has no such heading"
        );
    }
}
