//! Which headers of a client stay behind, by a second, simpler rule: no name that an origin could take for one of ours passes.

use keyward_edge::forwarding::stays_behind;
use keyward_shared::forward::private_cache_control;

use crate::texts;

pub(crate) fn run(data: &[u8]) {
    let Some([names, connection, upgrade, cache_control]) = texts(data) else {
        return;
    };
    // The runtime gives names in lower case and without commas.
    let names: Vec<_> = names.split(',').map(str::to_ascii_lowercase).collect();
    let staying = stays_behind(&names.join(","), connection, upgrade);
    let staying: Vec<_> = staying.split(',').collect();
    for name in &names {
        let plain: String = name
            .chars()
            .map(|sign| if sign.is_ascii_alphanumeric() { sign } else { '-' })
            .collect();
        let is_ours = plain.trim_start_matches('-').starts_with("keyward");
        let is_ours = is_ours
            && plain
                .trim_start_matches('-')
                .strip_prefix("keyward")
                .is_some_and(|rest| rest.starts_with('-') || (rest.is_empty() && plain == "keyward"));
        let is_credential = ["authorization", "api-key"].contains(&plain.as_str());
        let is_of_connection = connection
            .split(',')
            .any(|listed| listed.trim().eq_ignore_ascii_case(name) && name != "upgrade");
        if is_ours || is_credential || (is_of_connection && !name.is_empty()) {
            assert!(staying.contains(&name.as_str()), "{name:?} passes");
        }
    }
    // It makes none up, and keeps their order.
    let mut left = names.iter();
    for name in staying.iter().filter(|name| !name.is_empty()) {
        assert!(left.any(|sent| sent == name), "{name:?}");
    }
    let private = private_cache_control(Some(cache_control));
    assert!(
        private == "private" || private.starts_with("private, "),
        "{private}"
    );
    let shared = ["public", "s-maxage"];
    let outside_quotes: String = private.split('"').step_by(2).collect();
    for directive in outside_quotes.split(',') {
        let name = directive
            .split('=')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        assert!(
            !shared.contains(&name.as_str()),
            "{private:?} of {cache_control:?}"
        );
    }
}
