use super::*;

/// A good table of one route. Each test replaces a piece of it.
const TABLE: &str = r#"[upstreams]
main = "https://api.example.com/"

[[routes]]
methods = ["GET"]
path = "/a"
service = "s"
scope = "read"
meter = "m"
upstream = "main"
timeout_seconds = 5
failure = "closed"
"#;

/// What follows the last line.
const END: &str = "\"closed\"\n";

fn with(piece: &str, other: &str) -> String {
    assert_eq!(
        TABLE.matches(piece).count(),
        1,
        "{piece:?} is not one piece of the table"
    );
    TABLE.replace(piece, other)
}

fn ending(more: &str) -> String {
    with(END, &format!("{END}{more}"))
}

/// Whether the text has a fault on this line, with these words in its message.
#[track_caller]
fn assert_fault(text: &str, line: usize, message: &str) {
    let error = RouteTable::from_toml(text).expect_err(text);
    assert!(
        error.line == line && error.message.contains(message),
        "expected line {line}: …{message}…, got {error}\n{text}"
    );
}

#[track_caller]
fn only_route(text: &str) -> Route {
    let table = RouteTable::from_toml(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(table.routes().len(), 1);
    table.routes()[0].clone()
}

#[test]
fn a_route_says_all_it_can() {
    let text = format!(
        "{}exact = true\nstream_max_age_seconds = 60\nconsistency = \"fast\"\nshared_cache = true\n[routes.cors]\norigins = [\"https://a.example\"]\nheaders = [\"X-A\"]\nexpose = [\"X-B\"]\nmax_age_seconds = 60\n",
        with("\"closed\"", "{ last_known_good_seconds = 86400 }")
    );
    let expected = Route {
        methods: Methods::Only(vec!["GET".to_owned()]),
        path: PathPattern::new("/a", true).unwrap(),
        access: Access::Key {
            service: "s".to_owned(),
            scope: Some("read".to_owned()),
        },
        upstream: "main".to_owned(),
        meter: Some("m".to_owned()),
        cors: Some(Cors {
            origins: vec!["https://a.example".to_owned()],
            headers: vec!["X-A".to_owned()],
            expose: vec!["X-B".to_owned()],
            max_age_seconds: 60,
        }),
        failure: FailurePolicy::LastKnownGood { seconds: 86400 },
        consistency: Some(Consistency::Fast),
        shared_cache: true,
        timeout_seconds: 5,
        stream_max_age_seconds: 60,
    };
    assert_eq!(only_route(&text), expected);
}

#[test]
fn what_a_route_leaves_out_has_a_default() {
    let text = "[upstreams]\nmain = \"http://a\"\n[[routes]]\nmethods = [\"*\"]\npath = \"/\"\npublic = true\nupstream = \"main\"\ncors = { origins = [\"*\"] }\n";
    let route = only_route(text);
    assert_eq!((route.methods, route.access), (Methods::Any, Access::Public));
    assert_eq!(
        (route.meter, route.shared_cache, route.timeout_seconds),
        (None, false, 30)
    );
    assert_eq!(route.stream_max_age_seconds, 3600);
    assert_eq!(route.failure, FailurePolicy::Closed);
    assert_eq!(route.path, PathPattern::new("/", false).unwrap());
    let cors = route.cors.unwrap();
    assert_eq!(cors.max_age_seconds, 7200);
    assert!(cors.headers.is_empty() && cors.expose.is_empty());
}

#[test]
fn failure_policies() {
    for (text, policy) in [
        ("\"closed\"", FailurePolicy::Closed),
        ("\"open\"", FailurePolicy::Open),
        (
            "{ last_known_good_seconds = 1 }",
            FailurePolicy::LastKnownGood { seconds: 1 },
        ),
    ] {
        assert_eq!(only_route(&with("\"closed\"", text)).failure, policy);
    }
}

#[test]
fn faults_of_the_file_name_their_line() {
    for (text, line, message) in [
        ("", 1, "missing field `upstreams`"),
        ("[upstreams]\n", 1, "missing field `routes`"),
        ("routes = []\n", 1, "missing field `upstreams`"),
        ("routes = []\n\nx", 3, "key with no value"),
        (&with("[upstreams]", "[upstreams"), 1, "unclosed table"),
        (&with("[upstreams]", "[upstream]"), 1, "unknown field `upstream`"),
        (&with("[[routes]]", "[routes]"), 4, "expected a sequence"),
        (&with("meter =", "metre ="), 9, "unknown field `metre`"),
        (&ending("path = \"/b\"\n"), 13, "duplicate key"),
        (&ending("exact = 1\n"), 13, "expected a boolean"),
        (&ending("\n[[route]]\n"), 14, "unknown field `route`"),
        // Line ends of another system count as one.
        (
            &with("meter =", "metre =").replace('\n', "\r\n"),
            9,
            "unknown field `metre`",
        ),
    ] {
        assert_fault(text, line, message);
    }
}

#[test]
fn faults_of_upstreams_name_their_line() {
    for (piece, other, line, message) in [
        (
            "main = \"h",
            "Main = \"h",
            2,
            "the upstream name `Main` must have",
        ),
        ("main = \"h", "1 = \"h", 2, "the upstream name `1` must have"),
        ("https://", "ftp://", 2, "upstream `main` must be a URL"),
        ("https://", "https://user@", 2, "upstream `main` must be a URL"),
        (
            "example.com/",
            "example.com/?x",
            2,
            "upstream `main` must be a URL",
        ),
        ("\"https://api.example.com/\"", "5", 2, "expected a string"),
        (
            "[upstreams]\n",
            "[upstreams]\nmain = \"http://a\"\n",
            3,
            "duplicate key",
        ),
    ] {
        assert_fault(&with(piece, other), line, message);
    }
}

#[test]
fn faults_of_routes_name_their_line() {
    let methods = "methods must be a list such as";
    for method in ["TRACE", "CONNECT"] {
        let text = with("[\"GET\"]", &format!("[\"GET\", {method:?}]"));
        assert_fault(&text, 5, &format!("{method} is never forwarded"));
    }
    let public = "a public route has neither service nor scope";
    for (piece, other, line, message) in [
        ("methods = [\"GET\"]\n", "", 4, "missing field `methods`"),
        ("[\"GET\"]", "[]", 5, methods),
        ("[\"GET\"]", "[\"get\"]", 5, methods),
        ("[\"GET\"]", "[\"\"]", 5, methods),
        ("[\"GET\"]", "[\"*\", \"GET\"]", 5, methods),
        ("[\"GET\"]", "\"GET\"", 5, "expected a sequence"),
        ("path = \"/a\"\n", "", 4, "missing field `path`"),
        ("\"/a\"", "\"a\"", 6, "path `a`: a path starts with `/`"),
        ("\"/a\"", "\"/a/\"", 6, "does not end with one"),
        ("\"/a\"", "\"/a/*\"", 6, "wildcard"),
        ("\"/a\"", "\"/a//b\"", 6, "no empty segment"),
        ("\"/a\"", "\"/.keyward\"", 6, "belong to the Worker itself"),
        (
            "service = \"s\"\n",
            "",
            4,
            "the route needs a `service`, or `public = true`",
        ),
        ("\"s\"", "\"S\"", 7, "the service `S` must have"),
        ("\"s\"", "\"\"", 7, "the service `` must have"),
        ("\"s\"", "\"s\"\npublic = true", 7, public),
        ("service = \"s\"\n", "public = true\n", 8, public),
        (
            "service = \"s\"\nscope = \"read\"\n",
            "public = true\n",
            8,
            "nothing to meter",
        ),
        (
            "\"read\"",
            "\"re ad\"",
            8,
            "a scope has 1 to 64 printable ASCII characters",
        ),
        (
            "\"read\"",
            "\"\"",
            8,
            "a scope has 1 to 64 printable ASCII characters",
        ),
        ("\"m\"", "\"9\"", 9, "the meter `9` must have"),
        ("upstream = \"main\"\n", "", 4, "missing field `upstream`"),
        (
            "= \"main\"",
            "= \"other\"",
            10,
            "there is no upstream `other` under [upstreams]",
        ),
        ("= 5", "= 0", 11, "timeout_seconds must be 1 to 600"),
        ("= 5", "= 601", 11, "timeout_seconds must be 1 to 600"),
        (
            "timeout_seconds = 5",
            "stream_max_age_seconds = 0",
            11,
            "stream_max_age_seconds must be 1 to 86400",
        ),
        (
            "timeout_seconds = 5",
            "stream_max_age_seconds = 86401",
            11,
            "stream_max_age_seconds must be 1 to 86400",
        ),
        ("= 5", "= -1", 11, "expected u32"),
        (
            "\"closed\"",
            "\"shut\"",
            12,
            "must be \"closed\", \"open\" or { last_known_good_seconds = N }",
        ),
        ("\"closed\"", "{ last_known_good = 5 }", 12, "must be \"closed\""),
        (
            "\"closed\"",
            "{ last_known_good_seconds = 0 }",
            12,
            "must be 1 to 86400",
        ),
        (
            "\"closed\"",
            "{ last_known_good_seconds = 86401 }",
            12,
            "must be 1 to 86400",
        ),
    ] {
        assert_fault(&with(piece, other), line, message);
    }
}

#[test]
fn faults_of_cors_name_their_line() {
    let origins = "cors.origins must list origins";
    let headers = "cors.headers and cors.expose list names of headers";
    for (more, line, message) in [
        ("cors = { origins = [] }\n", 13, origins),
        ("[routes.cors]\norigins = [\"https://a/\"]\n", 14, origins),
        ("[routes.cors]\norigins = [\"a.example\"]\n", 14, origins),
        ("[routes.cors]\norigins = [\"https://*.a\"]\n", 14, origins),
        ("[routes.cors]\norigins = [\"*\", \"https://a\"]\n", 14, origins),
        (
            "[routes.cors]\norigins = [\"*\"]\nheaders = [\"a b\"]\n",
            15,
            headers,
        ),
        (
            "[routes.cors]\norigins = [\"*\"]\n\nexpose = [\"\"]\n",
            16,
            headers,
        ),
        (
            "[routes.cors]\norigins = [\"*\"]\norigin = 1\n",
            15,
            "unknown field `origin`",
        ),
        ("[routes.cors]\nheaders = []\n", 13, "missing field `origins`"),
    ] {
        assert_fault(&ending(more), line, message);
    }
}

#[test]
fn two_routes_for_one_method_and_path_are_a_fault() {
    let second = |methods: &str, path: &str| {
        ending(&format!(
            "\n[[routes]]\nmethods = {methods}\npath = \"{path}\"\npublic = true\nupstream = \"main\"\n"
        ))
    };
    // `GET` answers `HEAD` too.
    for methods in ["[\"GET\"]", "[\"POST\", \"GET\"]", "[\"*\"]", "[\"HEAD\"]"] {
        assert_fault(
            &second(methods, "/a"),
            14,
            "`/a` already has a route for one of these methods, on line 4",
        );
    }
    let head_first = with("\"GET\"", "\"HEAD\"")
        + "\n[[routes]]\nmethods = [\"GET\"]\npath = \"/a\"\npublic = true\nupstream = \"main\"\n";
    assert_fault(&head_first, 14, "on line 4");
    for (methods, path) in [("[\"POST\"]", "/a"), ("[\"GET\"]", "/a/b"), ("[\"*\"]", "/")] {
        assert!(
            RouteTable::from_toml(&second(methods, path)).is_ok(),
            "{methods} {path}"
        );
    }
}

#[test]
fn a_fault_reads_as_a_line_and_a_sentence() {
    let error = RouteTable::from_toml(&with("= 5", "= 0")).unwrap_err();
    assert_eq!(error.to_string(), "line 11: timeout_seconds must be 1 to 600");
}

#[test]
fn a_route_with_a_key_may_choose_its_consistency() {
    let of = |text: &str| only_route(text).consistency;
    assert_eq!(of(TABLE), None);
    assert_eq!(
        of(&ending("consistency = \"strict\"\n")),
        Some(Consistency::Strict)
    );
    assert_fault(&ending("consistency = \"lax\"\n"), 13, "\"strict\" or \"fast\"");
    let public = "[upstreams]\nmain = \"http://a\"\n[[routes]]\nmethods = [\"*\"]\npath = \"/\"\npublic = true\nupstream = \"main\"\nconsistency = \"fast\"\n";
    assert_fault(public, 8, "has no key");
}
