//! Secrets on their way in: from standard input, the terminal, the environment, or an argument, with a word of warning.

use std::io::{self, IsTerminal as _, Read as _};

use anyhow::{Context as _, bail};
use zeroize::Zeroizing;

/// The longest secret that is read.
const MOST_BYTES: u64 = 16 * 1024;

/// The secret that an argument stands for: `-` is standard input; the argument itself is taken with a warning.
pub(super) fn of_argument(argument: &str, variable: Option<&str>) -> anyhow::Result<Zeroizing<String>> {
    if argument == "-" {
        return from_stdin();
    }
    let variable = variable.map_or_else(String::new, |variable| format!(", or set {variable}"));
    eprintln!(
        "warning: others on this machine can see the arguments of a command, and your shell remembers them; give `-` and send the \
         secret to standard input{variable}"
    );
    Ok(Zeroizing::new(argument.to_owned()))
}

/// The first line of standard input.
pub(super) fn from_stdin() -> anyhow::Result<Zeroizing<String>> {
    if io::stdin().is_terminal() {
        return prompt("Secret: ");
    }
    let mut text = Zeroizing::new(String::new());
    let read = io::stdin().take(MOST_BYTES).read_to_string(&mut text);
    read.context("cannot read standard input")?;
    match text.lines().next().map(str::trim) {
        Some(line) if !line.is_empty() => Ok(Zeroizing::new(line.to_owned())),
        _ => bail!("standard input holds no secret"),
    }
}

/// Asks on the terminal, without showing what is typed.
pub(super) fn prompt(question: &str) -> anyhow::Result<Zeroizing<String>> {
    let answer = rpassword::prompt_password(question).context("cannot ask on the terminal")?;
    Ok(Zeroizing::new(answer))
}

/// A variable that holds a secret, if it is set to one.
pub(super) fn of_variable(name: &str) -> Option<Zeroizing<String>> {
    let value = std::env::var(name).ok().map(Zeroizing::new);
    value.filter(|value| !value.is_empty())
}
