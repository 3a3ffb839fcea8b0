//! People, their organizations, and what they let keys do: from the token of an issuer to the request at the edge.

use serde_json::{Value, json};

use crate::{
    actors::{Admin, a_key, person},
    clock::random_text,
    stage::shared,
};

cases![
    a_developers_key_opens_the_edge_until_an_owner_ends_it,
    a_gateway_key_does_at_the_edge_and_here_what_its_group_grants,
    the_legacy_static_key_administers_the_default_organization,
];

/// Somebody whom nobody has met.
pub(super) fn stranger(name: &str) -> (String, Admin) {
    let subject = format!("{name}-{}", random_text());
    let caller = person(shared(), &subject);
    (subject, caller)
}

/// An organization of this person's own.
#[track_caller]
pub(super) fn found(owner: &Admin) -> String {
    let body = json!({ "name": "People of this test" });
    let made = owner
        .ask("POST", "/api/v1/organizations", Some(&body))
        .expect(201);
    made.json()["organization_id"].as_str().unwrap().to_owned()
}

fn a_developers_key_opens_the_edge_until_an_owner_ends_it() {
    let stack = shared();
    let (_, owner) = stranger("owner");
    let (subject, developer) = stranger("developer");
    let organization = found(&owner);
    let own = format!("/api/v1/organizations/{organization}");
    let keys = format!("{own}/api-keys");
    let wish = a_key("prediction", &["predict"]);

    developer
        .ask("POST", &keys, Some(&wish))
        .refused(404, "not_found");
    let member = format!("{own}/members/{subject}");
    owner
        .ask("PUT", &member, Some(&json!({ "role": "developer" })))
        .expect(201);
    let key = developer.create_at(&keys, &wish);
    assert_eq!(key.propagation.as_deref(), Some("confirmed"));
    assert_eq!(key.info["user_id"], subject);

    let answer = stack
        .edge
        .call("POST", "/v1/predict")
        .bearer(&key.text)
        .admitted();
    assert_eq!(
        answer.origin_saw("keyward-organization").as_deref(),
        Some(organization.as_str())
    );
    // Nobody else has a place there, whatever the key's id.
    let path = format!("{keys}/{}", key.id);
    let (_, other) = stranger("other");
    other.ask("DELETE", &path, None).refused(404, "not_found");
    let gone = owner
        .ask("DELETE", &format!("{member}?keys=revoke"), None)
        .expect(200);
    assert_eq!(gone.header("keyward-propagation"), Some("confirmed"));
    assert_eq!(gone.json()["keys"][0]["key_id"], key.id);
    stack
        .edge
        .call("POST", "/v1/predict")
        .bearer(&key.text)
        .refused(401, "revoked");
    developer.get(&path).refused(404, "not_found");
}

fn a_gateway_key_does_at_the_edge_and_here_what_its_group_grants() {
    let stack = shared();
    let (_, owner) = stranger("owner");
    let organization = found(&owner);
    let group = json!({ "name": "callers", "scopes": ["predict"], "permissions": ["keys:read"] });
    owner.ask("POST", "/api/v1/groups", Some(&group)).expect(201);
    let key = owner.create_at("/api/v1/keys", &json!({ "name": "bot", "groups": ["callers"] }));
    assert!(key.text.starts_with("hpk_") && key.text.len() == 48);
    assert_eq!(key.propagation.as_deref(), Some("confirmed"));

    // Here: what the group permits, and no more.
    let bot = Admin::at(stack.admin.line().url(), &key.text);
    let info = bot.get("/api/userinfo").expect(200).json();
    assert_eq!(
        (&info["org_id"], &info["groups"], &info["permissions"]),
        (&json!(organization), &json!(["callers"]), &json!(["keys:read"]))
    );
    assert_eq!(bot.get("/api/v1/keys").expect(200).json()[0]["key_id"], key.id);
    bot.ask("POST", "/api/v1/keys", Some(&a_key("prediction", &[])))
        .refused(403, "forbidden");

    // At the edge: routes whose scope the group grants, and none without one.
    let predict = stack.edge.call("POST", "/v1/predict").bearer(&key.text);
    let models = stack.edge.call("GET", "/v1/models").bearer(&key.text);
    assert_eq!(
        predict.admitted().origin_saw("keyward-scopes").as_deref(),
        Some("predict")
    );
    models.refused(403, "insufficient_scope");
    stack
        .edge
        .call("GET", "/platform")
        .bearer(&key.text)
        .refused(403, "insufficient_scope");

    // The key follows its group, and the answer says when.
    let change = |scopes: Value| {
        let answer = owner.ask(
            "PATCH",
            "/api/v1/groups/callers",
            Some(&json!({ "scopes": scopes })),
        );
        assert_eq!(
            answer.expect(200).header("keyward-propagation"),
            Some("confirmed")
        );
    };
    change(json!(["predict", "read"]));
    models.admitted();
    change(json!(["read"]));
    predict.refused(403, "insufficient_scope");
    owner.ask("DELETE", "/api/v1/groups/callers", None).expect(200);
    models.refused(403, "insufficient_scope");

    owner.deactivate(&key).expect(200);
    models.refused(401, "deactivated");
    bot.get("/api/userinfo").refused(401, "deactivated");
}

fn the_legacy_static_key_administers_the_default_organization() {
    let stack = shared();
    let quoted = stack.variable("KEYWARD_LEGACY_API_KEY");
    let key = quoted.trim_matches('\'');
    for sent in [key, &quoted] {
        let answer = stack.admin.ask_as("GET", "/api/userinfo", &[("api-key", sent)]);
        let info = answer.expect(200).json();
        assert_eq!(
            (&info["kind"], &info["is_admin"]),
            (&json!("static_key"), &json!(true))
        );
        assert_eq!(info["org_id"].as_str(), key.split_once('|').map(|(id, _)| id));
    }
    stack
        .admin
        .ask_as("GET", "/api/v1/keys", &[("api-key", key)])
        .expect(200);
    stack
        .admin
        .ask_as("GET", "/api/v1/keys", &[("api-key", &format!("{key}x"))])
        .refused(401, "unauthenticated");
}
