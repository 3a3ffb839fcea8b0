//! Patterns of keys made elsewhere.

use keyward_shared::{
    Brands, ImportedKeys,
    imported::{ImportedKeysError, PatternError},
};
use serde::Deserialize;

use crate::{check_all, expect, part};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Imported {
    good: Vec<Good>,
    bad: Vec<Bad>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Good {
    pattern: String,
    matches: Vec<String>,
    others: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bad {
    pattern: String,
    error: String,
}

#[test]
fn patterns_match_what_a_regular_expression_would() {
    let Imported { good, .. } = part(|document| document.imported);
    assert!(good.iter().any(|case| !case.matches.is_empty()));
    check_all(&good, |case| {
        let keys = ImportedKeys::parse(&case.pattern, &Brands::default())
            .map_err(|error| format!("{}: {error}", case.pattern))?;
        let texts = case.matches.iter().map(|text| (text, true));
        let mut texts = texts.chain(case.others.iter().map(|text| (text, false)));
        texts.try_for_each(|(text, matches)| {
            let what = format!("{} and {text:?}", case.pattern);
            expect(&what, &matches, &keys.include(text))
        })
    });
}

#[test]
fn what_is_no_pattern_is_refused() {
    let Imported { bad, .. } = part(|document| document.imported);
    check_all(&bad, |case| {
        let error = match ImportedKeys::parse(&case.pattern, &Brands::default()) {
            Ok(_) => "none",
            Err(ImportedKeysError::TooMany) => "too_many",
            Err(ImportedKeysError::Pattern { problem, .. }) => match problem {
                PatternError::Empty => "empty",
                PatternError::Character { .. } => "character",
                PatternError::Brace { .. } => "brace",
                PatternError::Alphabet { .. } => "alphabet",
                PatternError::Length { .. } => "length",
                PatternError::AfterRange { .. } => "after_range",
                PatternError::TooLong => "too_long",
                PatternError::TooWeak => "too_weak",
                PatternError::Ours => "ours",
            },
        };
        expect(&format!("{:?}", case.pattern), &case.error.as_str(), &error)
    });
}
