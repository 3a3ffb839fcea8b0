//! `cargo xtask dev`: a stack for a person to try and to develop against.

use std::env;

use anyhow::{Context as _, Result};

use crate::{
    clock::Readable,
    ports::{Ports, Role},
    private_file,
    process::Launcher,
    progress::Progress,
    settings,
    stack::{self, Stack, StateFolder},
    workspace::Workspace,
};

/// Where the state is, unless KEYWARD_DEV_DIR says otherwise.
const DEFAULT_FOLDER: &str = ".keyward";

/// Runs until a signal comes; then everything is ended and the result is `Ok`.
///
/// # Errors
/// When something cannot be built or started, or ends by itself; an interruption before all answered.
pub fn run(workspace: &Workspace, launcher: &Launcher) -> Result<()> {
    // Before the long build, so that what can be said at once is said at once.
    let ports = Ports::from_variables(|name| env::var(name).ok())?;
    ports.ensure_free()?;
    let folder = env::var_os("KEYWARD_DEV_DIR").filter(|folder| !folder.is_empty());
    let folder = StateFolder::take(workspace.path(folder.unwrap_or_else(|| DEFAULT_FOLDER.into())))?;

    let mut progress = Progress::new(stack::BUILD_STEPS + 1 + Ports::ROLES.len());
    let programs = stack::build(workspace, launcher, &mut progress)?;
    let mut stack = progress.step("Secrets and settings", |step| {
        step.remark(folder.path().display().to_string());
        Stack::configure(workspace, launcher, programs, folder, ports)
    })?;
    stack.start(&mut progress)?;

    let dev_env = stack.folder().dev_env();
    private_file::write(&dev_env, &settings::dev_env(stack.ports(), stack.secrets()))?;
    println!("\nReady after {}.\n", Readable(progress.elapsed()));
    println!("{}", instructions(&stack));

    let ended = loop {
        if launcher.interrupt().pause().is_err() {
            break Ok(());
        }
        if let Err(error) = stack.ensure_runs() {
            break Err(error);
        }
    };
    println!("\nEnding …");
    drop(stack);
    ended.context("the stack was ended, because one part is missing")
}

fn instructions(stack: &Stack) -> String {
    let [control_plane, edge, origin] = Ports::ROLES.map(|role| stack.ports().url(role));
    let token = stack.secrets().admin_token.reveal();
    let verify_secret = stack.secrets().verify_secret.reveal();
    let [create, call, ask, revoke] = curl_lines(stack.ports(), token, verify_secret);
    format!(
        "  Control plane   {control_plane}\n  \
           Worker          {edge}\n  \
           Sample origin   {origin}\n  \
           Admin token     {token}\n  \
           For scripts     {dev_env}\n  \
           Logs            {logs}\n\n\
         Try it in another terminal. Create a key:\n\n{create}\n\n\
         Call the API behind the Worker with it:\n\n{call}\n\n\
         Ask the Worker about it, as another Worker or a server would:\n\n{ask}\n\n\
         Revoke it, then call and ask again:\n\n{revoke}\n\n\
         Ctrl-C ends everything.",
        dev_env = stack.folder().dev_env().display(),
        logs = stack.folder().path().join("logs").display(),
    )
}

/// Four lines for any POSIX shell: create a key and remember it, use it, ask about it, revoke it.
fn curl_lines(ports: &Ports, token: &str, verify_secret: &str) -> [String; 4] {
    let keys = format!("{}/api/v1/keys", ports.url(Role::ControlPlane));
    let edge = ports.url(Role::Edge);
    let admin = format!("-H 'Authorization: Bearer {token}'");
    let field = |name: &str| format!(r#"$(echo "$MADE" | sed 's/.*"{name}": *"\([^"]*\)".*/\1/')"#);
    [
        format!(
            "MADE=$(curl -s {keys} {admin} -H 'Content-Type: application/json' \
             -d '{{\"name\": \"My first key\", \"service_id\": \"prediction\", \"scopes\": [\"predict\"]}}'); \
             echo \"$MADE\"; KEY={}; KEY_ID={}",
            field("api_key"),
            field("key_id"),
        ),
        format!(
            "curl -si -X POST {edge}/v1/predict -H \"Authorization: Bearer $KEY\" -d '{{\"question\": 42}}'"
        ),
        format!(
            r#"curl -s {edge}/.keyward/verify -H 'Authorization: Bearer {verify_secret}' -d '{{"key": "'"$KEY"'", "service": "prediction", "scope": "predict"}}'"#
        ),
        format!("curl -si -X DELETE {keys}/$KEY_ID {admin}"),
    ]
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn the_lines_find_key_and_id_in_the_answer_and_ask_about_the_key() {
        let ports = Ports::from_variables(|_| None).unwrap();
        let [create, _call, ask, _revoke] = curl_lines(&ports, "token", "secret");
        // A shell function in the place of the program.
        let answer = r#"{"api_key":"hk_live_A1","key_info":{"key_id":"0190-ff","name":"My first key"}}"#;
        let script = format!(
            "curl() {{ echo '{answer}'; }}\n{create}\necho \"$KEY $KEY_ID\"\n\
             curl() {{ for last; do :; done; echo \"$last\"; }}\n{ask}"
        );
        let output = Command::new("/bin/sh").args(["-c", &script]).output().unwrap();
        let output = String::from_utf8(output.stdout).unwrap();
        let lines: Vec<_> = output.lines().collect();
        let question = r#"{"key": "hk_live_A1", "service": "prediction", "scope": "predict"}"#;
        assert_eq!(lines[lines.len() - 2..], ["hk_live_A1 0190-ff", question]);
    }
}
