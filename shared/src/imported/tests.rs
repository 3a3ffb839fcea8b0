//! Patterns, good and bad. More of both are among the vectors.

use alloc::{format, string::ToString as _};

use super::*;
use crate::key::Brands;

fn read(text: &str) -> Result<ImportedKeys, ImportedKeysError> {
    ImportedKeys::parse(text, &Brands::default())
}

fn problem(text: &str) -> PatternError {
    match read(text).unwrap_err() {
        ImportedKeysError::Pattern { number: 1, problem } => problem,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_pattern_describes_the_whole_key() {
    let keys = read("sk_live_{base62:16}, acme|{hex:16}-{hex:2}, {base64url:20-22}").unwrap();
    for text in [
        "sk_live_0123456789abcdeZ",
        "acme|0123456789abcdef-0f",
        "abcdefghij_-EFGHIJKL",
        "abcdefghij_-EFGHIJKLM",
        "abcdefghij_-EFGHIJKLMN",
    ] {
        assert!(keys.include(text), "{text}");
    }
    for text in [
        "",
        "sk_live_0123456789abcde",
        "sk_live_0123456789abcde-",
        "sk_live_0123456789abcdeZ ",
        " sk_live_0123456789abcdeZ",
        "xsk_live_0123456789abcdeZ",
        "SK_live_0123456789abcdeZ",
        "acme|0123456789abcdeF-0f",
        "acme|0123456789abcdef-0",
        "abcdefghij_-EFGHIJK",
        "abcdefghij_-EFGHIJKLMNO",
        "abcdefghij_-EFGHIJKé",
    ] {
        assert!(!keys.include(text), "{text}");
    }
    assert!(!ImportedKeys::default().include("sk_live_0123456789abcdeZ"));
}

#[test]
fn faults_are_named_and_placed() {
    use PatternError as E;
    for (text, error) in [
        ("", E::Empty),
        ("a b{hex:32}", E::Character { at: 2 }),
        ("a\u{e9}{hex:32}", E::Character { at: 2 }),
        ("a{hex:32", E::Brace { at: 2 }),
        ("a}{hex:32}", E::Brace { at: 2 }),
        ("{hex:{hex:32}}", E::Brace { at: 1 }),
        ("sk_{:32}", E::Alphabet { at: 4 }),
        ("sk_{base63:32}", E::Alphabet { at: 4 }),
        ("sk_{Hex:32}", E::Alphabet { at: 4 }),
        ("sk_{base62}", E::Length { at: 4 }),
        ("{hex:8}-{hex:0}", E::Length { at: 9 }),
        ("{hex:032}", E::Length { at: 1 }),
        ("{hex:+32}", E::Length { at: 1 }),
        ("{hex:32-}", E::Length { at: 1 }),
        ("{hex:32-31}", E::Length { at: 1 }),
        ("{hex:20-32}x", E::AfterRange { at: 12 }),
        ("{hex:250}", E::TooLong),
        ("{hex:16-250}", E::TooLong),
        ("sk_0123456789abcdef0123456789abcdef", E::TooWeak),
        ("{hex:15}", E::TooWeak),
        ("{digits:19}", E::TooWeak),
    ] {
        assert_eq!(problem(text), error, "{text}");
    }
    for good in ["{hex:16}", "{digits:20}", "{hex:249}", "a{base64:43}="] {
        assert!(read(good).is_ok(), "{good}");
    }
    assert_eq!(read(&["{hex:32}"; 17].join(",")), Err(ImportedKeysError::TooMany));
    let second = read("{hex:32}, {hex:3}").unwrap_err().to_string();
    assert!(second.starts_with("pattern 2 "), "{second}");
}

#[test]
fn no_pattern_reaches_keys_of_ours() {
    for text in [
        "hk_live_{base62:44}",
        "hk_live_{base62:32}",
        "hpk_{hex:32}",
        "{base64url:52}",
        "{base64url:40-60}",
        "h{base64url:47}",
        "hk_dev_{hex:32}",
    ] {
        assert_eq!(problem(text), PatternError::Ours, "{text}");
    }
    // Of another length, or with another character somewhere.
    for text in [
        "{base64url:43}",
        "{base62:52}",
        "{base64:48}",
        "hk_prod_{base62:44}",
        "hk_live{base62:45}",
        "x{base64url:47}",
        "{base62:51}-",
    ] {
        assert!(read(text).is_ok(), "{text}");
    }
    let brands = Brands::parse("sk", "pk").unwrap();
    let patterns = "sk_live_{base62:24}";
    assert!(read(patterns).is_ok());
    assert!(ImportedKeys::parse(patterns, &brands).is_err());
}

#[test]
fn a_message_never_repeats_what_was_written() {
    for planted in ["planted{", "planted", "{planted:32}", "{hex:planted}", "plan ted"] {
        let error = read(planted).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("plan"), "{error}");
    }
}
