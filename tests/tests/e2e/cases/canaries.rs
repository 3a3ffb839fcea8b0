//! Two hundred secrets of every kind, each shown to a control plane at a door of its own: right and wrong ones, in headers, paths,
//! queries, bodies and cookies. None may come out anywhere.

use std::{fs, path::Path, thread};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use keyward_shared::{KeyHash, Secret};
use serde_json::{Value, json};
use xtask::ports::free_port;

use crate::{
    actors::{Admin, Line, NewKey, a_key, line::Outgoing},
    clock::{random, random_text},
    evidence::{self, Kind, Search},
    stage::{
        Beyond, ControlPlane,
        control_plane::{new_admin_token, new_ring, sqlite_in},
        keyward, postgres, run_folder,
    },
};

cases![secrets_of_every_kind_shown_at_every_door_come_out_nowhere];

/// How often each door is tried.
const EACH: usize = 12;
/// Of settings that make no service, each of which is a process.
const STARTS: usize = 3;
/// The year 2100.
const FAR_AWAY: i64 = 4_102_444_800;

fn secrets_of_every_kind_shown_at_every_door_come_out_nowhere() {
    // Side by side: wrong credentials are answered slowly.
    thread::scope(|scope| {
        scope.spawn(|| on_database(&sqlite_in(&run_folder::new_folder("canaries"))));
        if postgres::is_here() {
            // The server takes any password.
            let password = random_text();
            evidence::plant_of(Kind::DatabasePassword, &password);
            let url = postgres::new_database();
            on_database(&url.replace("keyward@", &format!("keyward:{password}@")));
        }
    });
    let canaries = evidence::canaries();
    let by_kind = Kind::ALL.map(|kind| (kind, canaries.iter().filter(|canary| canary.is(kind)).count()));
    eprintln!("{} secrets: {by_kind:?}", canaries.len());
    assert!(canaries.len() >= 200, "{by_kind:?}");
    // What is sent to ask a Worker comes with one; this test has none.
    let is_rare = |kind: Kind, count: usize| count == 0 && kind != Kind::VerifySecret;
    assert!(
        !by_kind.iter().any(|(kind, count)| is_rare(*kind, *count)),
        "{by_kind:?}"
    );
}

/// All doors of a service on this database.
fn on_database(url: &str) {
    let (beyond, token) = (Beyond::start(), new_admin_token());
    let (jwt_secret, static_key, api_token) = (random_text(), random_text(), random_text());
    evidence::plant_of(Kind::Caller, &jwt_secret);
    evidence::plant_of(Kind::Caller, &static_key);
    evidence::plant_of(Kind::CloudToken, &api_token);
    let metrics = free_port().unwrap();
    let (idempotency, production, gateway) = (new_ring(), new_ring(), new_ring());
    let settings = format!(
        "idempotency_secrets = {idempotency:?}\n\
         legacy_api_key = \"01900000-0000-7000-8000-000000000001|{static_key}\"\n\
         default_organization_id = \"01900000-0000-7000-8000-000000000001\"\n\
         [tag_secrets]\nproduction = {production:?}\ngateway = {gateway:?}\n{}api_token = {api_token:?}\n\
         [jwt]\nissuer = \"https://issuer.example\"\naudience = \"keyward\"\nsecret = {jwt_secret:?}\n\
         [server]\nmetrics_listen = \"127.0.0.1:{metrics}\"\n",
        beyond.settings(),
    );
    let mut control_plane = ControlPlane::on_database(url, &token, &settings);
    let admin = control_plane.admin.clone();
    keys(&admin);
    people(&admin, &jwt_secret);
    sessions(&admin);
    strangers(&admin);
    admin.ask_as("GET", "/api/v1/keys", &[("api-key", &static_key)]);
    // What people and scrapers read.
    let pages = [
        "/",
        "/api/v1/audit",
        "/api/v1/keys",
        "/api/v1/sync",
        "/api/v1/settings",
        "/api/v1/groups",
    ];
    for page in pages {
        admin.get(page).expect(200);
    }
    let numbers = Line::to(&format!("http://127.0.0.1:{metrics}"));
    let of_numbers = Outgoing {
        method: "GET",
        path: "/metrics",
        headers: &[],
    };
    numbers.send(&of_numbers, None).expect(200);
    for command in [
        &["doctor"][..],
        &["settings"],
        &["audit", "verify"],
        &["backup", "copy.db"],
    ] {
        write_down(control_plane.folder(), command);
    }
    settings_that_are_refused(control_plane.folder());
    let search = Search::of(evidence::canaries());
    for (name, value) in beyond.texts() {
        assert_eq!(search.kinds_in(value.as_bytes()), [], "the value of {name}");
    }
    // Once with its files as they are in use, and once closed.
    for _ in 0..2 {
        let (count, found) = evidence::search_files(&search, control_plane.folder());
        assert!(found.is_empty() && count >= 3, "{}", found.join("\n"));
        control_plane.kill();
    }
    let (_, found) = evidence::search_answers(&search);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Keys made here and elsewhere, where they belong and where they do not.
fn keys(admin: &Admin) {
    let wish = a_key("prediction", &["predict"]);
    // Each change waits for the edge, so they are made side by side.
    let imports: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..EACH)
            .map(|number| {
                let wish = &wish;
                scope.spawn(move || key_at_each_door(admin, wish, number))
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    // One answer waits for all of them.
    let import = json!({ "keys": imports });
    admin
        .ask("POST", "/api/v1/keys/import", Some(&import))
        .expect(200);
}

/// One key made here, and one made elsewhere, which is given as an import takes it.
fn key_at_each_door(admin: &Admin, wish: &Value, number: usize) -> Value {
    let key = admin.create_once(&random_text(), wish).expect(201);
    let key = NewKey::of(&key);
    let rotated = admin.rotate(&key);
    for path in [
        format!("/api/v1/keys/{}", key.text),
        format!("/api/v1/keys?cursor={}&limit=3", key.text),
        format!("/{}", rotated.text),
    ] {
        assert!(
            admin.get(&path).status >= 400 || path.starts_with("/hk"),
            "{path}"
        );
    }
    let question = json!({ "key": rotated.text, "service": "prediction" });
    admin
        .ask("POST", "/api/v1/keys/verify", Some(&question))
        .expect(200);
    let wrong = json!({ "name": 7, "service_id": rotated.text, "scopes": [rotated.text] });
    admin.ask("POST", "/api/v1/keys", Some(&wrong)).expect(400);
    admin.ask_with(
        "POST",
        "/api/v1/keys",
        Some(&format!("{{\"name\": {}", rotated.text)),
        Some("application/json"),
    );
    let elsewhere = format!("sk_live_{}", random_text());
    evidence::plant_of(Kind::Imported, &elsewhere);
    let question = json!({ "key": elsewhere, "service": "prediction" });
    admin.ask("POST", "/api/v1/keys/verify", Some(&question));
    admin.ask_as(
        "GET",
        "/api/v1/keys",
        &[("authorization", &format!("Bearer {elsewhere}"))],
    );
    json!({
        "name": format!("elsewhere {number}"), "service_id": "prediction", "scopes": ["read"],
        "hash": KeyHash::of(&elsewhere).to_string(), "preview": "sk_live_***",
    })
}

/// User tokens: good ones, and such that somebody else has signed.
fn people(admin: &Admin, secret: &str) {
    for number in 0..2 * EACH {
        let signed_by = if number % 2 == 0 {
            secret.to_owned()
        } else {
            random_text()
        };
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let claims = json!({
            "iss": "https://issuer.example", "aud": "keyward", "sub": format!("person-{number}"), "exp": FAR_AWAY,
        });
        let text = format!(
            "{}.{}",
            part(&json!({ "alg": "HS256", "typ": "JWT" })),
            part(&claims)
        );
        let secret = Secret::new(signed_by.into_bytes()).unwrap();
        let signature = URL_SAFE_NO_PAD.encode(secret.hmac([text.as_bytes()]));
        evidence::plant_of(Kind::UserToken, &signature);
        let person = Admin::at(admin.line().url(), &format!("{text}.{signature}"));
        let status = person.get("/api/v1/userinfo").status;
        assert!(
            if number % 2 == 0 {
                status == 200
            } else {
                status >= 400
            },
            "{status}"
        );
    }
}

/// Cookies: good ones, and made up ones.
fn sessions(admin: &Admin) {
    let show = json!({ "token": admin.token() }).to_string();
    for _ in 0..EACH {
        let headers = [("content-type".to_owned(), "application/json".to_owned())];
        let request = Outgoing {
            method: "POST",
            path: "/api/v1/session",
            headers: &headers,
        };
        let started = admin.line().send(&request, Some(show.as_bytes())).expect(201);
        let cookie = started
            .header("set-cookie")
            .and_then(|cookie| cookie.split(';').next());
        let (name, value) = cookie
            .and_then(|cookie| cookie.split_once('='))
            .expect("a cookie is set");
        let made_up = random_text();
        for (value, is_good) in [(value, true), (&made_up, false)] {
            evidence::plant_of(Kind::Cookie, value);
            let answer = admin.ask_as(
                "GET",
                "/api/v1/session",
                &[("cookie", &format!("{name}={value}"))],
            );
            assert_eq!(answer.status == 200, is_good, "{answer}");
        }
    }
}

/// Tokens that were never any.
fn strangers(admin: &Admin) {
    for _ in 0..EACH {
        let token = new_admin_token();
        let status = Admin::at(admin.line().url(), &token).get("/api/v1/keys").status;
        assert!(status == 401 || status == 429, "{status}");
        // Neither is where it does not belong.
        admin.get(&format!(
            "/api/v1/audit?actor={}",
            URL_SAFE_NO_PAD.encode(random())
        ));
    }
}

/// What is wrong in settings is said without the secrets beside it.
fn settings_that_are_refused(folder: &Path) {
    for number in 0..STARTS {
        let (password, token) = (random_text(), new_admin_token());
        evidence::plant_of(Kind::DatabasePassword, &password);
        let below = folder.join(format!("refused-{number}"));
        fs::create_dir(&below).unwrap();
        let url = [
            format!("postgres://keyward:{password}@127.0.0.1:9/nowhere"),
            format!("postgres://keyward:{password}@[::1/nowhere"),
            format!("mysql://keyward:{password}@127.0.0.1/nowhere"),
        ];
        let text = format!(
            "database_url = {:?}\nadmin_token = {token:?}\nservices = [\"prediction\"]\n[tag_secrets]\nproduction = {:?}\n",
            url[number % url.len()],
            new_ring()
        );
        fs::write(below.join("keyward.toml"), text).unwrap();
        for command in ["serve", "doctor", "migrate"] {
            assert_ne!(write_down(&below, &[command]), Some(0));
        }
    }
}

/// Runs a command with the settings of a folder, and leaves there what it printed.
fn write_down(folder: &Path, command: &[&str]) -> Option<i32> {
    let ended = keyward::run(folder, command);
    let file = folder.join(format!("{}.out", command.join("-")));
    fs::write(file, format!("{}{}", ended.stdout, ended.stderr)).unwrap();
    ended.code
}
