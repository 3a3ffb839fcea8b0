//! Request paths against a second, simpler decoder, and route tables against a second, simpler search.

use keyward_shared::{
    RouteTable,
    route::path::{PathPattern, RequestPath},
};
use proptest::{collection::vec, prelude::*, sample::select};

use crate::config;

/// Decodes what is an escape and leaves everything else as it is, over the whole path at once.
fn decoded(path: &[u8]) -> Vec<u8> {
    let digit = |place: usize| {
        let sign = path.get(place).copied().map(char::from);
        sign.and_then(|sign| sign.to_digit(16))
            .and_then(|value| u8::try_from(value).ok())
    };
    let (mut bytes, mut place) = (Vec::new(), 0);
    while place < path.len() {
        match (path[place], digit(place + 1), digit(place + 2)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(high * 16 + low);
                place += 3;
            }
            (byte, ..) => {
                bytes.push(byte);
                place += 1;
            }
        }
    }
    bytes
}

/// Every byte but the separators as an escape.
fn encoded(path: &[u8]) -> String {
    let sign = |byte: &u8| match byte {
        b'/' => "/".to_owned(),
        byte => format!("%{byte:02x}"),
    };
    path.iter().map(sign).collect()
}

/// What path tricks are made of.
const PIECES: &[&str] = &[
    "/", "/", "/", "a", "b", "v1", ".", "..", "%2e", "%2E", "%2f", "%5c", "\\", "%", "%25", "25", "2", "e",
    "f", "%41", "%c3%a9", "é", "%c0%af", "%ff", ";", "%3b", "=", "%00", "%20", " ", "\n", "%7f", "?", "#",
    ".keyward", "%61",
];

fn tricky_path() -> impl Strategy<Value = String> {
    vec(select(PIECES), 0..10).prop_map(|pieces| format!("/{}", pieces.concat()))
}

fn plain_path() -> impl Strategy<Value = Vec<&'static str>> {
    vec(select(&["a", "b", "v1"]), 0..4)
}

fn joined(segments: &[&str]) -> String {
    format!("/{}", segments.join("/"))
}

/// One rule as the second search sees it.
#[derive(Clone, Debug)]
struct Rule {
    segments: Vec<&'static str>,
    exact: bool,
    methods: Vec<&'static str>,
}

fn rules() -> impl Strategy<Value = Vec<Rule>> {
    let methods = select(vec![
        vec!["*"],
        vec!["GET"],
        vec!["POST"],
        vec!["GET", "POST"],
        vec!["HEAD"],
        vec!["DELETE", "PUT"],
    ]);
    let rule = (plain_path(), any::<bool>(), methods);
    vec(rule, 0..8).prop_map(|rules| {
        let mut kept: Vec<Rule> = Vec::new();
        for (segments, exact, methods) in rules {
            let rule = Rule {
                segments,
                exact,
                methods,
            };
            if !kept.iter().any(|earlier| clash(earlier, &rule)) {
                kept.push(rule);
            }
        }
        kept
    })
}

fn answers(rule: &Rule, method: &str) -> bool {
    rule.methods
        .iter()
        .any(|own| *own == "*" || *own == method || (*own == "GET" && method == "HEAD"))
}

/// Whether two rules of one path answer a common method.
fn clash(one: &Rule, other: &Rule) -> bool {
    let methods = ["GET", "HEAD", "POST", "PUT", "DELETE"];
    (&one.segments, one.exact) == (&other.segments, other.exact)
        && methods
            .iter()
            .any(|method| answers(one, method) && answers(other, method))
}

fn toml(rules: &[Rule]) -> String {
    let mut text = "[upstreams]\n".to_owned();
    for number in 0..rules.len() {
        text += &format!("r{number} = \"https://r{number}.example.com\"\n");
    }
    if rules.is_empty() {
        return format!("routes = []\n{text}");
    }
    for (number, rule) in rules.iter().enumerate() {
        let (path, Rule { exact, methods, .. }) = (joined(&rule.segments), rule);
        text += &format!(
            "[[routes]]\nmethods = {methods:?}\npath = \"{path}\"\nexact = {exact}\nservice = \"s\"\nupstream = \"r{number}\"\n"
        );
    }
    text
}

/// Tries every rule and keeps the longest path, exact before not; that path alone decides.
fn search(rules: &[Rule], method: &str, path: &[&str]) -> Option<String> {
    let covers =
        |rule: &&Rule| path.starts_with(&rule.segments) && (!rule.exact || path.len() == rule.segments.len());
    let best = rules
        .iter()
        .filter(covers)
        .map(|rule| (rule.segments.len(), rule.exact))
        .max()?;
    let is_best = |rule: &Rule| covers(&rule) && (rule.segments.len(), rule.exact) == best;
    let number = rules
        .iter()
        .position(|rule| is_best(rule) && answers(rule, method))?;
    Some(format!("r{number}"))
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn whatever_parses_reads_the_same_to_another_decoder(path in tricky_path()) {
        if let Ok(parsed) = RequestPath::parse(&path) {
            let once = decoded(path.as_bytes());
            prop_assert_eq!(&decoded(&once), &once, "decoding twice gives another path");
            let text = core::str::from_utf8(&once).unwrap();
            prop_assert_eq!(text.matches('/').count(), path.matches('/').count());
            prop_assert!(!text.contains(|sign: char| sign == '\\' || sign.is_ascii_control()));
            let segments: Vec<&str> = text[1..].strip_suffix('/').unwrap_or(&text[1..]).split('/').collect();
            let names = segments.iter().map(|segment| segment.split([';', '#', '?']).next().unwrap());
            prop_assert!(text == "/" || !names.clone().any(|name| matches!(name, "." | "..")));
            prop_assert!(text == "/" || !segments.iter().any(|segment| segment.is_empty() || segment.starts_with(';')));
            let first = segments[0].split([';', '#', '?']).next().unwrap();
            prop_assert_eq!(parsed.is_reserved(), first.eq_ignore_ascii_case(".keyward"));
            let escaped = encoded(&once);
            prop_assert_eq!(RequestPath::parse(&escaped), Ok(parsed));
        }
    }

    #[test]
    fn any_text_can_be_tried_as_a_path(text in any::<String>()) {
        let _ = RequestPath::parse(&text);
        let _ = PathPattern::new(&text, false);
    }

    #[test]
    fn an_escaped_path_matches_as_its_plain_form(pattern in plain_path(), path in plain_path(), exact in any::<bool>()) {
        let pattern = PathPattern::new(&joined(&pattern), exact).unwrap();
        let plain = joined(&path);
        let escaped = encoded(plain.as_bytes());
        let matches = |path: &str| pattern.matches(&RequestPath::parse(path).unwrap());
        prop_assert_eq!(matches(&plain), matches(&escaped));
    }

    #[test]
    fn patterns_read_back(segments in plain_path(), exact in any::<bool>()) {
        let pattern = PathPattern::new(&joined(&segments), exact).unwrap();
        prop_assert_eq!(PathPattern::new(&pattern.to_string(), exact), Ok(pattern));
    }

    #[test]
    fn tables_read_back_and_find_what_the_oracle_finds(
        rules in rules(), method in select(&["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "get"]), path in plain_path(),
    ) {
        let table = RouteTable::from_toml(&toml(&rules)).unwrap();
        let carried = RouteTable::from_json(&table.to_json()).unwrap();
        prop_assert_eq!(&carried, &table);
        prop_assert_eq!(carried.to_json(), table.to_json());
        let text = joined(&path);
        let found = table.find(method, &RequestPath::parse(&text).unwrap());
        prop_assert_eq!(found.map(|route| route.upstream.clone()), search(&rules, method, &path));
    }

    /// An origin that reads leniently meets the rule that we went by, or a broader one.
    #[test]
    fn lenient_readers_meet_the_same_rule(
        rules in rules(), method in select(&["GET", "POST", "PUT"]), path in plain_path(),
        parameters in vec(select(&["", "", "", ";", ";x=1", "%3bx", ";a/b", "%23", "%3fa"]), 4), in_capitals in vec(any::<bool>(), 4),
    ) {
        let table = RouteTable::from_toml(&toml(&rules)).unwrap();
        let segments = path.iter().zip(&parameters).zip(&in_capitals);
        let text = segments.map(|((name, parameters), in_capitals)| {
            let name = if *in_capitals { name.to_uppercase() } else { (*name).to_owned() };
            format!("/{name}{parameters}")
        });
        let text = text.collect::<String>();
        let text = if text.is_empty() { "/".to_owned() } else { text };
        let found = table.find(method, &RequestPath::parse(&text).unwrap()).map(|route| route.upstream.clone());
        let decoded = text.replace("%3b", ";").replace("%23", "#").replace("%3f", "?");
        let whole: Vec<_> = decoded.split('/').filter(|segment| !segment.is_empty()).collect();
        let lenient = decoded.to_lowercase();
        let lenient = lenient.split(['#', '?']).next().unwrap().split('/').filter(|segment| !segment.is_empty());
        let lenient: Vec<_> = lenient.map(|segment| segment.split(';').next().unwrap()).collect();
        let expected = search(&rules, method, &whole);
        prop_assert_eq!(found, expected.filter(|route| search(&rules, method, &lenient).as_ref() == Some(route)));
    }

    #[test]
    fn any_text_can_be_tried_as_a_table(text in any::<String>()) {
        let _ = RouteTable::from_json(&text);
        if let Err(error) = RouteTable::from_toml(&text) {
            prop_assert!((1..=text.matches('\n').count() + 1).contains(&error.line));
        }
    }
}
