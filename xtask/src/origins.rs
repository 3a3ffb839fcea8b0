//! The examples of docs/edge.md for origins that verify `Keyward-Assertion`, run as they are printed there but for addresses
//! and names: each has to believe what the Worker signed, and nothing else.

use std::{fs, time::Duration};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::{
    clients::{evaluation, printed_by},
    http::Client,
    ports::Role,
    process::Launcher,
    progress::Progress,
    settings,
    stack::Stack,
    workspace::Workspace,
};

/// What the examples say where a reader puts their own.
const EDGE: &str = "https://api.example.com";
const ISSUER: &str = "urn:keyward:deployment:main";
const ORIGIN: &str = "https://origin.example.com";

/// The file, the program that runs it with which option, and what makes its function a program.
pub(crate) const EXAMPLES: [[&str; 4]; 2] = [
    [
        "verify.mjs",
        "node",
        "--input-type=module",
        "console.log(JSON.stringify(await whoCalls(process.argv.at(-1))));",
    ],
    [
        "verify.py",
        "python3",
        "-c",
        "import json, sys\nprint(json.dumps(who_calls(sys.argv[1])))\n",
    ],
];

/// Runs each of them with a true assertion, and with one that was changed.
pub(crate) fn try_out(
    workspace: &Workspace,
    launcher: &Launcher,
    stack: &Stack,
    progress: &mut Progress,
) -> Result<()> {
    let caller = Caller::new(stack)?;
    EXAMPLES
        .into_iter()
        .try_for_each(|[file, program, option, start]| {
            progress.step(file, |_| {
                let text = fs::read_to_string(workspace.path("tests/origins").join(file))
                    .with_context(|| format!("cannot read {file}"))?;
                let text = text
                    .replace(EDGE, &stack.ports().url(Role::Edge))
                    .replace(ISSUER, &settings::issuer())
                    .replace(ORIGIN, &stack.ports().url(Role::Origin));
                let run = |assertion: &str| {
                    let mut command = evaluation(workspace, program, option, &format!("{text}\n{start}"));
                    command.arg(assertion);
                    printed_by(command, workspace, launcher)
                };
                let (assertion, key_id) = caller.assertion()?;
                let believed: Value = serde_json::from_str(&run(&assertion)?)?;
                ensure!(believed["sub"] == key_id, "it says that {believed} calls");
                let other = run(&changed(&assertion)?);
                ensure!(other.is_err(), "it believes what the Worker did not sign");
                Ok(())
            })
        })
}

/// Somebody with a key.
struct Caller {
    client: Client,
    url: String,
    key: String,
    key_id: Value,
}

impl Caller {
    fn new(stack: &Stack) -> Result<Self> {
        let client = Client::new(Duration::from_secs(20));
        let keys = format!("{}/api/v1/keys", stack.ports().url(Role::ControlPlane));
        let wish = json!({ "name": "A caller", "service_id": "platform" });
        let made = client
            .send(
                "POST",
                &keys,
                Some(stack.secrets().admin_token.reveal()),
                Some(&wish),
            )?
            .expect(201, "creating a key")?
            .json()?;
        Ok(Self {
            client,
            url: format!("{}/platform", stack.ports().url(Role::Edge)),
            key: made["api_key"]
                .as_str()
                .context("the answer has no key")?
                .to_owned(),
            key_id: made["key_info"]["key_id"].clone(),
        })
    }

    /// An assertion as the origin receives it, and the id of the key that it speaks of.
    fn assertion(&self) -> Result<(String, Value)> {
        let answer = self.client.send("GET", &self.url, Some(&self.key), None)?;
        let seen = answer.expect(200, &self.url)?.json()?;
        let assertion = seen["headers"]["keyward-assertion"].as_str();
        let assertion = assertion.context("the origin received no assertion")?;
        Ok((assertion.to_owned(), self.key_id.clone()))
    }
}

/// The same with another first character of its signature.
fn changed(assertion: &str) -> Result<String> {
    let (signed, signature) = assertion.rsplit_once('.').context("it has no signature")?;
    let other = if signature.starts_with('A') { 'B' } else { 'A' };
    let rest: String = signature.chars().skip(1).collect();
    Ok(format!("{signed}.{other}{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_prints_the_examples_that_are_run() {
        let workspace = Workspace::find().unwrap();
        let document = fs::read_to_string(workspace.path("docs/edge.md")).unwrap();
        for [file, ..] in EXAMPLES {
            let text = fs::read_to_string(workspace.path("tests/origins").join(file)).unwrap();
            assert!(document.contains(&text), "docs/edge.md does not print {file}");
            for placeholder in [EDGE, ISSUER, ORIGIN] {
                assert!(text.contains(placeholder), "{file} does not say {placeholder}");
            }
        }
    }

    #[test]
    fn a_changed_assertion_differs_in_its_signature_alone() {
        assert_eq!(changed("a.b.cd").unwrap(), "a.b.Ad");
        assert_eq!(changed("a.b.Ad").unwrap(), "a.b.Bd");
    }
}
