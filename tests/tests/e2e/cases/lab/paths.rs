//! Routes inside each other with different demands, and paths that two programs could read as two. Whatever reading an origin
//! prefers, it serves a request under the rule by which the edge admitted it.

use std::collections::BTreeSet;

use crate::{
    actors::{Answer, Edge},
    stage::{Lab, LabKey, lab},
};

cases![
    no_spelling_reaches_an_origin_under_another_rule,
    what_cannot_be_mistaken_passes,
    a_target_names_no_other_host,
];

/// Ways to write a path below `/files` that may lead somewhere else there. `*` stands for the segment that is meant.
const SPELLINGS: &[&str] = &[
    "/files/*/x",
    "/files/*",
    "/files/*/",
    "/files/*//",
    "/files//*/x",
    "//files/*/x",
    "/files/./*/x",
    "/files/a/../*/x",
    "/files/a/%2e%2e/*/x",
    "/files/a/%2E./*/x",
    "/files/a/.%2e/*/x",
    "/files/a/..;/*/x",
    "/files/a/..;v=1/*/x",
    "/files/a/%2e%2e;v=1/*/x",
    "/files/a/..%3b/*/x",
    "/files/a/..%2f*/x",
    "/files/a%2f..%2f*/x",
    "/files/a/..%5c*/x",
    "/files/a/..\\*/x",
    "/files\\*\\x",
    "/files%2f*%2fx",
    "/files%5c*%5cx",
    "/files/%2f*/x",
    "/files/*;v=1/x",
    "/files/*;/x",
    "/files/*;",
    "/files/*%3b/x",
    "/files/*%3Bv=1",
    "/files;v=1/*/x",
    "/files;/*;/x;",
    "/files/;v=1/*/x",
    "/files/*%00/x",
    "/files/%00*/x",
    "/files/*%00",
    "/files/*%2500/x",
    "/files/*%0a/x",
    "/files/*%09/x",
    "/files/*%23/x",
    "/files/*#/x",
    "/files/a#/../*/x",
    "/files/*%3f/x",
    "/files/*?/x",
    "/files/a?/../*/x",
    "/files/%252e%252e/files/*/x",
    "/files/a/%252e%252e/*/x",
    "/files/a%252f..%252f*/x",
    "/files/%c0%ae%c0%ae/*/x",
    "/files%c0%af*/x",
    "/files%ef%bc%8f*/x",
    "/files/*%ff/x",
    "/files/*%",
    "/files/*%zz/x",
    "/FILES/*/x",
    "/Files/*/x",
    "/%66iles/*/x",
    "/x/../files/*/x",
    "/closed/../files/*/x",
    "/files/*/../*/x",
    "/files/*/..",
    "/files/*/.",
    "/files/*/%2e",
    "*",
    "files/*/x",
];

/// How the segment itself may be written.
fn disguises(segment: &str) -> Vec<String> {
    let first_escaped = format!("%{:02x}{}", segment.as_bytes()[0], &segment[1..]);
    let mut capital = segment.to_owned();
    capital[..1].make_ascii_uppercase();
    vec![
        segment.to_owned(),
        capital.clone(),
        segment.to_uppercase(),
        format!("%{:02X}{}", capital.as_bytes()[0], &segment[1..]),
        // Letters that become others when they are put in small or capital letters.
        segment.replace('i', "%C4%B1").replace('s', "%C5%BF"),
        segment.replace('i', "%C4%B0").replace('k', "%E2%84%AA"),
        // An origin that decodes twice.
        first_escaped.replace('%', "%25"),
        first_escaped,
    ]
}

/// The rules of tests/worker/routes.toml, the most specific first.
const RULES: [&str; 5] = [
    "/files/admin",
    "/files/public/sealed",
    "/files/public",
    "/files/index",
    "/files",
];

/// The one that covers nothing below it.
const EXACT: &str = "/files/index";

/// The rule that an origin goes by which reads a path so.
fn rule_of(reading: &str) -> Option<&'static str> {
    RULES.into_iter().find(|rule| match reading.strip_prefix(rule) {
        Some("" | "/") => true,
        Some(rest) => rest.starts_with('/') && *rule != EXACT,
        None => false,
    })
}

/// All the ways in which lenient origins may read a path: decoded, and then one step after another in any order.
fn readings(path: &str) -> BTreeSet<String> {
    let steps: [fn(&str) -> String; 7] = [
        unescaped,
        |path| path.replace('\\', "/"),
        |path| path.replace("//", "/"),
        |path| {
            path.to_lowercase()
                .replace('ı', "i")
                .replace("i\u{307}", "i")
                .replace('ſ', "s")
        },
        |path| {
            let names = path.split('/').map(|segment| segment.split(';').next().unwrap());
            names.collect::<Vec<_>>().join("/")
        },
        |path| path.split(['\0', '#', '?']).next().unwrap().to_owned(),
        without_dots,
    ];
    let mut open = vec![unescaped(path)];
    let mut found: BTreeSet<_> = open.iter().cloned().collect();
    while let Some(path) = open.pop() {
        for step in steps {
            let next = step(&path);
            if found.insert(next.clone()) {
                open.push(next);
            }
        }
    }
    found
}

fn unescaped(path: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = path.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let escape = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let escape = escape.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (byte, escape) {
            (b'%', Some(decoded)) => {
                bytes.push(decoded);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// RFC 3986 §5.2.4.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/').skip(1) {
        match segment {
            "." => {}
            ".." => {
                kept.pop();
            }
            other => kept.push(other),
        }
    }
    format!("/{}", kept.join("/"))
}

fn send(edge: &Edge, method: &str, target: &str, key: Option<&LabKey<'_>>) -> Answer {
    let line = key.map(|key| format!("Authorization: Bearer {}", key.text()).into_bytes());
    let lines: Vec<&[u8]> = line.iter().map(Vec::as_slice).collect();
    edge.call_exactly(method, target, &lines)
}

/// A key of each service.
fn keys(lab: &Lab) -> [LabKey<'_>; 2] {
    ["lab", "admin"].map(|service| {
        let key = LabKey::new(lab).with(|record| record.service = Some(service.to_owned()));
        key.publish();
        key.tell(&lab.under_test[1]);
        key
    })
}

fn no_spelling_reaches_an_origin_under_another_rule() {
    let lab = lab::shared();
    let edge = &lab.under_test[0];
    let [own, admin] = &keys(lab);
    let callers: [(Option<&LabKey<'_>>, &[&str]); 3] = [
        (Some(own), &["/files"]),
        (
            Some(admin),
            &["/files/admin", "/files/public/sealed", "/files/index"],
        ),
        (None, &["/files/public"]),
    ];
    let (mut sent, mut passed) = (0, 0);
    for segment in ["admin", "public", "public/sealed", "index"] {
        let disguises = disguises(segment);
        // All of them where there is most to gain.
        let count = if segment == "admin" { disguises.len() } else { 3 };
        for disguise in &disguises[..count] {
            for spelling in SPELLINGS {
                let target = spelling.replace('*', disguise);
                let method = if segment == "index" { "POST" } else { "GET" };
                for (key, rules) in callers {
                    let answer = send(edge, method, &target, key);
                    sent += 1;
                    if answer.status != 200 {
                        let refused = matches!(answer.status, 400 | 401 | 403 | 404);
                        assert!(refused, "{method} {target}: {answer}");
                        continue;
                    }
                    passed += 1;
                    let seen = answer.json()["path"].as_str().unwrap().to_owned();
                    for reading in readings(&seen) {
                        // To a public path anybody may go, also who has a key.
                        let rule = rule_of(&reading);
                        let is_allowed =
                            rule.is_some_and(|rule| rules.contains(&rule) || rule == "/files/public");
                        assert!(
                            is_allowed,
                            "{method} {target} reached {seen}, which reads as {reading}"
                        );
                    }
                }
            }
        }
    }
    eprintln!("{sent} spellings: {passed} passed, each under its own rule");
    assert!(passed > 0);
}

fn what_cannot_be_mistaken_passes() {
    let lab = lab::shared();
    let edge = &lab.under_test[0];
    let [own, admin] = &keys(lab);
    for (method, target, key) in [
        ("GET", "/files", Some(own)),
        ("GET", "/files/", Some(own)),
        ("GET", "/files/a;v=1/b;w", Some(own)),
        ("GET", "/files/B/%C3%A9t%C3%A9/100%25", Some(own)),
        ("GET", "/files/administrators", Some(own)),
        ("GET", "/files/publicly", Some(own)),
        ("GET", "/files/a/admin", Some(own)),
        ("PUT", "/files/admin", Some(admin)),
        ("GET", "/files/%61dmin/Deep;v=1", Some(admin)),
        ("POST", "/files/index", Some(admin)),
        ("GET", "/files/public/a;v=1?b=/../c", None),
        ("GET", "/files/public/", None),
        ("GET", "/files/public/sealed/x", Some(admin)),
    ] {
        let answer = send(edge, method, target, key).expect(200);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let seen = answer.json();
        assert_eq!(
            (&seen["path"], &seen["query"]),
            (&path.into(), &query.into()),
            "{target}"
        );
    }
    for (method, target, key, status) in [
        // Inside, other demands hold; and a path with a rule of its own is nobody else's.
        ("GET", "/files/admin", Some(own), 403),
        ("GET", "/files/public/sealed", Some(own), 403),
        ("GET", "/files/public/sealed", None, 401),
        ("GET", "/files/index", Some(own), 404),
        ("POST", "/files/index", Some(own), 403),
        ("GET", "/files/x", Some(admin), 403),
    ] {
        assert_eq!(
            send(edge, method, target, key).status,
            status,
            "{method} {target}"
        );
    }
}

/// An absolute target (RFC 9112 §3.2.2) is as good as any other, and goes where the route says.
fn a_target_names_no_other_host() {
    let lab = lab::shared();
    let edge = &lab.under_test[0];
    let [own, _] = &keys(lab);
    for host in [edge.line().address(), "evil.example", "127.0.0.1:1"] {
        for scheme in ["http", "https", "ftp"] {
            let answer = send(
                edge,
                "GET",
                &format!("{scheme}://{host}/files/absolute"),
                Some(own),
            );
            if answer.status == 200 {
                assert_eq!(answer.json()["path"], "/files/absolute", "{scheme}://{host}");
                assert_ne!(answer.origin_saw("host").as_deref(), Some(host));
            } else {
                assert!(matches!(answer.status, 400 | 404), "{scheme}://{host}: {answer}");
            }
        }
        let answer = send(edge, "GET", &format!("http://{host}/files/admin/x"), Some(own));
        assert!(matches!(answer.status, 400 | 403 | 404), "{host}: {answer}");
        let answer = send(
            edge,
            "GET",
            &format!("http://user:pw@{host}/files/public/../admin"),
            None,
        );
        assert!(matches!(answer.status, 400 | 401 | 404), "{host}: {answer}");
    }
}
