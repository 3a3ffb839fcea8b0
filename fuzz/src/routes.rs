//! Route tables and request paths, against a second, simpler search.

use keyward_shared::{
    RouteTable,
    route::{Access, path::RequestPath},
};

use crate::texts;

pub(crate) fn run(data: &[u8]) {
    let Some([path, method, toml]) = texts(data) else {
        return;
    };
    let read = RequestPath::parse(path).ok();
    if read.is_some() {
        let decoded = decoded(path);
        assert!(
            !decoded.is_empty() && !path.contains(['\\', '#', '?']),
            "{path:?}"
        );
        let moves = decoded.split('/').any(|segment| matches!(segment, "." | ".."));
        assert!(
            !moves && !decoded.contains("//") && !decoded.contains('\0'),
            "{path:?} is {decoded:?}"
        );
    }
    let table = match RouteTable::from_toml(toml) {
        Ok(table) => table,
        Err(error) => {
            let lines = toml.lines().count().max(1);
            assert!((1..=lines + 1).contains(&error.line), "{error} in {lines} lines");
            return;
        }
    };
    let carried = RouteTable::from_json(&table.to_json());
    assert_eq!(carried.ok().as_ref(), Some(&table));
    assert!(table.routes().iter().all(|route| table.upstream(route).is_some()));
    let Some(read) = read else {
        return;
    };
    let Some(found) = table.find(method, &read) else {
        return;
    };
    assert!(found.path.matches(&read) && found.methods.include(method));
    // No other rule that covers the path asks for more of it.
    for other in table.routes().iter().filter(|other| other.path.matches(&read)) {
        assert!(
            found.path.specificity() <= other.path.specificity(),
            "{path} is {}",
            other.path
        );
    }
    if found.access == Access::Public {
        let same_path = table.routes().iter().filter(|other| other.path == found.path);
        let for_method: Vec<_> = same_path.filter(|other| other.methods.include(method)).collect();
        assert_eq!(for_method.len(), 1, "{method} {path} has two rules");
    }
}

/// The path without its escapes, where they make text.
fn decoded(path: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = path.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| str::from_utf8(digits).ok());
        let escape = digits
            .and_then(|digits| u8::from_str_radix(digits, 16).ok())
            .filter(|_| *first == b'%');
        bytes.push(escape.unwrap_or(*first));
        rest = if escape.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes).unwrap_or_default()
}
