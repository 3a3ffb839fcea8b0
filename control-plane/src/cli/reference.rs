//! The commands and their flags as a document: the end of docs/cli.md.

use clap::Command;

/// How wide the help stands there, whatever the terminal.
const WIDTH: usize = 100;

/// Every command with its help, in Markdown. Exit codes are the same for all, and stand in the document once.
pub(super) fn reference() -> String {
    let mut text = String::new();
    // Completes what clap adds by itself.
    let mut command = super::command();
    command.build();
    describe(&command, &[], &mut text);
    text
}

fn describe(command: &Command, parents: &[&str], text: &mut String) {
    let names: Vec<&str> = parents.iter().copied().chain([command.get_name()]).collect();
    let mut shown = command
        .clone()
        .term_width(WIDTH)
        .after_help("")
        .after_long_help("");
    let help = shown.render_long_help().to_string();
    let help: Vec<&str> = help.lines().map(str::trim_end).collect();
    text.push_str(&format!(
        "\n### `{}`\n\n```\n{}\n```\n",
        names.join(" "),
        help.join("\n").trim()
    ));
    for subcommand in command
        .get_subcommands()
        .filter(|subcommand| subcommand.get_name() != "help")
    {
        describe(subcommand, &names, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_what_help_says() {
        let document = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/cli.md");
        let document = std::fs::read_to_string(document).unwrap();
        let (_, written) = document.split_once("## Commands\n").unwrap();
        let reference = reference();
        let differs = written
            .lines()
            .zip(reference.lines())
            .find(|(written, line)| written != line);
        assert!(
            written == reference,
            "docs/cli.md is behind the commands, at {differs:?}: put `keyward reference` in the place of what follows `## Commands`"
        );
        let codes = super::super::exit::CODES;
        let codes = codes
            .lines()
            .skip(1)
            .filter_map(|line| line.trim().split_once("  "));
        for (code, meaning) in codes {
            let meaning = meaning
                .trim()
                .replace("--yes", "`--yes`")
                .replace("--wait", "`--wait`")
                .replace("(verify)", "(`verify`)");
            assert!(
                document.contains(&format!("| {code} | {meaning} |")),
                "{code} {meaning}"
            );
        }
    }

    #[test]
    fn every_command_says_what_it_does() {
        super::super::command().debug_assert();
        let reference = reference();
        for section in reference.split("\n### ").skip(1) {
            let help = section.split("```\n").nth(1).unwrap();
            assert!(!help.starts_with("Usage"), "no word of what it does: {section}");
        }
    }
}
