//! `keyward` as people and scripts use it, against a running service and its edge.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use crate::{
    evidence,
    stage::{
        ControlPlane, Gate, Mode,
        keyward::{self, Ended},
        lone_edge, programs, run_folder,
    },
};

cases![
    the_transcripts_are_what_happens,
    a_key_is_made_used_and_ended_from_the_shell,
    a_profile_is_for_nobody_else,
    a_change_that_the_edge_has_not_confirmed_is_told_apart,
    keys_made_elsewhere_come_from_a_file,
    completions_and_manual_pages_are_made,
];

/// Where the transcripts are.
fn transcripts(names: &str) -> String {
    format!("{}/tests/e2e/transcripts/{names}", env!("CARGO_MANIFEST_DIR"))
}

/// Runs transcripts with these variables and no others of ours.
fn play(names: &[&str], variables: &[(&str, &str)]) {
    let cases = trycmd::TestCases::new();
    cases.register_bin("keyward", programs::built().control_plane.clone());
    let home = run_folder::new_folder("home");
    cases.env("HOME", home.to_str().unwrap());
    for (name, value) in variables {
        cases.env(*name, *value);
    }
    for name in names {
        cases.case(transcripts(name));
    }
    cases.run();
}

fn the_transcripts_are_what_happens() {
    let lone = lone_edge::told_among_others();
    let control_plane = ControlPlane::telling_and_waiting(&lone);
    let url = control_plane.admin.line().url().to_owned();
    play(&["nobody.trycmd"], &[]);
    // One after the other: each begins with what the one before it has left.
    for name in ["keys.trycmd", "organization.trycmd", "operations.trycmd"] {
        play(
            &[name],
            &[
                ("KEYWARD_URL", &url),
                ("KEYWARD_TOKEN", control_plane.admin.token()),
            ],
        );
    }
}

/// `keyward` with the admin token in its environment.
fn admin(control_plane: &ControlPlane, home: &Path, arguments: &[&str]) -> Command {
    let mut command = keyward::command(home, arguments);
    command
        .env("HOME", home)
        .env("KEYWARD_URL", control_plane.admin.line().url())
        .env("KEYWARD_TOKEN", control_plane.admin.token())
        .stdin(Stdio::null());
    command
}

fn run(mut command: Command) -> Ended {
    let ended: Ended = command.output().unwrap().into();
    for word in ended
        .stdout
        .split_whitespace()
        .filter(|word| word.starts_with("hk_") || word.starts_with("hpk_"))
    {
        if word.len() > 40 && !word.contains('*') {
            evidence::plant(word);
        }
    }
    ended
}

fn a_key_is_made_used_and_ended_from_the_shell() {
    let lone = lone_edge::told_among_others();
    let control_plane = ControlPlane::telling_and_waiting(&lone);
    let home = run_folder::new_folder("home");
    let keyward = |arguments: &[&str]| run(admin(&control_plane, &home, arguments));
    let create = [
        "keys",
        "create",
        "--name",
        "shell",
        "--service",
        "prediction",
        "--scope",
        "predict",
        "--quiet",
    ];
    let made = keyward(&create).expect(0);
    // A file that it is sent to holds the key and nothing else.
    let key = made.stdout.trim();
    assert!(
        made.stdout == format!("{key}\n") && key.len() == 52 && made.stderr.is_empty(),
        "{made:?}"
    );

    let through_edge = |key: &str, path: &str| {
        let mut command = keyward::command(&home, &["request", "POST", path, "--key", "-", "-d", "{}", "-i"]);
        command
            .env("HOME", &home)
            .env("KEYWARD_EDGE_URL", lone.edge.line().url());
        fed(command, key)
    };
    let answer = through_edge(key, "/v1/predict");
    assert!(
        answer.code == Some(0) && answer.stdout.contains("200 OK"),
        "{answer:?}"
    );
    assert_eq!(through_edge(key, "/nowhere").code, Some(4));

    let mut verify = admin(
        &control_plane,
        &home,
        &[
            "verify",
            "-",
            "--service",
            "prediction",
            "--scope",
            "predict",
            "--json",
        ],
    );
    let verdict = fed(std::mem::replace(&mut verify, Command::new("true")), key)
        .expect(0)
        .json();
    assert_eq!(
        (&verdict["valid"], &verdict["scopes"]),
        (&json!(true), &json!(["predict"]))
    );
    let warned = keyward(&["verify", key]).expect(0);
    assert!(
        warned.stderr.contains("warning: others on this machine can see"),
        "{warned:?}"
    );
    assert!(!warned.stderr.contains(key), "{warned:?}");
    // The text of a key is no name of one, and is not repeated.
    let refused = keyward(&["keys", "get", key]).expect(4);
    assert!(!refused.stderr.contains(key), "{refused:?}");

    // The same request is done once, whoever sends it again.
    let same = |name: &str| {
        let mut arguments = create.to_vec();
        arguments[3] = name;
        arguments.extend(["--idempotency-key", "one-and-the-same"]);
        keyward(&arguments)
    };
    assert_eq!(same("twice").expect(0).stdout, same("twice").expect(0).stdout);
    let other = same("other").expect(5);
    assert!(other.stderr.contains("code idempotency_key_reused"), "{other:?}");

    let list = keyward(&["keys", "list", "--json"]).expect(0).json();
    assert_eq!(list.as_array().unwrap().len(), 2, "{list:#}");
    let preview = list
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["name"] == "shell")
        .unwrap()["key_prefix"]
        .clone();
    assert_eq!(
        keyward(&["keys", "revoke", "shell"]).expect(2).stdout,
        "",
        "nobody said yes"
    );
    let revoked = keyward(&["keys", "revoke", preview.as_str().unwrap(), "--yes", "--wait"]).expect(0);
    assert!(revoked.stderr.contains("edge: confirmed"), "{revoked:?}");
    let refused = through_edge(key, "/v1/predict");
    assert!(
        refused.code == Some(3) && refused.stdout.contains("\"revoked\""),
        "{refused:?}"
    );
    let verdict = fed(
        admin(&control_plane, &home, &["verify", "--service", "prediction"]),
        key,
    );
    assert!(
        verdict.code == Some(7) && verdict.stdout.contains("revoked"),
        "{verdict:?}"
    );

    let events = keyward(&["audit", "export"]).expect(0);
    let events: Vec<Value> = events
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(
        events.iter().any(|event| event["action"] == "key.revoked"),
        "{events:#?}"
    );
    let local = keyward::run(control_plane.folder(), &["audit", "verify", "--local", "--json"])
        .expect(0)
        .json();
    assert_eq!(local["valid"], json!(true));
    let asked = keyward(&["audit", "verify", "--json"]).expect(0).json();
    assert_eq!(asked["head"], local["head"]);
}

/// A command that reads a secret from standard input.
fn fed(mut command: Command, secret: &str) -> Ended {
    let child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.unwrap();
    writeln!(child.stdin.take().unwrap(), "{secret}").unwrap();
    child.wait_with_output().unwrap().into()
}

fn a_profile_is_for_nobody_else() {
    let control_plane = ControlPlane::alone();
    let (url, token) = (control_plane.admin.line().url(), control_plane.admin.token());
    let home = run_folder::new_folder("home");
    let keyward = |arguments: &[&str]| {
        let mut command = keyward::command(&home, arguments);
        command.env("HOME", &home);
        command
    };
    let wrong = fed(
        keyward(&["login", "--url", url, "--token", "-"]),
        "no-such-token-0123456789",
    )
    .expect(3);
    assert!(wrong.stderr.contains("code unauthenticated"), "{wrong:?}");
    assert!(!home.join(".keyward").exists(), "what does not work is not kept");

    let signed_in = fed(
        keyward(&["login", "--url", url, "--token", "-", "--profile", "work"]),
        token,
    )
    .expect(0);
    assert!(
        signed_in
            .stdout
            .contains("as admin (platform_admin), profile work"),
        "{signed_in:?}"
    );
    let file = home.join(".keyward/config.toml");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(&home.join(".keyward"))), (0o600, 0o700));

    let who: Ended = keyward(&["whoami", "--json"]).output().unwrap().into();
    assert_eq!(who.expect(0).json()["kind"], json!("platform_admin"));
    // What was kept for one service is not sent to another.
    let elsewhere: Ended = keyward(&["whoami", "--url", "http://127.0.0.1:1"])
        .output()
        .unwrap()
        .into();
    assert!(elsewhere.expect(3).stderr.contains("not signed in"));
    let other: Ended = keyward(&["whoami", "--profile", "home"]).output().unwrap().into();
    assert!(other.expect(3).stderr.contains("there is no profile home"));

    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let open: Ended = keyward(&["whoami"]).output().unwrap().into();
    assert!(open.expect(0).stderr.contains("can be read by others"));
    let gone: Ended = keyward(&["logout"]).output().unwrap().into();
    gone.expect(0);
    assert!(!fs::read_to_string(&file).unwrap().contains(token));
    let who: Ended = keyward(&["whoami"]).output().unwrap().into();
    who.expect(3);
    fs::remove_file(file).unwrap();
}

fn a_change_that_the_edge_has_not_confirmed_is_told_apart() {
    let lone = lone_edge::told_among_others();
    let gate = Gate::before(lone.edge.line().address(), Mode::Open);
    let control_plane = ControlPlane::telling(&lone, &gate.url());
    let home = run_folder::new_folder("home");
    let keyward = |arguments: &[&str]| run(admin(&control_plane, &home, arguments));
    keyward(&[
        "keys",
        "create",
        "--name",
        "late",
        "--service",
        "prediction",
        "--quiet",
    ])
    .expect(0);
    gate.set(Mode::Shut);
    let pending = keyward(&["keys", "revoke", "late", "--yes", "--wait", "2"]).expect(6);
    assert!(
        pending.stderr.contains("edge: pending") && pending.stderr.contains("it is done"),
        "{pending:?}"
    );
    let again = keyward(&["keys", "get", "late", "--json"]).expect(0).json();
    assert_eq!(again["status"], json!("revoked"));
    gate.set(Mode::Open);
    let confirmed = keyward(&["keys", "revoke", "late", "--yes", "--wait"]).expect(0);
    assert!(confirmed.stderr.contains("edge: confirmed"), "{confirmed:?}");
}

fn keys_made_elsewhere_come_from_a_file() {
    let control_plane = ControlPlane::alone();
    let home = run_folder::new_folder("home");
    let keyward = |arguments: &[&str]| run(admin(&control_plane, &home, arguments));
    let key = |number: usize| {
        let hash = format!("{number:064x}");
        json!({ "hash": hash, "preview": format!("sk_{number}***"), "name": format!("old {number}"), "service_id": "prediction" })
    };
    let lines: String = (1..=1500).map(|number| format!("{}\n", key(number))).collect();
    fs::write(home.join("keys.ndjson"), lines).unwrap();
    let imported = keyward(&["keys", "import", "keys.ndjson", "--json"])
        .expect(0)
        .json();
    assert_eq!(
        (&imported["imported"], &imported["refused"]),
        (&json!(1500), &json!(0))
    );
    assert_eq!(imported["keys"][1499]["index"], json!(1499));
    // All pages of a list, and only as many as are wanted.
    let list = |more: &[&str]| {
        let arguments: Vec<_> = ["keys", "list", "--json"].iter().chain(more).copied().collect();
        keyward(&arguments).expect(0).json().as_array().unwrap().len()
    };
    assert_eq!(
        (list(&[]), list(&["--limit", "1100"]), list(&["--limit", "0"])),
        (1500, 1100, 0)
    );
    assert!(
        keyward(&["keys", "get", "old 700"])
            .expect(0)
            .stdout
            .contains("sk_700***")
    );

    fs::write(
        home.join("again.json"),
        json!({ "keys": [key(1), key(2000)] }).to_string(),
    )
    .unwrap();
    let again = keyward(&["keys", "import", "again.json"]).expect(1);
    assert!(
        again.stdout.contains("refused") && again.stderr.contains("1 imported, 1 refused"),
        "{again:?}"
    );
    fs::write(home.join("bad.json"), "{\n").unwrap();
    let bad = keyward(&["keys", "import", "bad.json"]).expect(1);
    assert!(bad.stderr.contains("bad.json line 1"), "{bad:?}");
}

fn completions_and_manual_pages_are_made() {
    let folder = run_folder::new_folder("pages");
    let bash = keyward::run(&folder, &["completions", "bash"]).expect(0);
    assert!(
        bash.stdout.contains("--idempotency-key") && bash.stdout.contains("complete -F"),
        "{}",
        bash.stdout.len()
    );
    keyward::run(&folder, &["man", "man1"]).expect(0);
    let page = fs::read_to_string(folder.join("man1/keyward-keys-create.1")).unwrap();
    assert!(
        page.contains("idempotency") && page.contains("Exit codes"),
        "{page}"
    );
}
