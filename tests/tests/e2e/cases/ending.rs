//! The end: how the stack goes down, and what the whole run has left behind.

use std::fs;

use crate::{
    actors::prediction_key,
    evidence::{self, Kind, Search},
    stage::{DevStack, dev_stack::ENDS_WITHIN, lone_edge, processes, run_folder, shared},
};

cases![
    the_stack_ends_in_time_and_leaves_no_process,
    the_search_for_secrets_finds_what_is_there,
    no_secret_is_in_any_log_database_kv_value_or_answer,
];

fn the_stack_ends_in_time_and_leaves_no_process() {
    let stack = shared();
    // While it has something to do.
    stack.admin.create(&prediction_key());
    check_ending(stack);
}

#[track_caller]
fn check_ending(stack: &DevStack) {
    let ending = stack.end().expect("it has not ended before");
    assert_eq!(ending.succeeded, Some(true), "{ending:?}");
    assert!(ending.took < ENDS_WITHIN, "{ending:?}");
    assert!(ending.left_behind.is_empty(), "{ending:?}");
    assert!(
        !stack.state().join("dev.env").exists(),
        "addresses that do not answer any more"
    );
    if !processes::IS_KNOWN {
        eprintln!("only the ports were looked at: this system does not list processes");
    }
}

/// A search that never finds anything would pass for ever.
fn the_search_for_secrets_finds_what_is_there() {
    let folder = run_folder::new_folder("planted");
    let (key, token) = (
        "hk_live_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789planted",
        "a-token-that-nobody-uses",
    );
    evidence::plant(key);
    evidence::plant_admin_token(token);
    let canaries = evidence::canaries();
    let search = Search::of(canaries);
    assert_eq!(
        search.kinds_in(format!("Authorization: Bearer {key}\n").as_bytes()),
        [Kind::Key]
    );
    assert_eq!(search.kinds_in(b"the preview hk_live_AbC*** is no secret"), []);
    // Each kind is noticed, wherever it stands in what came out.
    for kind in Kind::ALL {
        let leak = format!("planted-{kind:?}-of-the-search");
        evidence::plant_of(kind, &leak);
        let search = Search::of(evidence::canaries());
        for place in [
            leak.clone(),
            format!("{leak}\n"),
            format!("keyward_up{{x=\"{leak}\"}} 1"),
            format!("\0\u{7f}{leak}\0"),
        ] {
            assert_eq!(search.kinds_in(place.as_bytes()), [kind], "{place:?}");
        }
    }

    fs::create_dir(folder.join("deep")).unwrap();
    let log = folder.join("deep/service.log");
    // Among bytes that are no text, and over the limits of any line.
    fs::write(
        &log,
        [&[0xff, 0x00][..], key.as_bytes(), token.as_bytes(), &[0xfe]].concat(),
    )
    .unwrap();
    fs::write(folder.join("dev.env"), format!("KEYWARD_ADMIN_TOKEN={token}\n")).unwrap();
    let (count, found) = evidence::search_files(&search, &folder);
    fs::remove_dir_all(&folder).unwrap();
    assert_eq!(
        (count, found),
        (2, vec![format!("{} holds [Key, AdminToken]", log.display())])
    );
}

fn no_secret_is_in_any_log_database_kv_value_or_answer() {
    // The life of a key with all that can be said of it, so that the search means something also when it runs alone.
    let lone = lone_edge::among_others();
    let control_plane = crate::stage::ControlPlane::publishing_to(&lone, lone.edge.line().url());
    let key = control_plane.admin.create(&prediction_key());
    lone.edge
        .call("POST", "/v1/predict")
        .bearer(&key.text)
        .until_admitted();
    let rotated = control_plane.admin.rotate(&key);
    for path in [
        format!("/api/v1/keys/{}", key.text),
        format!("/api/v1/{}", rotated.text),
    ] {
        // Whoever pastes a key into a path must not find it in the log.
        assert!(control_plane.admin.get(&path).status >= 400);
    }
    control_plane.admin.revoke(&rotated).expect(200);
    lone.edge
        .call("POST", "/v1/predict")
        .bearer(&rotated.text)
        .until_refused(401, "revoked");
    drop(lone);

    let canaries = evidence::canaries();
    let count = canaries.len();
    let search = Search::of(canaries);
    let (files, mut found) = evidence::search_files(&search, run_folder::path());
    let (answers, in_answers) = evidence::search_answers(&search);
    found.extend(in_answers);
    eprintln!("{count} secrets searched for in {files} files and {answers} answers");
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert!(files > 10 && answers > 5);
}
