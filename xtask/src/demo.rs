//! `cargo xtask demo`: the life of a key, told on a fresh stack that is removed afterwards.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::{
    clock::{Readable, Stopwatch},
    fresh_stack,
    http::{Answer, Client},
    ports::Role,
    process::Launcher,
    progress::{Progress, Step},
    stack::Stack,
    workspace::Workspace,
};

/// How long the edge may take to follow a change: the Worker's cache of records, and generously more for a busy machine.
const EDGE_FOLLOWS_WITHIN: Duration = Duration::from_secs(45);

/// How many steps [`tell`] prints.
const STORY_STEPS: usize = 11;

/// Starts a stack on free ports, tells the story, and ends it.
///
/// # Errors
/// The step that failed, and what was seen; the stack's folder is then kept.
pub fn run(workspace: &Workspace, launcher: &Launcher) -> Result<()> {
    let watch = Stopwatch::start();
    fresh_stack::with(workspace, launcher, "demo", STORY_STEPS, |stack, progress| {
        tell(stack, launcher, progress)
    })?;
    println!(
        "
The whole story, told in {}.",
        Readable(watch.elapsed())
    );
    Ok(())
}

/// Every turn in the life of a key, and what the edge makes of it.
fn tell(stack: &Stack, launcher: &Launcher, progress: &mut Progress) -> Result<()> {
    let story = Story {
        client: Client::new(Duration::from_secs(20)),
        launcher,
        keys: format!("{}/api/v1/keys", stack.ports().url(Role::ControlPlane)),
        predict: format!("{}/v1/predict", stack.ports().url(Role::Edge)),
        verify: format!("{}/.keyward/verify", stack.ports().url(Role::Edge)),
        admin_token: stack.secrets().admin_token.reveal(),
        verify_secret: stack.secrets().verify_secret.reveal(),
    };

    let key = progress.step("Creating a key over REST", |step| {
        let request = json!({ "name": "Demo key", "service_id": "prediction", "scopes": ["predict"] });
        let answer = story.manage("POST", "", Some(&request), 201)?;
        let key = Key::of(&answer)?;
        step.remark(&key.preview);
        Ok(key)
    })?;
    progress.step("The edge admits it", |step| {
        let answer = story.follow(step, &key, Verdict::Admitted)?;
        check_what_the_origin_saw(&answer, &key)?;
        step.remark("the origin verified who calls, and did not see the key");
        Ok(())
    })?;
    progress.step("Calling the origin past the edge", |step| {
        let url = format!("{}/v1/predict", stack.ports().url(Role::Origin));
        let answer = story
            .client
            .send("POST", &url, Some(&key.text), Some(&json!({})))?;
        answer.expect(401, &format!("POST {url}"))?;
        step.remark("refused, for want of an assertion");
        Ok(())
    })?;
    progress.step("Another server asks the edge about it", |step| {
        story.ask_about(&key)?;
        step.remark("whose it is, and what it may still do");
        Ok(())
    })?;
    progress.step("Taking its scope away", |step| {
        story.manage("PATCH", &key.path(), Some(&json!({ "scopes": ["read"] })), 200)?;
        story
            .follow(step, &key, Verdict::Refused(403, "insufficient_scope"))
            .map(drop)
    })?;
    progress.step("Giving the scope back", |step| {
        story.manage("PATCH", &key.path(), Some(&json!({ "scopes": ["predict"] })), 200)?;
        story.follow(step, &key, Verdict::Admitted).map(drop)
    })?;
    progress.step("Deactivating it", |step| {
        story.manage("POST", &format!("{}/deactivate", key.path()), None, 200)?;
        story
            .follow(step, &key, Verdict::Refused(401, "deactivated"))
            .map(drop)
    })?;
    progress.step("Activating it again, with the same text", |step| {
        story.manage("POST", &format!("{}/activate", key.path()), None, 200)?;
        story.follow(step, &key, Verdict::Admitted).map(drop)
    })?;
    let rotated = progress.step("Rotating it", |step| {
        let answer = story.manage("POST", &format!("{}/rotate", key.path()), None, 201)?;
        let rotated = Key::of(&answer)?;
        ensure!(
            rotated.text != key.text && rotated.id != key.id,
            "the new key is the old one"
        );
        story.follow(step, &rotated, Verdict::Admitted)?;
        story.follow(step, &key, Verdict::Refused(401, "superseded"))?;
        step.remark("the new key is admitted, the old one refused");
        Ok(rotated)
    })?;
    progress.step("Revoking it", |step| {
        story.manage("DELETE", &rotated.path(), None, 200)?;
        story
            .follow(step, &rotated, Verdict::Refused(401, "revoked"))
            .map(drop)
    })?;
    progress.step("Calling with a forged key", |step| {
        let forged = Key {
            text: forge(&rotated.text),
            ..rotated.clone()
        };
        story.follow(step, &forged, Verdict::Refused(401, "invalid_key"))?;
        step.remark("refused by its tag, nothing was looked up");
        Ok(())
    })
}

/// A key as its creation showed it.
#[derive(Clone)]
struct Key {
    text: String,
    id: String,
    preview: String,
}

impl Key {
    fn of(created: &Value) -> Result<Self> {
        let text = |pointer: &str| {
            let text = created.pointer(pointer).and_then(Value::as_str);
            text.map(str::to_owned)
                .with_context(|| format!("the answer has no text at {pointer}"))
        };
        Ok(Self {
            text: text("/api_key")?,
            id: text("/key_info/key_id")?,
            preview: text("/key_info/key_prefix")?,
        })
    }

    fn path(&self) -> String {
        format!("/{}", self.id)
    }
}

/// What the edge is to say.
#[derive(Clone, Copy)]
enum Verdict {
    Admitted,
    /// Status and reason.
    Refused(u16, &'static str),
}

impl Verdict {
    fn is_that_of(self, answer: &Answer) -> bool {
        match self {
            Self::Admitted => answer.status == 200,
            Self::Refused(status, reason) => {
                answer.status == status
                    && answer
                        .json()
                        .is_ok_and(|body| body.get("code") == Some(&json!(reason)))
            }
        }
    }

    fn describe(self) -> String {
        match self {
            Self::Admitted => "200".to_owned(),
            Self::Refused(status, reason) => format!("{status} {reason}"),
        }
    }
}

struct Story<'a> {
    client: Client,
    launcher: &'a Launcher,
    keys: String,
    predict: String,
    verify: String,
    admin_token: &'a str,
    verify_secret: &'a str,
}

impl Story<'_> {
    /// A request to the control plane.
    fn manage(&self, method: &str, path: &str, body: Option<&Value>, status: u16) -> Result<Value> {
        let url = format!("{}{path}", self.keys);
        let answer = self.client.send(method, &url, Some(self.admin_token), body)?;
        answer.expect(status, &format!("{method} {url}"))?.json()
    }

    /// Asks whether the key may call the API, as a server would that it reaches by another way.
    fn ask_about(&self, key: &Key) -> Result<()> {
        let question =
            json!({ "key": key.text, "service": "prediction", "scope": "predict", "spend": false });
        let answer = self
            .client
            .send("POST", &self.verify, Some(self.verify_secret), Some(&question))?;
        let verdict = answer.expect(200, &format!("POST {}", self.verify))?.json()?;
        ensure!(
            verdict["valid"] == json!(true) && verdict["key_id"] == json!(key.id),
            "the edge does not know the key: {verdict}"
        );
        Ok(())
    }

    /// Calls the API behind the Worker until it answers as expected, and remarks how long that took.
    fn follow(&self, step: &mut Step, key: &Key, expected: Verdict) -> Result<Answer> {
        let watch = Stopwatch::start();
        let question = json!({ "question": 42 });
        loop {
            let answer = self
                .client
                .send("POST", &self.predict, Some(&key.text), Some(&question))?;
            if expected.is_that_of(&answer) {
                step.remark(format!(
                    "{} after {}",
                    expected.describe(),
                    Readable(watch.elapsed())
                ));
                return Ok(answer);
            }
            ensure!(
                !watch.left_of(EDGE_FOLLOWS_WITHIN).is_zero(),
                "POST {} did not answer {} within {} s; its last answer was {}: {}",
                self.predict,
                expected.describe(),
                EDGE_FOLLOWS_WITHIN.as_secs(),
                answer.status,
                answer.body.trim()
            );
            step.tick(|| format!("{}, not yet {}", answer.status, expected.describe()));
            self.launcher.interrupt().pause()?;
        }
    }
}

fn check_what_the_origin_saw(answer: &Answer, key: &Key) -> Result<()> {
    let seen = answer.json()?;
    let header = |name: &str| seen.get("headers").and_then(|headers| headers.get(name));
    ensure!(
        header("keyward-key-id") == Some(&json!(key.id))
            && header("keyward-service") == Some(&json!("prediction")),
        "the origin did not see the key's id and service: {seen}"
    );
    ensure!(
        seen.pointer("/assertion/verified/sub") == Some(&json!(key.id)),
        "the origin did not verify the key's id: {seen}"
    );
    ensure!(
        header("authorization").is_none() && !answer.body.contains(&key.text),
        "the origin saw the credential"
    );
    Ok(())
}

/// The key with another first random character: shape and length are right, tag and checksum are not.
fn forge(key: &str) -> String {
    let start = key.rfind('_').map_or(0, |underscore| underscore + 1);
    let (prefix, rest) = key.split_at(start);
    let other = if rest.starts_with('0') { '1' } else { '0' };
    prefix
        .chars()
        .chain([other])
        .chain(rest.chars().skip(1))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forged_key_differs_in_one_character() {
        assert_eq!(forge("hk_live_AbC"), "hk_live_0bC");
        assert_eq!(forge("hk_live_0bC"), "hk_live_1bC");
    }

    #[test]
    fn a_key_is_read_from_the_answer_that_shows_it() {
        let answer = json!({ "api_key": "a", "key_info": { "key_id": "b", "key_prefix": "c***" } });
        let key = Key::of(&answer).unwrap();
        assert_eq!(
            (key.text.as_str(), key.path().as_str(), key.preview.as_str()),
            ("a", "/b", "c***")
        );
        let error = Key::of(&json!({})).err().unwrap().to_string();
        assert_eq!(error, "the answer has no text at /api_key");
    }
}
