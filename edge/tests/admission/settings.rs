//! Settings that are missing or wrong are named, and never repeated.

use keyward_edge::answer;

use crate::stage::{deployment, settings};

#[test]
fn each_fault_names_its_variable_and_hides_its_value() {
    let cases = [
        ("DEPLOYMENT", ""),
        ("DEPLOYMENT", "planted value"),
        ("ENVIRONMENT", ""),
        ("ENVIRONMENT", "planted value"),
        ("RECORD_CACHE_SECONDS", "61"),
        ("RECORD_CACHE_SECONDS", "-1"),
        ("RECORD_CACHE_SECONDS", "planted value"),
        ("SERVICE_KEY_BRAND", "planted value"),
        ("SERVICE_KEY_BRAND", "hpk"),
        ("GATEWAY_KEY_BRAND", "planted value"),
        ("TAG_SECRETS_PRODUCTION", ""),
        ("TAG_SECRETS_PRODUCTION", "planted value"),
        ("TAG_SECRETS_TEST", "1:planted value"),
        ("TAG_SECRETS_GATEWAY", "1:AAAA"),
        ("RECORD_SECRETS", ""),
        ("RECORD_SECRETS", "planted value"),
        ("SYNC_SECRETS", "planted value"),
        ("ASSERTION_KEYS", "planted value"),
        ("ASSERTION_KEYS", "1:planted"),
        ("ASSERTION_ISSUER", "planted value"),
        ("IMPORTED_KEYS", "planted value"),
        ("VERIFY_SECRETS", "planted value"),
        ("VERIFY_SECRETS", "*:planted-planted-planted-planted-"),
        ("VERIFY_PER_MINUTE", "0"),
        ("VERIFY_PER_MINUTE", "1000001"),
        ("IMPORTED_KEYS", "hk_live_{base62:44}"),
        ("LEASE_SECONDS", "11"),
        ("LEASE_SECONDS", "planted value"),
        ("CONSISTENCY", "planted value"),
        ("REALM", "a \"planted value\""),
        ("UPSTREAM_ORIGIN", "planted value"),
    ];
    for (variable, value) in cases {
        let mut settings = settings();
        settings.insert(variable, value.to_owned());
        let error = deployment(&settings).unwrap_err();
        assert_eq!(error.variable, variable, "{value:?}");
        assert!(error.to_string().contains(variable), "{error}");
        assert!(!answer::misconfigured(&error).body.contains("planted"), "{error}");
    }
}

#[test]
fn an_upstream_of_the_deployment_replaces_that_of_the_table() {
    let mut settings = settings();
    settings.insert("UPSTREAM_ORIGIN", "http://127.0.0.1:9/base/".to_owned());
    let deployment = deployment(&settings).unwrap();
    let route = &deployment.routes.routes()[0];
    assert_eq!(
        deployment.routes.upstream(route).unwrap().as_str(),
        "http://127.0.0.1:9/base"
    );
}

#[test]
fn an_empty_optional_setting_is_an_absent_one() {
    let mut settings = settings();
    for variable in [
        "REALM",
        "RECORD_CACHE_SECONDS",
        "TAG_SECRETS_TEST",
        "UPSTREAM_ORIGIN",
    ] {
        settings.insert(variable, String::new());
    }
    let deployment = deployment(&settings).unwrap();
    assert_eq!(
        (deployment.realm.as_str(), deployment.record_cache_ms),
        ("keyward", 2000)
    );
}
