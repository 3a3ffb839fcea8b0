//! The client examples of the reference, run as they are printed there but for host, key id and token, against a fresh stack.
//!
//! They are in `tests/clients`; those for origins, which verify who calls, in `tests/origins`. What is printed for Go is there as the request that it sends, because Go need not be installed to send it.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use crate::{
    documented::{self, Shape},
    fresh_stack,
    http::Client,
    origins,
    ports::Role,
    process::{Launcher, Output},
    setup,
    stack::Stack,
    workspace::Workspace,
};

/// What the examples say where a reader puts their own.
const HOST: &str = "https://auth.hokus.ai";
const KEY_ID: &str = "550e8400-e29b-41d4-a716-446655440000";

/// What an example is run by.
#[derive(Clone, Copy, Debug)]
enum Language {
    Shell,
    Python,
    JavaScript,
    /// A request as Go's client sends it.
    Transcript,
}

/// What an example must print.
#[derive(Clone, Copy, Debug)]
enum Prints {
    /// An answer with every documented field.
    Answer(Shape),
    /// Each of these texts.
    Texts(&'static [&'static str]),
}

const EXAMPLES: [(&str, Language, Prints); 13] = [
    (
        "curl/create.sh",
        Language::Shell,
        Prints::Answer(Shape::CreatedKey),
    ),
    ("curl/list.sh", Language::Shell, Prints::Answer(Shape::KeyList)),
    (
        "curl/list_active.sh",
        Language::Shell,
        Prints::Answer(Shape::KeyList),
    ),
    ("curl/get.sh", Language::Shell, Prints::Answer(Shape::Key)),
    (
        "curl/rotate.sh",
        Language::Shell,
        Prints::Answer(Shape::CreatedKey),
    ),
    ("curl/revoke.sh", Language::Shell, Prints::Answer(Shape::Revoked)),
    (
        "python/create.py",
        Language::Python,
        Prints::Texts(&["Key: hk_live_", "Key ID: "]),
    ),
    (
        "python/list.py",
        Language::Python,
        Prints::Texts(&["Production Prediction Key: hk_live_", "*** (active=True)"]),
    ),
    ("python/get.py", Language::Python, Prints::Texts(&[])),
    (
        "python/rotate.py",
        Language::Python,
        Prints::Texts(&["New key: hk_live_", "New key ID: "]),
    ),
    (
        "python/revoke.py",
        Language::Python,
        Prints::Texts(&["API key revoked successfully"]),
    ),
    (
        "javascript/create.mjs",
        Language::JavaScript,
        Prints::Texts(&["Key: hk_live_"]),
    ),
    (
        "go/create.http",
        Language::Transcript,
        Prints::Answer(Shape::CreatedKey),
    ),
];

/// The first tool that an example needs and that is not there, as a sentence.
#[must_use]
pub fn missing_tool(workspace: &Workspace) -> Option<String> {
    if setup::version_of(workspace, "curl").is_none() {
        return Some("curl is missing".to_owned());
    }
    if setup::version_of(workspace, "python3").is_none() {
        return Some("python3 is missing".to_owned());
    }
    let mut packages = workspace.command("python3");
    packages.args([
        "-c",
        "import cryptography, jwt, requests; print(requests.__version__)",
    ]);
    setup::first_line(&mut packages).is_none().then(|| {
        "a Python package of `requests` and `pyjwt[crypto]` is missing; `.ci/run` installs them below target/"
            .to_owned()
    })
}

/// Runs every example.
///
/// # Errors
/// The example that failed, and what it printed.
pub fn run(workspace: &Workspace, launcher: &Launcher) -> Result<()> {
    fresh_stack::with(
        workspace,
        launcher,
        "clients",
        EXAMPLES.len() + origins::EXAMPLES.len(),
        |stack, progress| {
            let reader = Reader {
                workspace,
                launcher,
                url: stack.ports().url(Role::ControlPlane),
                token: stack.secrets().admin_token.reveal(),
            };
            EXAMPLES.into_iter().try_for_each(|(file, language, prints)| {
                progress.step(file, |_| reader.try_out(stack, file, language, prints))
            })?;
            origins::try_out(workspace, launcher, stack, progress)
        },
    )
}

/// Somebody who follows the reference.
struct Reader<'a> {
    workspace: &'a Workspace,
    launcher: &'a Launcher,
    url: String,
    token: &'a str,
}

impl Reader<'_> {
    fn try_out(&self, stack: &Stack, file: &str, language: Language, prints: Prints) -> Result<()> {
        let key_id = self.create_key()?;
        let path = self.workspace.path("tests/clients").join(file);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let text = text.replace(HOST, &self.url).replace(KEY_ID, &key_id);
        let printed = match language {
            Language::Transcript => self.send(stack, &text)?,
            Language::Shell => self.run("/bin/sh", "-c", &text, &key_id)?,
            Language::Python => {
                let given = "import os, requests\nADMIN_TOKEN = os.environ['ADMIN_TOKEN']\nkey_id = os.environ['KEY_ID']\n";
                self.run("python3", "-c", &format!("{given}{text}"), &key_id)?
            }
            Language::JavaScript => {
                let given = "const { ADMIN_TOKEN } = process.env;\n";
                self.run("node", "--input-type=module", &format!("{given}{text}"), &key_id)?
            }
        };
        check(&printed, prints)
    }

    /// A key for the examples that speak of one, with the name that others give theirs.
    fn create_key(&self) -> Result<String> {
        let url = format!("{}/api/v1/keys", self.url);
        let body = json!({ "name": "Production Prediction Key", "service_id": "prediction" });
        let client = Client::new(Duration::from_secs(20));
        let answer = client
            .send("POST", &url, Some(self.token), Some(&body))?
            .expect(201, "creating a key")?
            .json()?;
        let id = answer.pointer("/key_info/key_id").and_then(Value::as_str);
        id.map(str::to_owned)
            .context("the answer to creating a key has no id")
    }

    fn run(&self, program: &str, option: &str, text: &str, key_id: &str) -> Result<String> {
        let mut command = evaluation(self.workspace, program, option, text);
        command.env("ADMIN_TOKEN", self.token).env("KEY_ID", key_id);
        printed_by(command, self.workspace, self.launcher)
    }

    /// Sends the request and returns the body of the answer, which comes in one piece because it is small.
    fn send(&self, stack: &Stack, transcript: &str) -> Result<String> {
        let (head, body) = transcript
            .split_once("\n\n")
            .context("a transcript has an empty line")?;
        let address = stack.ports().address(Role::ControlPlane);
        let head = head
            .replace("$ADMIN_TOKEN", self.token)
            .replace(
                "Host: auth.hokus.ai",
                &format!("Host: {address}\nConnection: close"),
            )
            .replace('\n', "\r\n");
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes())?;
        let mut answer = String::new();
        stream
            .read_to_string(&mut answer)
            .context("the answer is no text")?;
        let (head, body) = answer
            .split_once("\r\n\r\n")
            .context("the answer has no end of its head")?;
        ensure!(head.starts_with("HTTP/1.1 201 "), "it was answered {head}");
        Ok(body.to_owned())
    }
}

/// The command that runs a program's text.
pub(crate) fn evaluation(workspace: &Workspace, program: &str, option: &str, text: &str) -> Command {
    let mut command: Command = workspace.command(program);
    command.arg(option);
    if option.starts_with("--") {
        command.arg("--eval");
    }
    command.arg(text).env("NO_PROXY", "127.0.0.1");
    command
}

/// Runs a command and returns what it prints.
///
/// # Errors
/// When it fails; the message holds all that it said.
pub(crate) fn printed_by(command: Command, workspace: &Workspace, launcher: &Launcher) -> Result<String> {
    let (out, log) = (
        workspace.scratch().join("client.out"),
        workspace.scratch().join("client.log"),
    );
    let status = launcher.run(command, Output::Split(&out, &log), || {})?;
    let printed = fs::read_to_string(&out)?;
    if !status.success() {
        bail!(
            "it failed ({status}): {}{}",
            printed.trim(),
            fs::read_to_string(&log)?.trim()
        );
    }
    Ok(printed)
}

fn check(printed: &str, prints: Prints) -> Result<()> {
    match prints {
        Prints::Texts(texts) => match texts.iter().find(|text| !printed.contains(**text)) {
            None => Ok(()),
            Some(missing) => bail!("it did not print `{missing}` but: {}", printed.trim()),
        },
        Prints::Answer(shape) => {
            let answer =
                serde_json::from_str(printed).with_context(|| format!("no JSON: {}", printed.trim()))?;
            documented::check(&answer, shape)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_held_to_what_is_expected() {
        check(
            "Key: hk_live_x\nKey ID: y\n",
            Prints::Texts(&["Key: hk_live_", "Key ID: "]),
        )
        .unwrap();
        let error = check("Key: undefined\n", Prints::Texts(&["Key: hk_live_"]))
            .unwrap_err()
            .to_string();
        assert_eq!(error, "it did not print `Key: hk_live_` but: Key: undefined");
        check(
            r#"{"message":"API key revoked successfully"}"#,
            Prints::Answer(Shape::Revoked),
        )
        .unwrap();
        assert!(check("not JSON", Prints::Answer(Shape::Key)).is_err());
    }

    #[test]
    fn every_example_is_there_and_names_the_host_of_the_reference() {
        let workspace = Workspace::find().unwrap();
        for (file, language, _) in EXAMPLES {
            let text = fs::read_to_string(workspace.path("tests/clients").join(file)).unwrap();
            let host = if matches!(language, Language::Transcript) {
                "auth.hokus.ai"
            } else {
                HOST
            };
            assert!(text.contains(host), "{file}");
        }
    }
}
