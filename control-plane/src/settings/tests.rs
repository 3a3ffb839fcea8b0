use keyward_shared::secret::ring_entry;

use super::*;

const TOKEN: &str = "mT3kWq8xZp-1rYv_9sLb2C";

fn minimal() -> String {
    format!(
        "admin_token = \"{TOKEN}\"\nservices = [\"prediction\"]\n[tag_secrets]\nproduction = \"{}\"\n",
        ring_entry(1, &[1; 32])
    )
}

fn deployment(id: &str) -> String {
    let secrets = ring_entry(1, &[2; 32]);
    format!(
        "[deployments.{id}]\nenvironment = \"production\"\nkv_url = \"http://127.0.0.1:1\"\nnamespace_id = \"n{id}\"\n\
         record_secrets = \"{secrets}\"\n"
    )
}

fn sync_secrets() -> String {
    format!(
        "sync_secrets = \"{}\"\n",
        ring_entry(1, b"canary-canary-canary-canary-0456")
    )
}

fn load(text: &str, variables: &[(&str, &str)]) -> Result<Settings, String> {
    let variables = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Settings::load(Some(("keyward.toml", text)), variables).map_err(|error| error.to_string())
}

#[test]
fn defaults_are_the_documented_ones() {
    let settings = load(&minimal(), &[]).unwrap();
    assert_eq!(settings.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(settings.database.to_string(), "keyward.db");
    assert_eq!(settings.propagation_wait, Duration::from_secs(5));
    assert_eq!(settings.reconcile_interval, Some(Duration::from_secs(3600)));
}

#[test]
fn variables_win_over_the_file() {
    let settings = load(
        &(minimal() + &deployment("eu-1")),
        &[
            ("KEYWARD_LISTEN", "127.0.0.1:9"),
            ("KEYWARD_SERVICES", "b, a"),
            ("KEYWARD_PROPAGATION_WAIT_SECONDS", "1"),
            ("KEYWARD_DEPLOYMENT_EU_1_NAMESPACE_ID", "other"),
            ("HOME", "/"),
        ],
    )
    .unwrap();
    assert_eq!(settings.listen.port(), 9);
    assert_eq!(settings.services, ["a", "b"]);
    assert_eq!(settings.propagation_wait, Duration::from_secs(1));
    assert!(format!("{:?}", settings.deployments["eu-1"].endpoint).contains("/storage/kv/namespaces/other/"));
}

#[test]
fn the_servers_bounds_are_the_documented_ones() {
    let server = |text: &str, variables: &[(&str, &str)]| {
        load(&(minimal() + text), variables).map(|settings| settings.server)
    };
    let usual = server("", &[]).unwrap();
    assert_eq!(
        (usual.max_connections, usual.connections_per_client),
        (4096, Some(256))
    );
    assert_eq!(
        (usual.ready_lag, usual.drain),
        (Duration::from_secs(300), Duration::from_secs(5))
    );
    assert_eq!(usual.metrics_listen, None);

    let file = "[server]\nmax_connections = 16\nconnections_per_client = 0\nready_lag_seconds = 1\ndrain_seconds = 60\n\
                metrics_listen = \"[::1]:9464\"\n";
    let own = server(file, &[("KEYWARD_MAX_CONNECTIONS", "1000000")]).unwrap();
    assert_eq!(
        (own.max_connections, own.connections_per_client),
        (1_000_000, None)
    );
    assert_eq!(
        (own.ready_lag, own.drain),
        (Duration::from_secs(1), Duration::from_secs(60))
    );
    assert_eq!(own.metrics_listen, Some("[::1]:9464".parse().unwrap()));
    let by_variables = [
        ("KEYWARD_CONNECTIONS_PER_CLIENT", "3"),
        ("KEYWARD_READY_LAG_SECONDS", "7"),
        ("KEYWARD_DRAIN_SECONDS", "0"),
        ("KEYWARD_METRICS_LISTEN", "127.0.0.1:1"),
    ];
    let over = server(file, &by_variables).unwrap();
    assert_eq!(
        (over.connections_per_client, over.ready_lag, over.drain),
        (Some(3), Duration::from_secs(7), Duration::ZERO)
    );
    assert_eq!(over.metrics_listen, Some("127.0.0.1:1".parse().unwrap()));
}

#[test]
fn a_bound_of_the_server_that_cannot_be_is_named() {
    for (text, expected) in [
        ("max_connections = 15", "max_connections: must be 16 to 1000000"),
        (
            "max_connections = 1000001",
            "max_connections: must be 16 to 1000000",
        ),
        ("drain_seconds = 61", "drain_seconds: must be 0 to 60"),
        (
            "metrics_listen = \"9464\"",
            "metrics_listen: must be an IP address and port, for example 127.0.0.1:9464",
        ),
    ] {
        let error = load(&format!("{}[server]\n{text}\n", minimal()), &[]).unwrap_err();
        assert_eq!(error, format!("keyward.toml: server.{expected}"));
    }
    let error = load(&minimal(), &[("KEYWARD_DRAIN_SECONDS", "61")]).unwrap_err();
    assert_eq!(error, "KEYWARD_DRAIN_SECONDS: must be 0 to 60");
    assert!(
        load(&(minimal() + "[server]\nmost = 1\n"), &[])
            .unwrap_err()
            .contains("unknown field")
    );
}

#[test]
fn retention_is_a_number_of_days_or_for_ever() {
    let audit_days = |text: &str, variables: &[(&str, &str)]| {
        load(&(minimal() + text), variables).map(|settings| settings.retention.audit_days)
    };
    assert_eq!(audit_days("", &[]), Ok(None));
    assert_eq!(audit_days("[retention]\naudit_days = 0\n", &[]), Ok(None));
    assert_eq!(audit_days("[retention]\naudit_days = 30\n", &[]), Ok(Some(30)));
    assert_eq!(
        audit_days("", &[("KEYWARD_AUDIT_RETENTION_DAYS", "400")]),
        Ok(Some(400))
    );
    assert_eq!(
        audit_days("[retention]\naudit_days = 29\n", &[]).unwrap_err(),
        "keyward.toml: retention.audit_days: must be 30 to 36500, or 0 to keep it for ever"
    );
    let error = audit_days("", &[("KEYWARD_AUDIT_RETENTION_DAYS", "for ever")]).unwrap_err();
    assert!(error.starts_with("KEYWARD_AUDIT_RETENTION_DAYS: "), "{error}");
}

#[test]
fn usage_is_kept_the_longer_the_coarser_it_is() {
    let usage = |text: &str| {
        load(&(minimal() + "[retention]\n" + text), &[]).map(|settings| {
            let kept = settings.retention;
            [
                kept.hourly_usage_days,
                kept.daily_usage_days,
                kept.monthly_usage_days,
            ]
        })
    };
    assert_eq!(usage(""), Ok([Some(92), Some(1096), None]));
    assert_eq!(
        usage("hourly_usage_days = 32\ndaily_usage_days = 32\nmonthly_usage_days = 32"),
        Ok([Some(32); 3])
    );
    assert_eq!(
        usage("hourly_usage_days = 0\ndaily_usage_days = 0"),
        Ok([None; 3])
    );
    for (text, expected) in [
        (
            "hourly_usage_days = 31",
            "hourly_usage_days: must be 32 to 36500, or 0 to keep it for ever",
        ),
        (
            "daily_usage_days = 60",
            "daily_usage_days: must not be less than hourly_usage_days, which is 92 days",
        ),
        (
            "hourly_usage_days = 0",
            "daily_usage_days: must not be less than hourly_usage_days, which is for ever",
        ),
        (
            "monthly_usage_days = 400",
            "monthly_usage_days: must not be less than daily_usage_days, which is 1096 days",
        ),
    ] {
        assert_eq!(
            usage(text).unwrap_err(),
            format!("keyward.toml: retention.{expected}")
        );
    }
}

#[test]
fn names_of_ended_keys_are_kept_for_a_while() {
    let kept = |text: &str, variables: &[(&str, &str)]| {
        load(&(minimal() + "[retention]\n" + text), variables)
            .map(|settings| settings.retention.ended_names())
    };
    let days = |days: u64| Ok(Some(std::time::Duration::from_secs(days * 86_400)));
    assert_eq!(kept("", &[]), days(30));
    assert_eq!(kept("ended_names_days = 1", &[]), days(1));
    assert_eq!(kept("", &[("KEYWARD_ENDED_NAMES_RETENTION_DAYS", "0")]), Ok(None));
    assert_eq!(
        kept("ended_names_days = 36501", &[]).unwrap_err(),
        "keyward.toml: retention.ended_names_days: must be 1 to 36500, or 0 to keep it for ever"
    );
}

#[test]
fn unused_keys_are_flagged_where_somebody_wants_it() {
    let after =
        |variables: &[(&str, &str)]| load(&minimal(), variables).map(|settings| settings.unused_after_days);
    assert_eq!(after(&[]), Ok(None));
    assert_eq!(after(&[("KEYWARD_UNUSED_AFTER_DAYS", "0")]), Ok(None));
    assert_eq!(after(&[("KEYWARD_UNUSED_AFTER_DAYS", "90")]), Ok(Some(90)));
    assert_eq!(
        after(&[("KEYWARD_UNUSED_AFTER_DAYS", "36501")]).unwrap_err(),
        "KEYWARD_UNUSED_AFTER_DAYS: must be 1 to 36500, or 0 to flag none"
    );
}

#[test]
fn the_names_of_the_development_stack_are_known_and_say_nothing() {
    for name in [
        "KEYWARD_URL",
        "KEYWARD_EDGE_URL",
        "KEYWARD_LEGACY_API_KEY",
        "KEYWARD_DEV_DIR",
        "KEYWARD_VERIFY_SECRET",
    ] {
        assert!(is_known_name(name), "{name}");
        load(&minimal(), &[(name, "whatever")]).unwrap();
    }
}

#[test]
fn each_fault_names_its_place() {
    for (text, variables, expected) in [
        (minimal() + "x = 1", &[][..], "unknown field `x`"),
        ("nonsense".into(), &[], "keyward.toml, line 1"),
        (
            minimal(),
            &[("KEYWARD_LISTNE", "x")],
            "KEYWARD_LISTNE: no such setting",
        ),
        (
            minimal(),
            &[("KEYWARD_ADMIN", "x")],
            "did you mean KEYWARD_ADMIN_TOKEN?",
        ),
        (
            minimal(),
            &[("KEYWARD_LISTEN", "everywhere")],
            "KEYWARD_LISTEN: must be an IP address and port",
        ),
        (
            minimal(),
            &[("KEYWARD_ADMIN_TOKEN", "short")],
            "KEYWARD_ADMIN_TOKEN: is too weak",
        ),
        (
            minimal(),
            &[("KEYWARD_SERVICES", "A b")],
            "KEYWARD_SERVICES: `A b` must have",
        ),
        (
            minimal(),
            &[("KEYWARD_PROPAGATION_WAIT_SECONDS", "soon")],
            "KEYWARD_PROPAGATION_WAIT_SECONDS: ",
        ),
        (
            minimal(),
            &[("KEYWARD_PROPAGATION_WAIT_SECONDS", "31")],
            "must be 0 to 30",
        ),
        (
            minimal(),
            &[("KEYWARD_DATABASE_URL", "mysql://localhost/keyward")],
            "KEYWARD_DATABASE_URL: must name a SQLite file",
        ),
        (
            minimal(),
            &[("KEYWARD_LOG_FORMAT", "xml")],
            "KEYWARD_LOG_FORMAT: ",
        ),
        (
            minimal(),
            &[("KEYWARD_TAG_SECRETS_TEST", "1:short")],
            "KEYWARD_TAG_SECRETS_TEST: each secret must",
        ),
        (
            minimal(),
            &[("KEYWARD_DEPLOYMENT_X_API_TOKEN", "t")],
            "KEYWARD_DEPLOYMENT_X_API_TOKEN: no such setting",
        ),
        (String::new(), &[], "keyward.toml: admin_token: is missing"),
        (
            minimal() + "[deployments.a]\nenvironment = \"live\"",
            &[],
            "deployments.a",
        ),
        (
            minimal() + &deployment("Big"),
            &[],
            "keyward.toml: deployments.Big: a deployment's id",
        ),
        (
            minimal() + &deployment("a").replace("kv_url = \"http:", "kv_url = \"ftp:"),
            &[],
            "kv_url: the KV address must be",
        ),
        (
            minimal() + &deployment("a").replace("kv_url", "account_id"),
            &[],
            "account_id",
        ),
        (
            minimal() + &deployment("a") + &deployment("b").replace("nb", "na"),
            &[],
            "namespace of deployment `a` too",
        ),
        (
            minimal() + &deployment("a").replace("1:", "0:"),
            &[],
            "record_secrets: each secret needs an id",
        ),
        (
            minimal() + &deployment("a") + "edge_url = \"https://api.example.com\"",
            &[],
            "keyward.toml: deployments.a.sync_secrets: is missing: with `edge_url`",
        ),
        (
            minimal() + &deployment("a"),
            &[("KEYWARD_DEPLOYMENT_A_SYNC_SECRETS", "1:short")],
            "deployments.a.edge_url: is missing: with `sync_secrets`",
        ),
        (
            minimal() + &deployment("a") + "edge_url = \"https://api.example.com\"",
            &[("KEYWARD_DEPLOYMENT_A_SYNC_SECRETS", "1:short")],
            "KEYWARD_DEPLOYMENT_A_SYNC_SECRETS: each secret must",
        ),
        (
            minimal() + &deployment("a") + &sync_secrets(),
            &[("KEYWARD_DEPLOYMENT_A_EDGE_URL", "http://api.example.com")],
            "KEYWARD_DEPLOYMENT_A_EDGE_URL: records are only sent over https://",
        ),
        (
            minimal() + &deployment("a") + &sync_secrets(),
            &[("KEYWARD_DEPLOYMENT_A_EDGE_URL", "https://api.example.com/v1")],
            "KEYWARD_DEPLOYMENT_A_EDGE_URL: the edge's address must be https://",
        ),
    ] {
        let message = load(&text, variables).map(|_| ()).unwrap_err();
        assert!(
            message.contains(expected),
            "{message:?} does not say {expected:?}"
        );
        assert!(!message.contains('\n'), "one sentence: {message:?}");
    }
}

const JWT_SECRET: &str = "canary-canary-canary-canary-0789";

/// What `cargo xtask dev` writes to dev.env of user tokens.
const JWT: [(&str, &str); 3] = [
    ("KEYWARD_JWT_SECRET", JWT_SECRET),
    ("KEYWARD_JWT_ISSUER", "https://id.example"),
    ("KEYWARD_JWT_AUDIENCE", "keyward"),
];

#[test]
fn user_tokens_are_taken_from_an_issuer_with_keys_or_a_secret() {
    assert!(load(&minimal(), &[]).unwrap().jwt.is_none());
    let jwt = load(&minimal(), &JWT).unwrap().jwt.unwrap();
    assert_eq!(
        (jwt.issuer.as_str(), jwt.audience.as_str()),
        ("https://id.example", "keyward")
    );
    assert!(matches!(jwt.keys, JwtKeys::Shared(_)));

    let published = "[jwt]\nissuer = \"https://id.example\"\naudience = \"keyward\"\n\
                     jwks_url = \"https://id.example/jwks\"\njwks_max_age_seconds = 60\n";
    let cooldown = ("KEYWARD_JWT_JWKS_COOLDOWN_SECONDS", "7");
    let jwt = load(&(minimal() + published), &[cooldown]).unwrap().jwt.unwrap();
    let JwtKeys::Published {
        cooldown, max_age, ..
    } = jwt.keys
    else {
        panic!("{jwt:?}");
    };
    assert_eq!(
        (cooldown, max_age),
        (Duration::from_secs(7), Duration::from_secs(60))
    );
}

#[test]
fn each_fault_of_user_tokens_names_its_place() {
    for (changed, value, expected) in [
        (
            "KEYWARD_JWT_SECRET",
            "short",
            "KEYWARD_JWT_SECRET: must have at least 32",
        ),
        ("KEYWARD_JWT_ISSUER", "", "KEYWARD_JWT_ISSUER: is missing"),
        ("KEYWARD_JWT_AUDIENCE", "", "KEYWARD_JWT_AUDIENCE: is missing"),
        (
            "KEYWARD_JWT_JWKS_URL",
            "https://id.example/jwks",
            "KEYWARD_JWT_SECRET: goes without `jwks_url`",
        ),
    ] {
        let kept = JWT.into_iter().filter(|(name, _)| *name != changed);
        let variables: Vec<_> = kept.chain([(changed, value)]).collect();
        let message = load(&minimal(), &variables).map(|_| ()).unwrap_err();
        assert!(message.starts_with(expected), "{message}");
    }
    for (setting, expected) in [
        (
            "jwks_url = \"http://id.example/jwks\"",
            "jwt.jwks_url: must be the https://",
        ),
        (
            "jwks_url = \"https://id.example/\"\njwks_cooldown_seconds = 0",
            "jwt.jwks_cooldown_seconds: must be 1 to 300",
        ),
        (
            "jwks_url = \"https://id.example/\"\njwks_max_age_seconds = 90000",
            "jwt.jwks_max_age_seconds: must be 60 to 86400",
        ),
        ("x = 1", "unknown field `x`"),
        ("", "jwt.jwks_url: is missing"),
    ] {
        let text = format!("{}[jwt]\nissuer = \"i\"\naudience = \"a\"\n{setting}", minimal());
        let message = load(&text, &[]).map(|_| ()).unwrap_err();
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn the_legacy_static_key_is_off_unless_it_is_set_and_strong() {
    assert!(load(&minimal(), &[]).unwrap().static_key.is_none());
    let organization = "d9fe7aa1-b0a2-48d9-bde1-4ee759481b61";
    let key = format!("{organization}|Vu0nc2nUwv8aCRhfOGspC84nUkDOvF0=");
    let settings = load(&minimal(), &[("API_KEY", &key)]).unwrap();
    assert_eq!(
        settings.static_key.unwrap().organization().to_string(),
        organization
    );
    for weak in [
        format!("{organization}|secret"),
        "secret".to_owned(),
        String::new(),
    ] {
        let message = load(&minimal(), &[("API_KEY", &weak)]).map(|_| ()).unwrap_err();
        assert!(message.starts_with("API_KEY: "), "{message}");
        assert!(!message.contains("secret"), "{message}");
    }
}

#[test]
fn nothing_secret_is_in_a_message_or_a_debug_text() {
    let secret = ring_entry(3, b"canary-canary-canary-canary-0123");
    let broken = minimal().replace("admin_token = ", "admin_token = 7 ") + &format!("k = \"{secret}\"");
    assert!(!load(&broken, &[]).unwrap_err().contains(&secret[2..]));
    let settings = load(
        &(minimal() + &deployment("a") + &sync_secrets() + "edge_url = \"https://api.example.com\""),
        &[JWT[0], JWT[1], JWT[2], ("KEYWARD_TAG_SECRETS_TEST", &secret)],
    )
    .unwrap();
    assert!(settings.deployments["a"].edge.is_some());
    let shown = format!("{settings:?}");
    assert!(!shown.contains(TOKEN) && !shown.contains("canary") && !shown.contains(&secret[2..]));
}

#[test]
fn a_tag_secret_that_live_keys_carry_is_not_retired() {
    let used = |family, secret| crate::store::TagSecretInUse {
        family,
        secret,
        keys: 7,
    };
    let tag_secrets = load(&minimal(), &[]).unwrap().tag_secrets;
    assert_eq!(
        tag_secrets.check_cover(&[used(Family::Service(Environment::Production), 1)]),
        Ok(())
    );
    for (missing, place) in [
        (
            used(Family::Service(Environment::Production), 2),
            "KEYWARD_TAG_SECRETS_PRODUCTION: secret 2 is missing, and 7 live keys",
        ),
        (
            used(Family::Service(Environment::Test), 1),
            "KEYWARD_TAG_SECRETS_TEST: secret 1 is missing",
        ),
        (
            used(Family::Gateway, 1),
            "KEYWARD_TAG_SECRETS_GATEWAY: secret 1 is missing",
        ),
    ] {
        let message = tag_secrets.check_cover(&[missing]).unwrap_err().to_string();
        assert!(message.starts_with(place), "{message}");
    }
}

#[test]
fn the_address_of_the_database_chooses_the_store() {
    for (url, expected) in [
        (
            "sqlite:///var/lib/keyward/keyward.db",
            "/var/lib/keyward/keyward.db",
        ),
        (
            "postgres://keyward:canary@db.example.com/keys",
            "PostgreSQL, keys at db.example.com:5432",
        ),
        (
            "postgresql:///keys?host=/run/postgresql",
            "PostgreSQL, keys at /run/postgresql",
        ),
    ] {
        let settings = load(&minimal(), &[("KEYWARD_DATABASE_URL", url)]).unwrap();
        assert_eq!(settings.database.to_string(), expected);
        assert!(!format!("{settings:?}").contains("canary"));
    }
    for url in ["mysql://canary", "sqlite://", "postgres://:canary@"] {
        let error = load(&minimal(), &[("KEYWARD_DATABASE_URL", url)]).unwrap_err();
        assert!(error.starts_with("KEYWARD_DATABASE_URL: must name a "), "{error}");
        assert!(!error.contains("canary"), "{error}");
    }
}

#[test]
fn answers_are_sealed_by_a_ring_or_by_the_admin_token() {
    let ring = |text: &str| load(&minimal(), &[("KEYWARD_IDEMPOTENCY_SECRETS", text)]);
    assert_eq!(
        format!("{:?}", ring(&ring_entry(1, &[3; 32])).unwrap().sealer),
        "Sealer(1 …)"
    );
    let error = ring("1:c2hvcnQ").unwrap_err();
    assert!(error.starts_with("KEYWARD_IDEMPOTENCY_SECRETS: "), "{error}");
    assert!(load(&minimal(), &[]).is_ok());
}

const OIDC: [(&str, &str); 3] = [
    ("KEYWARD_PUBLIC_URL", "https://keyward.example"),
    ("KEYWARD_OIDC_ISSUER", "https://id.example"),
    ("KEYWARD_OIDC_CLIENT_ID", "keyward"),
];

#[test]
fn people_are_sent_back_to_the_public_url() {
    let settings = load(&minimal(), &OIDC).unwrap();
    let oidc = settings.oidc.unwrap();
    assert_eq!(
        oidc.redirect_url,
        "https://keyward.example/api/v1/session/oidc/callback"
    );
    assert_eq!(
        (oidc.scope.as_str(), oidc.name.as_str()),
        ("openid", "id.example")
    );
    assert!(oidc.client_secret.is_none());
    let secret = ("KEYWARD_OIDC_CLIENT_SECRET", "canary");
    let shown = format!(
        "{:?}",
        load(&minimal(), &[OIDC[0], OIDC[1], OIDC[2], secret]).unwrap()
    );
    assert!(!shown.contains("canary"));
}

#[test]
fn an_issuer_that_nobody_can_sign_in_with_is_named() {
    let other = [JWT[0], JWT[1], JWT[2]];
    for (changed, expected) in [
        (("KEYWARD_OIDC_ISSUER", ""), "KEYWARD_OIDC_ISSUER: is missing"),
        (
            ("KEYWARD_OIDC_ISSUER", "http://id.example"),
            "KEYWARD_OIDC_ISSUER: must be the https:// address",
        ),
        (
            ("KEYWARD_OIDC_ISSUER", "https://id.example?a=b"),
            "KEYWARD_OIDC_ISSUER: has neither a query",
        ),
        (
            ("KEYWARD_OIDC_CLIENT_ID", ""),
            "KEYWARD_OIDC_CLIENT_ID: is missing",
        ),
        (
            ("KEYWARD_OIDC_CLIENT_SECRET", "a\nb"),
            "KEYWARD_OIDC_CLIENT_SECRET: must be printable",
        ),
        (
            ("KEYWARD_OIDC_SCOPE", "profile"),
            "KEYWARD_OIDC_SCOPE: must hold `openid`",
        ),
        (
            ("KEYWARD_OIDC_NAME", " "),
            "KEYWARD_OIDC_NAME: must have 1 to 60 characters",
        ),
    ] {
        let variables: Vec<_> = OIDC
            .into_iter()
            .filter(|(name, _)| *name != changed.0)
            .chain([changed])
            .collect();
        let error = load(&minimal(), &variables).unwrap_err();
        assert!(error.starts_with(expected), "{error}");
    }
    let error = load(&minimal(), &OIDC[1..]).unwrap_err();
    assert!(
        error.starts_with("keyward.toml: public_url: is missing"),
        "{error}"
    );
    let with_tokens: Vec<_> = OIDC.into_iter().chain(other).collect();
    let with_tokens: Vec<_> = with_tokens
        .into_iter()
        .map(|(name, value)| {
            if name == "KEYWARD_OIDC_ISSUER" {
                (name, "https://another.example")
            } else {
                (name, value)
            }
        })
        .collect();
    let error = load(&minimal(), &with_tokens).unwrap_err();
    assert!(
        error.starts_with("KEYWARD_OIDC_ISSUER: must be that of [jwt]"),
        "{error}"
    );
}

#[test]
fn what_crashes_the_process_is_a_setting_of_builds_for_tests_alone() {
    assert_eq!(
        super::environment::is_known_name("KEYWARD_CRASH_AT"),
        cfg!(debug_assertions)
    );
}
