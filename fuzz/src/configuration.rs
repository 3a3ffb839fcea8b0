//! Settings of the control plane: what is wrong is named with its place, and no secret is repeated.

use keyward_control_plane::settings::Settings;

use crate::texts;

/// Stands for a secret that somebody put in a wrong place.
const SECRET: &str = "c2VjcmV0LXRoYXQtbXVzdC1uZXZlci1iZS1yZXBlYXRlZA";

pub(crate) fn run(data: &[u8]) {
    let Some([file, variables]) = texts(data) else {
        return;
    };
    let variables = || {
        let lines = variables.lines().filter_map(|line| line.split_once('='));
        lines.map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    let first = Settings::load(Some(("keyward.toml", file)), variables());
    let second = Settings::load(Some(("keyward.toml", file)), variables());
    assert_eq!(first.is_ok(), second.is_ok());
    match (first, second) {
        (Ok(settings), Ok(_)) => assert!(!format!("{settings:?}").contains(SECRET)),
        (Err(first), Err(second)) => {
            assert_eq!(first, second, "one text, one fault");
            assert!(!first.place.is_empty() && !first.problem.is_empty());
        }
        _ => {}
    }
}
