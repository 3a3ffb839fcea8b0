//! What a deployment with a queue needs besides.

use keyward_edge::usage::Reporting;

fn reporting(settings: &[(&str, &str)]) -> Result<Option<Reporting>, String> {
    let read = |name: &str| {
        let found = settings.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    Reporting::from_settings(read).map_err(|error| error.to_string())
}

fn at(url: &str) -> Result<Option<Reporting>, String> {
    reporting(&[("SYNC_SECRETS", "1:a"), ("CONTROL_PLANE_URL", url)])
}

#[test]
fn the_address_of_the_control_plane_is_needed_and_checked() {
    for url in [
        "",
        "planted value",
        "ftp://a.example",
        "https://",
        "https://user@a.example",
        "http://a.example",
        "http://127.0.0.1.example",
    ] {
        let error = at(url).unwrap_err();
        assert!(
            error.contains("CONTROL_PLANE_URL") && !error.contains("planted"),
            "{error}"
        );
    }
    for (url, posts_to) in [
        (
            "https://keyward.example",
            "https://keyward.example/internal/v1/usage",
        ),
        (
            "https://a.example:8443/keyward/",
            "https://a.example:8443/keyward/internal/v1/usage",
        ),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/internal/v1/usage"),
        ("http://[::1]:8080", "http://[::1]:8080/internal/v1/usage"),
        ("http://localhost", "http://localhost/internal/v1/usage"),
    ] {
        assert_eq!(at(url).unwrap().unwrap().url, posts_to);
    }
}

#[test]
fn the_interval_is_whole_seconds_within_bounds() {
    let with = |seconds| {
        let settings = [
            ("SYNC_SECRETS", "1:a"),
            ("CONTROL_PLANE_URL", "https://keyward.example"),
            ("USAGE_REPORT_SECONDS", seconds),
        ];
        reporting(&settings).map(|reporting| reporting.unwrap().after_ms)
    };
    assert_eq!(
        (with(""), with("1"), with("3600")),
        (Ok(20_000), Ok(1000), Ok(3_600_000))
    );
    for wrong in ["0", "3601", "-1", "1.5", "soon"] {
        assert!(
            with(wrong).unwrap_err().contains("USAGE_REPORT_SECONDS"),
            "{wrong}"
        );
    }
}

#[test]
fn without_sync_secrets_nobody_would_believe_a_report() {
    assert_eq!(reporting(&[]), Ok(None));
    assert_eq!(
        reporting(&[("SYNC_SECRETS", ""), ("CONTROL_PLANE_URL", "nonsense")]),
        Ok(None)
    );
}
