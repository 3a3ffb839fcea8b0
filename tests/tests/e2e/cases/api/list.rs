//! `GET /api/v1/keys`: filters, order and pages.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::{check_field, check_problem};
use crate::{
    actors::{Admin, a_key},
    stage::ControlPlane,
};

cases![
    it_is_an_array_without_any_key_text,
    keys_of_one_service,
    active_keys_only,
    pages_without_gaps_or_repeats,
    pages_keep_the_filter,
    what_is_made_while_paging_does_not_disturb_the_pages,
    parameters_that_are_wrong,
    many_keys_are_streamed,
];

fn list(admin: &Admin, query: &str) -> Vec<Value> {
    let answer = admin.get(&format!("/api/v1/keys{query}")).expect(200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    answer.json().as_array().unwrap().clone()
}

fn ids(keys: &[Value]) -> Vec<String> {
    keys.iter()
        .map(|key| key["key_id"].as_str().unwrap().to_owned())
        .collect()
}

/// Follows the links from page to page.
fn pages(admin: &Admin, query: &str) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut next = Some(format!("/api/v1/keys{query}"));
    while let Some(path) = next {
        let answer = admin.get(&path).expect(200);
        pages.push(ids(answer.json().as_array().unwrap()));
        next = answer.header("link").map(|link| {
            let target = link
                .strip_suffix(">; rel=\"next\"")
                .and_then(|link| link.strip_prefix('<'));
            target.unwrap_or_else(|| panic!("{link}")).to_owned()
        });
        assert!(pages.len() < 100, "the pages never end");
    }
    pages
}

fn it_is_an_array_without_any_key_text() {
    let admin = &ControlPlane::alone().admin;
    assert_eq!(list(admin, ""), Vec::<Value>::new());
    let keys = [(); 3].map(|()| admin.create(&a_key("prediction", &["predict"])));
    let listed = list(admin, "");
    assert_eq!(listed.len(), 3);
    for key in &keys {
        let shown = listed.iter().find(|shown| shown["key_id"] == json!(key.id));
        assert_eq!(shown, Some(&key.info));
        assert!(!Value::from(listed.clone()).to_string().contains(&key.text[12..]));
    }
    // Newest first, as far as the whole seconds of `created_at` tell.
    let times: Vec<_> = listed
        .iter()
        .map(|key| key["created_at"].as_str().unwrap())
        .collect();
    assert!(times.is_sorted_by(|earlier, later| earlier >= later), "{times:?}");
    assert_eq!(ids(&list(admin, "")), ids(&listed), "the order stays");
}

fn keys_of_one_service() {
    let admin = &ControlPlane::alone().admin;
    let platform = admin.create(&a_key("platform", &[]));
    let prediction = admin.create(&a_key("prediction", &[]));
    assert_eq!(ids(&list(admin, "?service_id=platform")), [platform.id]);
    assert_eq!(
        ids(&list(admin, "?service_id=prediction&active_only=false")),
        [prediction.id]
    );
    assert_eq!(list(admin, "?service_id=unknown"), Vec::<Value>::new());
}

fn active_keys_only() {
    let admin = &ControlPlane::alone().admin;
    let [active, deactivated, revoked, rotated] = [(); 4].map(|()| admin.create(&a_key("prediction", &[])));
    admin.deactivate(&deactivated).expect(200);
    admin.revoke(&revoked).expect(200);
    let successor = admin.rotate(&rotated);
    let expected = HashSet::from([active.id, successor.id]);
    // Python's `requests` writes `True`.
    for value in ["true", "True", "TRUE", "1"] {
        let listed = list(admin, &format!("?active_only={value}"));
        assert_eq!(
            ids(&listed).into_iter().collect::<HashSet<_>>(),
            expected,
            "{value}"
        );
        assert!(listed.iter().all(|key| key["is_active"] == json!(true)));
    }
    for value in ["false", "False", "0"] {
        assert_eq!(list(admin, &format!("?active_only={value}")).len(), 5, "{value}");
    }
}

fn pages_without_gaps_or_repeats() {
    let admin = &ControlPlane::alone().admin;
    for _ in 0..25 {
        admin.create(&a_key("prediction", &[]));
    }
    let all = ids(&list(admin, ""));
    assert_eq!(all.len(), 25);
    for (limit, lengths) in [
        (10, vec![10, 10, 5]),
        (5, vec![5; 5]),
        (1, vec![1; 25]),
        (25, vec![25]),
        (1000, vec![25]),
    ] {
        let pages = pages(admin, &format!("?limit={limit}"));
        assert_eq!(
            pages.iter().map(Vec::len).collect::<Vec<_>>(),
            lengths,
            "limit {limit}"
        );
        assert_eq!(pages.concat(), all, "limit {limit}");
    }
}

fn pages_keep_the_filter() {
    let admin = &ControlPlane::alone().admin;
    for index in 0..9 {
        let key = admin.create(&a_key(["prediction", "platform"][index % 2], &[]));
        if index % 3 == 0 {
            admin.deactivate(&key).expect(200);
        }
    }
    let query = "?service_id=prediction&active_only=True";
    let all = ids(&list(admin, query));
    assert_eq!(all.len(), 3);
    assert_eq!(pages(admin, &format!("{query}&limit=2")).concat(), all);
}

fn what_is_made_while_paging_does_not_disturb_the_pages() {
    let admin = &ControlPlane::alone().admin;
    for _ in 0..6 {
        admin.create(&a_key("prediction", &[]));
    }
    let all = ids(&list(admin, ""));
    let first = admin.get("/api/v1/keys?limit=3").expect(200);
    // The next second, since ids sort by it.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    admin.create(&a_key("prediction", &[]));
    let link = first
        .header("link")
        .unwrap()
        .split(['<', '>'])
        .nth(1)
        .unwrap()
        .to_owned();
    let second = admin.get(&link).expect(200);
    assert_eq!(second.header("link"), None);
    assert_eq!(
        [
            ids(first.json().as_array().unwrap()),
            ids(second.json().as_array().unwrap())
        ]
        .concat(),
        all
    );
}

fn parameters_that_are_wrong() {
    let admin = &ControlPlane::alone().admin;
    admin.create(&a_key("prediction", &[]));
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=-1", "limit"),
        ("limit=ten", "limit"),
        ("limit=", "limit"),
        ("limit=1&cursor=nonsense", "cursor"),
        ("limit=1&cursor=", "cursor"),
        ("limit=1&cursor=AAAA", "cursor"),
        ("cursor=AZAAAAAAcACAAAAAAAAAAAA", "cursor"),
        ("active_only=maybe", "active_only"),
        ("active_only=", "active_only"),
        ("limit=1&limit=2", "limit"),
        ("offset=3", "offset"),
        ("service=prediction", "service"),
    ] {
        let answer = admin.get(&format!("/api/v1/keys?{query}"));
        check_field(&answer, field);
    }
    let answer = admin.get("/api/v1/keys?service_id=%ff");
    assert!(answer.status == 400 || answer.json() == json!([]), "{answer}");
    if answer.status == 400 {
        check_problem(&answer, 400, "invalid_request");
    }
}

/// More keys than are read from the database at a time.
fn many_keys_are_streamed() {
    let control_plane = ControlPlane::alone();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..130).for_each(|_| drop(control_plane.admin.create(&a_key("platform", &[])))));
        }
    });
    let all = ids(&list(&control_plane.admin, ""));
    assert_eq!(all.len(), 520);
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), 520);
    assert_eq!(pages(&control_plane.admin, "?limit=500").concat(), all);
}
