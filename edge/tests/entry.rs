//! The entry answers by itself only when Rust cannot, and must then say what Rust would have said.

use keyward_shared::DenyReason;

const UNAVAILABLE: &str = include_str!("../entry/unavailable.ts");

#[test]
fn the_entry_says_what_the_unavailable_reason_says() {
    let reason = DenyReason::Unavailable;
    let texts = [
        ("type", reason.type_uri()),
        ("title", reason.title().into()),
        ("detail", reason.detail().into()),
        ("code", reason.code().into()),
    ];
    for (field, text) in texts {
        let line = format!("{field}: {text:?},");
        assert!(
            UNAVAILABLE.contains(&line),
            "edge/entry/unavailable.ts has no line `{line}`"
        );
    }
    let line = format!("status: {},", reason.status());
    assert!(
        UNAVAILABLE.contains(&line),
        "edge/entry/unavailable.ts has no line `{line}`"
    );
}
