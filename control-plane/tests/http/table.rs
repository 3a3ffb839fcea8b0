//! Every operation, asked for by everybody, on things of their own organization, of another and of none. What is expected
//! stands here a second time, in the words of the reference: a slip in the table of the service does not slip through.

use keyward_control_plane::domain::{Operation, OrganizationId};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    cast::{Stage, Who},
    keys::DEFAULT,
};

/// Whose key a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    /// The caller's.
    Own,
    /// Somebody else's in the same organization.
    Others,
}

/// A request for an operation, on an organization, one of its keys and one of its members.
fn request(
    operation: Operation,
    organization: OrganizationId,
    key: &str,
    subject: &str,
) -> (&'static str, String, Option<Value>) {
    use Operation as O;
    let key_path = format!("/api/v1/keys/{key}");
    let own = format!("/api/v1/organizations/{organization}");
    let own_key = format!("{own}/api-keys/{key}");
    let wish = || Some(json!({ "name": "k", "service_id": "prediction", "scopes": ["predict"] }));
    let named = |path: &str| format!("{path}?organization_id={organization}");
    match operation {
        O::ShowCaller => ("GET", "/api/v1/userinfo".into(), None),
        O::CreateKey => ("POST", named("/api/v1/keys"), wish()),
        O::ListKeys => ("GET", named("/api/v1/keys"), None),
        O::ReadKey => ("GET", key_path, None),
        O::UpdateKey => ("PATCH", key_path, Some(json!({ "name": "renamed" }))),
        O::RotateKey => ("POST", format!("{key_path}/rotate"), None),
        O::DeactivateKey => ("POST", format!("{key_path}/deactivate"), None),
        O::ActivateKey => ("POST", format!("{key_path}/activate"), None),
        O::RevokeKey => ("DELETE", key_path, None),
        O::ReadKeyUsage => ("GET", format!("{key_path}/usage"), None),
        O::CreateOrganization => (
            "POST",
            "/api/v1/organizations".into(),
            Some(json!({ "name": "New" })),
        ),
        O::ListOrganizations => ("GET", "/api/v1/organizations".into(), None),
        O::ReadOrganization => ("GET", own, None),
        O::ListMembers => ("GET", format!("{own}/members"), None),
        O::PutMember => (
            "PUT",
            format!("{own}/members/{subject}"),
            Some(json!({ "role": "developer" })),
        ),
        O::RemoveMember => ("DELETE", format!("{own}/members/{subject}"), None),
        O::CreateOrganizationKey => ("POST", format!("{own}/api-keys"), wish()),
        O::ListOrganizationKeys => ("GET", format!("{own}/api-keys"), None),
        O::ReadOrganizationKey => ("GET", own_key, None),
        O::UpdateOrganizationKey => ("PATCH", own_key, Some(json!({ "name": "renamed" }))),
        O::RotateOrganizationKey => ("POST", format!("{own_key}/rotate"), None),
        O::DeactivateOrganizationKey => ("POST", format!("{own_key}/deactivate"), None),
        O::ActivateOrganizationKey => ("POST", format!("{own_key}/activate"), None),
        O::RevokeOrganizationKey => ("DELETE", own_key, None),
        O::ReadOrganizationKeyUsage => ("GET", format!("{own_key}/usage"), None),
        O::ReadSync => ("GET", "/api/v1/sync".into(), None),
        O::Reconcile => ("POST", "/api/v1/sync/reconcile".into(), None),
    }
}

/// Whether the operation is about an organization.
fn concerns_an_organization(operation: Operation) -> bool {
    use Operation as O;
    !matches!(
        operation,
        O::ShowCaller | O::CreateOrganization | O::ListOrganizations | O::ReadSync | O::Reconcile
    )
}

/// Whether it is about one key.
fn concerns_a_key(operation: Operation) -> bool {
    request(operation, DEFAULT, "THE_KEY", "").1.contains("THE_KEY")
}

/// Who may do it: the reference's table of roles, and the issue where that is silent.
fn may(operation: Operation, who: Who, whose: Whose) -> bool {
    use Operation as O;
    use Who as W;
    let everybody = !Who::UNKNOWN.contains(&who);
    let members = matches!(
        who,
        W::Platform | W::Static | W::Owner | W::Admin | W::Developer | W::Viewer
    );
    let admins = matches!(who, W::Platform | W::Static | W::Owner | W::Admin);
    let developers = admins || who == W::Developer;
    match operation {
        O::ShowCaller | O::ListOrganizations => everybody,
        O::CreateOrganization => everybody && who != W::Static,
        O::CreateKey | O::CreateOrganizationKey => developers,
        O::ListKeys | O::ListOrganizationKeys | O::ReadKey | O::ReadOrganizationKey => members,
        O::ReadKeyUsage | O::ReadOrganizationKeyUsage | O::ReadOrganization | O::ListMembers => members,
        O::UpdateKey
        | O::UpdateOrganizationKey
        | O::RotateKey
        | O::RotateOrganizationKey
        | O::DeactivateKey
        | O::DeactivateOrganizationKey
        | O::ActivateKey
        | O::ActivateOrganizationKey
        | O::RevokeKey
        | O::RevokeOrganizationKey => admins || (who == W::Developer && whose == Whose::Own),
        O::PutMember | O::RemoveMember => admins,
        O::ReadSync | O::Reconcile => who == W::Platform,
    }
}

/// What a caller who may not is answered.
fn refusal(operation: Operation, who: Who) -> (u16, &'static str) {
    let is_outside = matches!(who, Who::Stranger | Who::Nobody);
    if Who::UNKNOWN.contains(&who) {
        (401, "unauthenticated")
    } else if is_outside && concerns_an_organization(operation) {
        (404, "not_found")
    } else {
        (403, "forbidden")
    }
}

#[tokio::test]
async fn everybody_may_do_what_the_table_says_and_nothing_else() {
    let stage = Stage::set().await;
    for operation in Operation::ALL {
        for who in Who::ALL {
            for whose in [Whose::Own, Whose::Others] {
                let owner = if whose == Whose::Own { who.name() } else { "zoe" };
                let key = stage.plant(DEFAULT, owner).await.id.to_string();
                let subject = format!("member-{}", stage.seed());
                stage.put_member(&subject, "viewer").await;
                let (method, path, body) = request(operation, DEFAULT, &key, &subject);
                let answer = stage.ask(who, method, &path, body.as_ref()).await;
                if may(operation, who, whose) {
                    assert!(answer.status < 300, "{operation:?} {who:?} {whose:?}: {answer:?}");
                } else {
                    let (status, code) = refusal(operation, who);
                    assert_eq!(
                        (answer.status, answer.body["code"].as_str()),
                        (status, Some(code)),
                        "{operation:?} {who:?} {whose:?}: {answer:?}"
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn a_foreign_thing_answers_byte_for_byte_like_an_absent_one() {
    let stage = Stage::set().await;
    let absent = OrganizationId(Uuid::from_u128(77));
    let no_key = Uuid::from_u128(78).to_string();
    let known = Who::ALL
        .into_iter()
        .filter(|who| !Who::UNKNOWN.contains(who))
        .filter(|who| !matches!(who, Who::Platform | Who::Stranger));
    for who in known {
        for operation in Operation::ALL
            .into_iter()
            .filter(|one| concerns_an_organization(*one))
        {
            let key = stage.plant(stage.other, who.name()).await.id.to_string();
            let ask = async |organization, key: &str| {
                let (method, path, body) = request(operation, organization, key, "stan");
                let answer = stage.ask(who, method, &path, body.as_ref()).await;
                assert_eq!(answer.status, 404, "{operation:?} {who:?}: {answer:?}");
                without_request(&answer.body, answer.headers.iter())
            };
            let foreign = ask(stage.other, &key).await;
            assert_eq!(foreign, ask(absent, &no_key).await, "{operation:?} {who:?}");
            if concerns_a_key(operation) {
                // Nor is it there by way of the caller's own organization.
                let by_own = async |key: &str| {
                    let (method, path, body) = request(operation, DEFAULT, key, "");
                    let answer = stage.ask(who, method, &path, body.as_ref()).await;
                    (
                        answer.status,
                        without_request(&answer.body, answer.headers.iter()),
                    )
                };
                let (foreign, absent) = (by_own(&key).await, by_own(&no_key).await);
                assert_eq!((foreign.0, &foreign), (404, &absent), "{operation:?} {who:?}");
            }
        }
    }
}

/// An answer without what differs from one request to the next.
fn without_request<'a>(
    body: &Value,
    headers: impl Iterator<Item = (&'a axum::http::HeaderName, &'a axum::http::HeaderValue)>,
) -> (Value, Vec<String>) {
    let mut body = body.clone();
    body["request_id"] = Value::Null;
    let headers = headers.filter(|(name, _)| name.as_str() != "keyward-request-id");
    (body, headers.map(|header| format!("{header:?}")).collect())
}

#[tokio::test]
async fn the_platform_admin_may_do_everything_everywhere() {
    let stage = Stage::set().await;
    for operation in Operation::ALL {
        let key = stage.plant(stage.other, "stan").await.id.to_string();
        let subject = format!("member-{}", stage.seed());
        let put = request(Operation::PutMember, stage.other, "", &subject);
        stage
            .ask(Who::Platform, put.0, &put.1, put.2.as_ref())
            .await
            .expect(201);
        let (method, path, body) = request(operation, stage.other, &key, &subject);
        let answer = stage.ask(Who::Platform, method, &path, body.as_ref()).await;
        assert!(answer.status < 300, "{operation:?}: {answer:?}");
        let absent = OrganizationId(Uuid::from_u128(77));
        let (method, path, body) = request(operation, absent, &key, &subject);
        if path.contains(&absent.to_string()) {
            let answer = stage.ask(Who::Platform, method, &path, body.as_ref()).await;
            assert_eq!(answer.status, 404, "{operation:?}: {answer:?}");
        }
    }
}
