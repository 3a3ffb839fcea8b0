//! `keyward serve` as a program: what stops its start, and what does not.

use std::{fs, path::Path, process::Command, time::Duration};

use xtask::ports::free_port;

use crate::{
    actors::Admin,
    stage::{
        ControlPlane,
        control_plane::{
            command, general_settings, new_admin_token, new_ring, sqlite_in, wait_until_it_serves,
        },
        guarded::Guarded,
        run_folder, shared,
    },
};

cases![
    settings_that_cannot_be_used_stop_the_start_with_one_sentence,
    two_services_on_one_database_are_refused,
    a_port_that_is_taken_is_refused,
    another_brand_on_the_same_database_is_refused,
    it_starts_with_the_variables_of_a_development_stack,
    settings_come_from_variables_alone,
];

/// A folder with settings that would serve.
fn folder_with_settings() -> (std::path::PathBuf, Admin) {
    let folder = run_folder::new_folder("service");
    let (port, token) = (free_port().unwrap(), new_admin_token());
    let settings = general_settings(port, &sqlite_in(&folder), &token)
        + &format!("[tag_secrets]\nproduction = {:?}\n", new_ring());
    fs::write(folder.join("keyward.toml"), settings).unwrap();
    (folder, Admin::at(&format!("http://127.0.0.1:{port}"), &token))
}

/// Runs a program that has to refuse, and returns what it says.
#[track_caller]
fn refusal(mut command: Command, folder: &Path) -> String {
    let log = folder.join("refusal.log");
    let mut process = Guarded::start(&mut command, &log);
    let status = process.wait(Duration::from_secs(20)).expect("it ends by itself");
    assert!(!status.success());
    let said = fs::read_to_string(&log).unwrap();
    fs::remove_file(&log).unwrap();
    let lines: Vec<_> = said.lines().collect();
    let [sentence] = lines.as_slice() else {
        panic!("one sentence, not {said:?}")
    };
    sentence
        .strip_prefix("keyward: ")
        .unwrap_or_else(|| panic!("{said}"))
        .to_owned()
}

fn settings_that_cannot_be_used_stop_the_start_with_one_sentence() {
    let (folder, _) = folder_with_settings();
    for (name, value, expected) in [
        ("KEYWARD_LISTNE", "127.0.0.1:1", "KEYWARD_LISTNE"),
        (
            "KEYWARD_LISTEN",
            "everywhere",
            "KEYWARD_LISTEN: must be an IP address and port",
        ),
        ("KEYWARD_ADMIN_TOKEN", "admin", "KEYWARD_ADMIN_TOKEN: is too weak"),
        ("KEYWARD_ADMIN_TOKEN", "", "KEYWARD_ADMIN_TOKEN"),
        ("KEYWARD_SERVICES", "Not A Name", "KEYWARD_SERVICES"),
        ("KEYWARD_DATABASE_URL", "mysql://x", "KEYWARD_DATABASE_URL"),
        ("KEYWARD_LOG_FORMAT", "xml", "KEYWARD_LOG_FORMAT"),
        ("KEYWARD_LOG", "=[", "KEYWARD_LOG"),
        (
            "KEYWARD_PROPAGATION_WAIT_SECONDS",
            "soon",
            "KEYWARD_PROPAGATION_WAIT_SECONDS",
        ),
        (
            "KEYWARD_TAG_SECRETS_PRODUCTION",
            "1:c2hvcnQ",
            "KEYWARD_TAG_SECRETS_PRODUCTION",
        ),
        (
            "KEYWARD_DEPLOYMENT_ELSEWHERE_KV_URL",
            "http://127.0.0.1:1",
            "KEYWARD_DEPLOYMENT_ELSEWHERE_KV_URL",
        ),
        ("KEYWARD_CONFIG", "missing.toml", ""),
    ] {
        let mut command = command(&folder);
        command.env(name, value);
        if name == "KEYWARD_CONFIG" {
            command = Command::new(command.get_program());
            command.current_dir(&folder).arg("serve").env(name, value);
            let said = refusal(command, &folder);
            assert!(said.contains("missing.toml"), "{said}");
            continue;
        }
        let said = refusal(command, &folder);
        assert!(said.contains(expected), "{name}={value}: {said}");
        assert!(
            value.len() < 5 || name != "KEYWARD_ADMIN_TOKEN" || !said.contains(value),
            "a secret is repeated: {said}"
        );
    }
    let settings = fs::read_to_string(folder.join("keyward.toml")).unwrap();
    for (edit, expected) in [
        (format!("admin_tokne = \"x\"\n{settings}"), "admin_tokne"),
        (
            settings.replace(
                "reconcile_interval_seconds = 0",
                "reconcile_interval_seconds = \"never\"",
            ),
            "reconcile_interval_seconds",
        ),
        (settings.replace("admin_token", "# admin_token"), "admin_token"),
        (format!("this is no TOML\n{settings}"), "keyward.toml, line 1"),
    ] {
        fs::write(folder.join("keyward.toml"), edit).unwrap();
        let said = refusal(command(&folder), &folder);
        assert!(said.contains(expected), "{expected}: {said}");
    }
    assert!(
        !folder.join("keyward.db").exists(),
        "a start that is refused leaves no database"
    );
}

fn two_services_on_one_database_are_refused() {
    let control_plane = ControlPlane::alone();
    let mut second = command(control_plane.folder());
    second.env("KEYWARD_LISTEN", "127.0.0.1:0");
    let said = refusal(second, control_plane.folder());
    assert!(
        said.contains("another keyward serves from") && said.contains("keyward.db"),
        "{said}"
    );
    // The first one does not notice.
    control_plane.admin.get("/api/v1/keys").expect(200);
}

fn a_port_that_is_taken_is_refused() {
    let control_plane = ControlPlane::alone();
    let (folder, _) = folder_with_settings();
    let mut second = command(&folder);
    second.env("KEYWARD_LISTEN", control_plane.admin.line().address());
    let log = folder.join("keyward.log");
    let mut process = Guarded::start(&mut second, &log);
    assert!(
        !process
            .wait(Duration::from_secs(20))
            .expect("it ends by itself")
            .success()
    );
    let said = fs::read_to_string(&log).unwrap();
    let last = said.lines().last().unwrap_or_default();
    assert!(
        last.contains("cannot listen on") && last.contains("KEYWARD_LISTEN"),
        "{said}"
    );
}

fn another_brand_on_the_same_database_is_refused() {
    let mut control_plane = ControlPlane::alone();
    control_plane.stop();
    let mut other = command(control_plane.folder());
    other.env("KEYWARD_SERVICE_KEY_BRAND", "acme");
    let log = control_plane.folder().join("other-brand.log");
    let mut process = Guarded::start(&mut other, &log);
    assert!(
        !process
            .wait(Duration::from_secs(20))
            .expect("it ends by itself")
            .success()
    );
    let said = fs::read_to_string(&log).unwrap();
    assert!(
        said.contains("a prefix never changes") && said.contains("`hk`"),
        "{said}"
    );
}

fn it_starts_with_the_variables_of_a_development_stack() {
    let (folder, own) = folder_with_settings();
    let shown = shared().state().join("dev.env");
    let program = command(&folder).get_program().to_owned();
    let mut shell = Command::new("/bin/sh");
    crate::stage::programs::quiet(&mut shell);
    // As a person does who has just tried something against the stack.
    shell
        .args([
            "-c",
            "set -a; . \"$1\"; exec \"$2\" serve --config keyward.toml",
            "sh",
        ])
        .arg(&shown)
        .arg(program);
    shell.current_dir(&folder);
    let mut process = Guarded::start(&mut shell, &folder.join("keyward.log"));
    wait_until_it_serves(&mut process, &own);
    // The one setting among them counts, because variables win over the file.
    own.get("/api/v1/keys").expect(401);
    Admin::at(own.line().url(), shared().admin.token())
        .get("/api/v1/keys")
        .expect(200);
}

fn settings_come_from_variables_alone() {
    let folder = run_folder::new_folder("variables");
    let (port, token) = (free_port().unwrap(), new_admin_token());
    let mut command = Command::new(command(&folder).get_program());
    crate::stage::programs::quiet(&mut command);
    command
        .arg("serve")
        .current_dir(&folder)
        .env("KEYWARD_LISTEN", format!("127.0.0.1:{port}"))
        .env("KEYWARD_ADMIN_TOKEN", &token)
        .env("KEYWARD_SERVICES", "prediction, platform")
        .env("KEYWARD_TAG_SECRETS_TEST", new_ring());
    let mut process = Guarded::start(&mut command, &folder.join("keyward.log"));
    let admin = Admin::at(&format!("http://127.0.0.1:{port}"), &token);
    wait_until_it_serves(&mut process, &admin);
    let mut wish = crate::actors::prediction_key();
    wish["environment"] = "test".into();
    assert!(admin.create(&wish).text.starts_with("hk_test_"));
    // There are no secrets for this one, which is told as a fault of the field.
    wish["environment"] = "production".into();
    let answer = admin.try_create(&wish);
    assert!(
        answer.refuses(400, "invalid_request") && answer.json()["field"] == "environment",
        "{answer}"
    );
}
