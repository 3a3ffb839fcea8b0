//! What happens to all keys of an organization at once, up to the edge.

use serde_json::json;

use super::people::{found, stranger};
use crate::{
    actors::{Admin, Call, NewKey, a_key},
    stage::shared,
};

cases![
    the_keys_of_a_member_and_then_all_end_when_the_call_returns,
    a_suspended_organizations_keys_are_refused_and_open_again_what_they_did,
];

fn predict(key: &NewKey) -> Call<'static> {
    shared().edge.call("POST", "/v1/predict").bearer(&key.text)
}

/// Revokes many keys, and checks that the answer says of so many that they are refused.
#[track_caller]
fn revoke(owner: &Admin, organization: &str, whose: &serde_json::Value, count: u64) {
    let path = format!("/api/v1/organizations/{organization}/revoke-keys");
    let answer = owner.ask("POST", &path, Some(whose)).expect(200);
    assert_eq!(answer.header("keyward-propagation"), Some("confirmed"));
    let told = answer.json();
    assert_eq!(
        (&told["done"], &told["confirmed"], &told["pending"]),
        (&json!(count), &json!(count), &json!(0)),
        "{told}"
    );
}

fn the_keys_of_a_member_and_then_all_end_when_the_call_returns() {
    let (_, owner) = stranger("owner");
    let (subject, developer) = stranger("developer");
    let organization = found(&owner);
    let own = format!("/api/v1/organizations/{organization}");
    let member = format!("{own}/members/{subject}");
    let role = json!({ "role": "developer" });
    owner.ask("PUT", &member, Some(&role)).expect(201);
    let keys = format!("{own}/api-keys");
    let wish = a_key("prediction", &["predict"]);
    let of_developer: Vec<_> = (0..3).map(|_| developer.create_at(&keys, &wish)).collect();
    let of_owner: Vec<_> = (0..22).map(|_| owner.create_at(&keys, &wish)).collect();
    for key in of_developer.iter().chain(&of_owner) {
        predict(key).admitted();
    }

    revoke(&owner, &organization, &json!({ "user_id": subject }), 3);
    for key in &of_developer {
        predict(key).refused(401, "revoked");
    }
    predict(&of_owner[0]).admitted();
    // More than one call of the edge takes.
    revoke(&owner, &organization, &json!({ "all": true }), 22);
    for key in &of_owner {
        predict(key).refused(401, "revoked");
    }
    predict(&owner.create_at(&keys, &wish)).admitted();
}

fn a_suspended_organizations_keys_are_refused_and_open_again_what_they_did() {
    let (_, owner) = stranger("owner");
    let organization = found(&owner);
    let own = format!("/api/v1/organizations/{organization}");
    let keys = format!("{own}/api-keys");
    let wish = a_key("prediction", &["predict"]);
    let (active, inactive) = (owner.create_at(&keys, &wish), owner.create_at(&keys, &wish));
    owner.deactivate(&inactive).expect(200);
    predict(&active).admitted();

    let platform = &shared().admin;
    owner
        .ask("POST", &format!("{own}/suspend"), None)
        .refused(403, "forbidden");
    let turn = |how: &str| {
        let answer = platform.ask("POST", &format!("{own}/{how}"), None).expect(200);
        assert_eq!(answer.header("keyward-propagation"), Some("confirmed"), "{how}");
    };
    turn("suspend");
    // Whoever has lost the answer asks again, and is told as much.
    turn("suspend");
    predict(&active).refused(401, "deactivated");
    owner
        .ask("POST", &keys, Some(&wish))
        .refused(409, "organization_suspended");
    turn("resume");
    turn("resume");
    predict(&active).admitted();
    predict(&inactive).refused(401, "deactivated");
    predict(&owner.create_at(&keys, &wish)).admitted();
}
