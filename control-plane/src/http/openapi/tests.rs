use super::*;

/// The document that is committed.
const COMMITTED: &str = include_str!("../../../openapi.json");

#[test]
fn the_committed_document_is_what_the_code_says() {
    let now = format!("{:#}\n", document());
    assert!(
        now == COMMITTED,
        "the API has changed; write its description anew and look at the difference: \
         cargo run -q -p keyward-control-plane -- openapi > control-plane/openapi.json"
    );
}

/// Every place in the document that matches, with where it is.
fn walk<'a>(value: &'a Value, at: &str, visit: &mut impl FnMut(&str, &'a Value)) {
    visit(at, value);
    match value {
        Value::Object(members) => members
            .iter()
            .for_each(|(name, member)| walk(member, &format!("{at}/{name}"), visit)),
        Value::Array(entries) => entries.iter().for_each(|entry| walk(entry, at, visit)),
        _ => {}
    }
}

#[test]
fn every_operation_is_described_once_and_every_name_in_a_path_is_explained() {
    let document = document();
    let mut ids = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let place = format!("{method} {path}");
            ids.push(operation["operationId"].as_str().unwrap().to_owned());
            assert!(!operation["summary"].as_str().unwrap().is_empty(), "{place}");
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                assert_ne!(parameter["description"], "", "{place}: {parameter}");
            }
            let has_success = operation["responses"]
                .as_object()
                .unwrap()
                .keys()
                .any(|status| status.starts_with(['2', '3']));
            assert!(has_success, "{place} never succeeds");
        }
    }
    for operation in Operation::ALL {
        let (paths, verb) = endpoint(operation);
        for path in paths {
            assert!(document["paths"][path][verb.method].is_object(), "{operation:?}");
        }
    }
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count, "operation ids repeat");
}

#[test]
fn references_lead_somewhere_and_no_two_types_share_a_name() {
    let document = document();
    walk(&document, "", &mut |at, value| {
        if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
            assert!(document.pointer(&reference[1..]).is_some(), "{at}: {reference}");
        }
    });
    for name in document["components"]["schemas"].as_object().unwrap().keys() {
        // What a generator does with the second of a name. `#[schemars(rename = …)]` gives a better one.
        assert!(!name.ends_with(|letter: char| letter.is_ascii_digit()), "{name}");
    }
}

#[test]
fn examples_can_be_read_and_have_the_fields_of_their_schemas() {
    let document = document();
    for operation in Operation::ALL {
        if let Some(body) = entries::entry(operation).body {
            for (name, example) in &body.examples {
                assert!((body.can_read)(example), "{operation:?}: {name}");
            }
        }
    }
    walk(&document["paths"], "", &mut |at, value| {
        if let (Some(example), Some(schema)) = (value.get("example"), value.get("schema")) {
            fits(at, example, schema, &document);
        }
    });
}

/// Whether an example has the required fields, and no unknown ones.
fn fits(at: &str, example: &Value, schema: &Value, document: &Value) {
    let schema = match schema["$ref"].as_str() {
        Some(reference) => document.pointer(&reference[1..]).unwrap(),
        None => schema,
    };
    if let Some(entries) = example.as_array() {
        return entries
            .iter()
            .for_each(|entry| fits(at, entry, &schema["items"], document));
    }
    let (Some(fields), Some(properties)) = (example.as_object(), schema["properties"].as_object()) else {
        return;
    };
    for required in schema["required"].as_array().into_iter().flatten() {
        assert!(
            fields.contains_key(required.as_str().unwrap()),
            "{at}: {required} is missing"
        );
    }
    for (name, value) in fields {
        let property = properties
            .get(name)
            .unwrap_or_else(|| panic!("{at}: {name} is unknown"));
        fits(&format!("{at}/{name}"), value, property, document);
    }
}

#[test]
fn the_page_shows_every_operation_and_asks_no_other_host() {
    let document = document();
    let page = page::render(&document);
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            assert!(
                page.contains(&format!("<code>{} {path}</code>", method.to_uppercase())),
                "{method} {path}"
            );
        }
    }
    for forbidden in [
        "<script", "http://", "https://", "//cdn", "url(", "@import", " onclick",
    ] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    assert!(page.contains("hk_live_AbC***") && page.contains("href=\"#schema-APIKeyInfo\""));
}
