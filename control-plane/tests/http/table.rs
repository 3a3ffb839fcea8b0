//! Every operation, asked for by everybody, on things of their own organization, of another and of none. What is expected
//! stands here a second time, in the words of the reference: a slip in the table of the service does not slip through.

use axum::http::{HeaderName, HeaderValue};
use keyward_control_plane::domain::{Operation, OrganizationId};
use keyward_shared::KeyHash;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    cast::{Stage, Who},
    keys::DEFAULT,
    session::SignedIn,
};

const SESSION: &str = "/api/v1/session";

/// Whose key a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    /// The caller's.
    Own,
    /// Somebody else's in the same organization.
    Others,
}

/// What a request is about.
pub(crate) struct Things {
    organization: OrganizationId,
    key: String,
    subject: String,
    group: String,
    /// To whom the key belongs.
    owner: String,
}

impl Things {
    /// New ones, so that nothing is left of the request before.
    pub(crate) async fn new(stage: &Stage, organization: OrganizationId, owner: &str) -> Self {
        // A request before may have suspended it.
        let path = format!("/api/v1/organizations/{organization}/resume");
        stage.ask(Who::Platform, "POST", &path, None).await.expect(200);
        let things = Self {
            organization,
            key: stage.plant(organization, owner).await.id.to_string(),
            subject: format!("member-{}", stage.seed()),
            group: stage.plant_group(organization).await,
            owner: owner.into(),
        };
        let (method, path, _) = request(Operation::PutMember, &things);
        let role = json!({ "role": "viewer" });
        stage
            .ask(Who::Platform, method, &path, Some(&role))
            .await
            .expect(201);
        things
    }

    /// Ids of nothing.
    fn absent() -> Self {
        Self {
            organization: OrganizationId(Uuid::from_u128(0xabcd)),
            key: Uuid::from_u128(78).to_string(),
            subject: "nobody".into(),
            group: Uuid::from_u128(79).to_string(),
            owner: "nobody".into(),
        }
    }
}

/// A request for an operation.
pub(crate) fn request(operation: Operation, things: &Things) -> (&'static str, String, Option<Value>) {
    use Operation as O;
    let Things {
        organization,
        key,
        subject,
        group,
        owner,
    } = things;
    let key_path = format!("/api/v1/keys/{key}");
    let own = format!("/api/v1/organizations/{organization}");
    let own_key = format!("{own}/api-keys/{key}");
    let member = format!("{own}/members/{subject}");
    let group = format!("/api/v1/groups/{group}");
    let wish = || Some(json!({ "name": "k", "service_id": "prediction", "scopes": ["predict"] }));
    let name = || Some(json!({ "name": "renamed" }));
    let named = |path: &str| format!("{path}?organization_id={organization}");
    match operation {
        O::StartSession => ("POST", SESSION.into(), Some(json!({ "token": "nobodys" }))),
        O::ShowSession => ("GET", SESSION.into(), None),
        O::EndSession => ("DELETE", SESSION.into(), None),
        O::ShowCaller => ("GET", "/api/v1/userinfo".into(), None),
        O::ReadSettings => ("GET", "/api/v1/settings".into(), None),
        O::CreateKey => ("POST", named("/api/v1/keys"), wish()),
        O::ImportKeys => {
            let key = json!({
                "name": "k", "service_id": "prediction", "preview": "sk***", "hash": KeyHash::of(subject).to_string(),
            });
            (
                "POST",
                named("/api/v1/keys/import"),
                Some(json!({ "keys": [key] })),
            )
        }
        O::VerifyKey => {
            let question = json!({ "key": "sk_live_nobodys", "service": "prediction" });
            ("POST", named("/api/v1/keys/verify"), Some(question))
        }
        O::ListKeys => ("GET", named("/api/v1/keys"), None),
        O::ReadKey => ("GET", key_path, None),
        O::UpdateKey => ("PATCH", key_path, name()),
        O::RotateKey => ("POST", format!("{key_path}/rotate"), None),
        O::DeactivateKey => ("POST", format!("{key_path}/deactivate"), None),
        O::ActivateKey => ("POST", format!("{key_path}/activate"), None),
        O::RevokeKey => ("DELETE", key_path, None),
        O::ReadKeyUsage => ("GET", format!("{key_path}/usage"), None),
        O::CreateOrganization => ("POST", "/api/v1/organizations".into(), name()),
        O::ListOrganizations => ("GET", "/api/v1/organizations".into(), None),
        O::ReadOrganization => ("GET", own, None),
        O::UpdateOrganization => ("PATCH", own, Some(json!({ "leak_policy": "record" }))),
        O::ReportLeaks => (
            "POST",
            named("/api/v1/leaks"),
            Some(json!({ "keys": ["sk_live_nobodys"] })),
        ),
        O::SuspendOrganization => ("POST", format!("{own}/suspend"), None),
        O::ResumeOrganization => ("POST", format!("{own}/resume"), None),
        O::RevokeManyKeys => (
            "POST",
            format!("{own}/revoke-keys"),
            Some(json!({ "user_id": owner })),
        ),
        O::ListKeyJobs => ("GET", format!("{own}/key-jobs"), None),
        O::ListMembers => ("GET", format!("{own}/members"), None),
        O::ReadMember => ("GET", member, None),
        O::PutMember => ("PUT", member, Some(json!({ "role": "developer" }))),
        O::RemoveMember => ("DELETE", member, None),
        O::CreateOrganizationKey => ("POST", format!("{own}/api-keys"), wish()),
        O::ListOrganizationKeys => ("GET", format!("{own}/api-keys"), None),
        O::ReadOrganizationKey => ("GET", own_key, None),
        O::UpdateOrganizationKey => ("PATCH", own_key, name()),
        O::RotateOrganizationKey => ("POST", format!("{own_key}/rotate"), None),
        O::DeactivateOrganizationKey => ("POST", format!("{own_key}/deactivate"), None),
        O::ActivateOrganizationKey => ("POST", format!("{own_key}/activate"), None),
        O::RevokeOrganizationKey => ("DELETE", own_key, None),
        O::ReadOrganizationKeyUsage => ("GET", format!("{own_key}/usage"), None),
        O::CreateGroup => (
            "POST",
            named("/api/v1/groups"),
            Some(json!({ "name": format!("new-{subject}") })),
        ),
        O::ListGroups => ("GET", named("/api/v1/groups"), None),
        O::ReadGroup => ("GET", group, None),
        O::UpdateGroup => ("PATCH", group, Some(json!({ "scopes": ["predict"] }))),
        O::DeleteGroup => ("DELETE", group, None),
        O::ReadUsage => ("GET", named("/api/v1/usage"), None),
        O::ReadOrganizationUsage => ("GET", format!("{own}/usage"), None),
        O::ReadAudit => ("GET", named("/api/v1/audit"), None),
        O::VerifyAudit => ("GET", "/api/v1/audit/verify".into(), None),
        O::ReadSync => ("GET", "/api/v1/sync".into(), None),
        O::Reconcile => ("POST", "/api/v1/sync/reconcile".into(), None),
    }
}

/// Whether the operation is about an organization.
fn concerns_an_organization(operation: Operation) -> bool {
    use Operation as O;
    !matches!(
        operation,
        O::StartSession
            | O::ShowSession
            | O::EndSession
            | O::ShowCaller
            | O::ReadSettings
            | O::CreateOrganization
            | O::ListOrganizations
            | O::SuspendOrganization
            | O::ResumeOrganization
            | O::VerifyAudit
            | O::ReadSync
            | O::Reconcile
    )
}

/// Who may do it: the reference's table of roles, and the issue where that is silent.
fn may(operation: Operation, who: Who, whose: Whose) -> bool {
    use Operation as O;
    use Who as W;
    let person = matches!(
        who,
        W::Owner | W::Admin | W::Developer | W::Viewer | W::Stranger | W::Nobody
    );
    let admins = matches!(who, W::Platform | W::Static | W::Owner | W::Admin | W::AdminKey);
    let creators = admins || matches!(who, W::Developer | W::CreatorKey | W::ManagerKey);
    let watchers = matches!(who, W::Viewer | W::ReaderKey | W::ServiceReader);
    match operation {
        // Who sends a credential with each request has no session: `by_a_session` is about the others.
        O::StartSession | O::ShowSession | O::EndSession => false,
        O::ShowCaller | O::ReadSettings | O::ListOrganizations => who.refused_as().is_none(),
        O::CreateOrganization => person || who == W::Platform,
        O::ReadOrganization => creators || watchers || who == W::ScopedKey,
        O::CreateKey | O::CreateOrganizationKey => creators,
        O::ImportKeys => admins || who == W::ManagerKey,
        O::VerifyKey
        | O::ReportLeaks
        | O::ListKeys
        | O::ListOrganizationKeys
        | O::ReadKey
        | O::ReadOrganizationKey
        | O::ReadKeyUsage
        | O::ReadOrganizationKeyUsage
        | O::ReadUsage
        | O::ReadOrganizationUsage
        | O::ListKeyJobs => creators || watchers,
        O::UpdateKey
        | O::UpdateOrganizationKey
        | O::RotateKey
        | O::RotateOrganizationKey
        | O::DeactivateKey
        | O::DeactivateOrganizationKey
        | O::ActivateKey
        | O::ActivateOrganizationKey
        | O::RevokeKey
        | O::RevokeOrganizationKey
        | O::RevokeManyKeys => admins || who == W::ManagerKey || (creators && whose == Whose::Own),
        O::ListMembers | O::ReadMember | O::ListGroups | O::ReadGroup => {
            admins || watchers || who == W::Developer
        }
        O::UpdateOrganization
        | O::PutMember
        | O::RemoveMember
        | O::CreateGroup
        | O::UpdateGroup
        | O::DeleteGroup
        | O::ReadAudit => admins,
        O::SuspendOrganization | O::ResumeOrganization | O::VerifyAudit | O::ReadSync | O::Reconcile => {
            who == W::Platform
        }
    }
}

/// What a caller who may not is answered.
fn refusal(operation: Operation, who: Who) -> (u16, &'static str) {
    match who.refused_as() {
        // The credential is in the body there, and a second one is one too many.
        _ if operation == Operation::StartSession && who != Who::Anonymous => (400, "invalid_request"),
        Some(code) => (401, code),
        None if who.is_outside() && concerns_an_organization(operation) => (404, "not_found"),
        None => (403, "forbidden"),
    }
}

#[tokio::test]
async fn everybody_may_do_what_the_table_says_and_nothing_else() {
    let stage = Stage::set_with_keys().await;
    // Who made the keys that call may revoke all of its own.
    stage.hand_keys_over("keeper").await;
    for who in Who::ALL {
        for whose in [Whose::Own, Whose::Others] {
            let owner = match whose {
                Whose::Own => stage.name(who),
                Whose::Others => "zoe".into(),
            };
            // What is refused leaves its things as they are.
            let untouched = Things::new(&stage, DEFAULT, &owner).await;
            for operation in Operation::ALL {
                let case = format!("{operation:?} {who:?} {whose:?}");
                if may(operation, who, whose) {
                    let things = Things::new(&stage, DEFAULT, &owner).await;
                    let (method, path, body) = request(operation, &things);
                    let answer = stage.ask(who, method, &path, body.as_ref()).await;
                    assert!(answer.status < 300, "{case}: {answer:?}");
                } else {
                    let (method, path, body) = request(operation, &untouched);
                    let answer = stage.ask(who, method, &path, body.as_ref()).await;
                    let (status, code) = refusal(operation, who);
                    let told = (answer.status, answer.body["code"].as_str());
                    assert_eq!(told, (status, Some(code)), "{case}: {answer:?}");
                }
            }
        }
    }
}

/// Whoever may sign in may do by the session what it may do by itself: no more and no less.
#[tokio::test]
async fn by_a_session_everybody_may_do_the_same() {
    let stage = Stage::set_with_keys().await;
    stage.hand_keys_over("keeper").await;
    for who in Who::ALL {
        let Some(token) = stage.token(who) else {
            continue;
        };
        let signed_in = SignedIn::as_holder_of(&stage.service, &token).await;
        let browser = match (who.refused_as(), signed_in) {
            (None, Ok(browser)) => browser,
            (Some(code), Err(answer)) => {
                answer.expect_problem(401, code);
                continue;
            }
            (expected, other) => panic!("{who:?}: {expected:?}, {other:?}"),
        };
        let owner = stage.name(who);
        let untouched = Things::new(&stage, DEFAULT, &owner).await;
        for operation in Operation::ALL {
            // These have tests of their own in `session.rs`.
            if matches!(operation, Operation::StartSession | Operation::EndSession) {
                continue;
            }
            let may = operation == Operation::ShowSession || may(operation, who, Whose::Own);
            let things = if may {
                &Things::new(&stage, DEFAULT, &owner).await
            } else {
                &untouched
            };
            let (method, path, body) = request(operation, things);
            let answer = browser.ask(&stage.service, method, &path, body.as_ref()).await;
            if may {
                assert!(answer.status < 300, "{operation:?} {who:?}: {answer:?}");
            } else {
                let (status, code) = refusal(operation, who);
                let told = (answer.status, answer.body["code"].as_str());
                assert_eq!(told, (status, Some(code)), "{operation:?} {who:?}: {answer:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_foreign_thing_answers_byte_for_byte_like_an_absent_one() {
    let stage = Stage::set_with_keys().await;
    let absent = Things::absent();
    let insiders = Who::ALL
        .into_iter()
        .filter(|who| who.refused_as().is_none())
        .filter(|who| !matches!(who, Who::Platform | Who::Stranger | Who::StrangersKey));
    for who in insiders {
        let ask = async |operation, things: &Things| {
            let (method, path, body) = request(operation, things);
            let answer = stage.ask(who, method, &path, body.as_ref()).await;
            assert_eq!(answer.status, 404, "{operation:?} {who:?}: {answer:?}");
            without_request(&answer.body, answer.headers.iter())
        };
        for operation in Operation::ALL {
            if !concerns_an_organization(operation) {
                continue;
            }
            let foreign = Things::new(&stage, stage.other, &stage.name(who)).await;
            assert_eq!(
                ask(operation, &foreign).await,
                ask(operation, &absent).await,
                "{operation:?} {who:?}"
            );
        }
        // Nor is a foreign key there by way of the caller's own organization.
        let foreign = Things::new(&stage, stage.other, &stage.name(who)).await;
        let by_own = |things: Things| Things {
            organization: DEFAULT,
            ..things
        };
        let (foreign, none) = (by_own(foreign), by_own(Things::absent()));
        for operation in [
            Operation::ReadOrganizationKey,
            Operation::RevokeOrganizationKey,
            Operation::RotateOrganizationKey,
        ] {
            let answers = (ask(operation, &foreign).await, ask(operation, &none).await);
            assert_eq!(answers.0, answers.1, "{operation:?} {who:?}");
        }
    }
}

/// An answer without what differs from one request to the next.
fn without_request<'a>(
    body: &Value,
    headers: impl Iterator<Item = (&'a HeaderName, &'a HeaderValue)>,
) -> (Value, Vec<String>) {
    let mut body = body.clone();
    body["request_id"] = Value::Null;
    let headers = headers.filter(|(name, _)| name.as_str() != "keyward-request-id");
    (body, headers.map(|header| format!("{header:?}")).collect())
}

#[tokio::test]
async fn the_platform_admin_may_do_everything_everywhere() {
    let stage = Stage::set().await;
    let of_page = [
        Operation::StartSession,
        Operation::ShowSession,
        Operation::EndSession,
    ];
    for operation in Operation::ALL {
        if of_page.contains(&operation) {
            continue;
        }
        let things = Things::new(&stage, stage.other, "stan").await;
        let (method, path, body) = request(operation, &things);
        let answer = stage.ask(Who::Platform, method, &path, body.as_ref()).await;
        assert!(answer.status < 300, "{operation:?}: {answer:?}");
        if concerns_an_organization(operation) {
            let (method, path, body) = request(operation, &Things::absent());
            let answer = stage.ask(Who::Platform, method, &path, body.as_ref()).await;
            answer.expect_problem(404, "not_found");
        }
    }
}
