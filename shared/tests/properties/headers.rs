//! Headers of requests and answers.

use keyward_shared::{
    credential::{MAX_CREDENTIAL_BYTES, bearer_token},
    forward::{RequestFilter, private_cache_control},
};
use proptest::{prelude::*, sample::select};

use crate::config;

const IDENTITY: [&str; 7] = [
    "Keyward-Key-Id",
    "Keyward-Organization",
    "Keyward-Service",
    "Keyward-Environment",
    "Keyward-Scopes",
    "Keyward-Request-Id",
    "Keyward-Assertion",
];

/// Values that come close to a credential, and any other text.
fn authorization() -> impl Strategy<Value = String> {
    let close =
        "( |,|\t)?([Bb]earer|BEARER|Basic|Bearer,|)[ ,]{0,3}[!-~]{0,60}( |,)?([Bb]earer )?[ -~]{0,20}";
    prop_oneof![close, "Bearer [0-9A-Za-z_]{1,260}", any::<String>()]
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_token_is_one_word_of_printable_ascii(value in authorization(), api_key in any::<bool>()) {
        if let Ok(token) = bearer_token(Some(&value), api_key) {
            prop_assert!(!api_key && value.len() <= MAX_CREDENTIAL_BYTES);
            prop_assert!(!token.is_empty() && value.trim_end_matches(' ').ends_with(token));
            prop_assert!(token.bytes().all(|byte| byte.is_ascii_graphic() && byte != b','));
        }
    }

    #[test]
    fn a_bearer_token_is_read(scheme in "[Bb][Ee][Aa][Rr][Ee][Rr]", spaces in " {1,5}", token in "[!-+.-~-]{1,200}") {
        let value = format!("{scheme}{spaces}{token}");
        prop_assert_eq!(bearer_token(Some(&value), false), Ok(token.as_str()));
    }

    #[test]
    fn a_second_field_is_never_overlooked(first in "[!-+.-~-]{1,40}", second in "[!-+.-~-]{1,40}", scheme in select(&["Bearer", "Basic", ""])) {
        for value in [format!("{scheme} {first}, Bearer {second}"), format!("Bearer {first}, {scheme} {second}")] {
            prop_assert!(bearer_token(Some(&value), false).is_err(), "{value}");
        }
    }

    #[test]
    fn no_spelling_of_an_identity_header_passes(
        name in select(&IDENTITY), capitals in any::<u64>(), signs in "[-_.!~*'^`|+#$%&]{6}", connection in any::<Option<String>>(),
    ) {
        let mut signs = signs.chars();
        let spelt: String = name.char_indices().map(|(place, sign)| match sign {
            '-' => signs.next().unwrap(),
            letter if capitals >> place & 1 == 1 => letter.to_ascii_uppercase(),
            letter => letter.to_ascii_lowercase(),
        }).collect();
        prop_assert!(!RequestFilter::new(connection.as_deref()).passes(&spelt), "{spelt}");
    }

    #[test]
    fn what_connection_lists_never_passes(name in "[A-Za-z][A-Za-z0-9-]{0,20}", before in "[a-z, ]{0,20}", after in "[a-z, ]{0,20}") {
        let filter = RequestFilter::new(Some(&format!("{before},{name} ,{after}")));
        prop_assert!(!filter.passes(&name) && !filter.passes(&name.to_ascii_uppercase()));
    }

    #[test]
    fn any_name_can_be_asked_for(name in any::<String>(), connection in any::<Option<String>>()) {
        let _ = RequestFilter::new(connection.as_deref()).passes(&name);
    }

    #[test]
    fn no_answer_is_left_to_shared_caches(
        directives in prop::collection::vec(
            select(&["public", "s-maxage=5", "Private=\"a, b\"", "no-cache=\"a, s-maxage=5\"", "max-age=60", "proxy-revalidate", "", "x"]), 0..6,
        ),
        noise in any::<String>(),
    ) {
        for value in [directives.join(","), noise] {
            let sent = private_cache_control(Some(&value));
            prop_assert!(sent == "private" || sent.starts_with("private, "));
            prop_assert_eq!(private_cache_control(Some(&sent)), sent);
        }
        let kept = directives.iter().filter(|directive| ["no-cache=\"a, s-maxage=5\"", "max-age=60", "x"].contains(directive));
        let expected: Vec<&str> = ["private"].iter().chain(kept).copied().collect();
        prop_assert_eq!(private_cache_control(Some(&directives.join(","))), expected.join(", "));
    }
}
