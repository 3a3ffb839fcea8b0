//! Organizations and members.

use keyward_control_plane::{
    domain::{
        Action, AuditEvent, Change, DirectoryWrite, KeyWrite, Member, Organization, OrganizationId, Role,
        Target,
        principal::{Membership, Reach},
    },
    store::CommitError,
};
use serde_json::json;

use crate::{
    backend::Backend,
    keys::{DEFAULT, Seeded, at, key, organization},
};

fn named(number: u128) -> Organization {
    Organization {
        id: organization(number),
        name: format!("Organization {number}"),
        created_by: "somebody".into(),
        created_at: at(1),
        leak_policy: keyward_control_plane::domain::leak::LeakPolicy::Record,
        unused_after_days: None,
        suspended: None,
    }
}

fn member(organization: OrganizationId, subject: &str, role: Role) -> Member {
    Member {
        organization,
        subject: subject.into(),
        role,
        added_by: "admin".into(),
        added_at: at(2),
    }
}

fn put(organization: OrganizationId, subject: &str, role: Role, before: Option<Role>) -> DirectoryWrite {
    DirectoryWrite::PutMember {
        member: member(organization, subject, role),
        before,
    }
}

fn removal(organization: OrganizationId, subject: &str, before: Role) -> DirectoryWrite {
    DirectoryWrite::RemoveMember {
        organization,
        subject: subject.into(),
        before,
    }
}

async fn write(
    backend: &impl Backend,
    organization: OrganizationId,
    directory: Vec<DirectoryWrite>,
) -> Result<(), CommitError> {
    commit(backend, organization, directory, Vec::new()).await
}

async fn commit(
    backend: &impl Backend,
    organization: OrganizationId,
    directory: Vec<DirectoryWrite>,
    writes: Vec<KeyWrite>,
) -> Result<(), CommitError> {
    let events = backend.rows("audit_events").await.unsigned_abs();
    let event = AuditEvent {
        id: keyward_control_plane::clock::new_id(at(1), &Seeded::new(events)),
        at: at(1),
        organization: Some(organization),
        actor: "admin".into(),
        action: Action::MemberChanged,
        target: Target::Member("somebody".into()),
        request_id: String::new(),
        detail: json!({}),
    };
    let change = Change {
        writes,
        directory,
        groups_seen: Vec::new(),
        once: None,
        event,
        dirty: Vec::new(),
    };
    backend.store().commit(&change).await
}

async fn with_organizations(backend: &impl Backend, numbers: std::ops::Range<u128>) {
    for number in numbers {
        let new = vec![DirectoryWrite::AddOrganization(named(number))];
        write(backend, organization(number), new).await.unwrap();
    }
}

pub(crate) async fn an_organization_is_read_as_it_was_written(backend: impl Backend) {
    with_organizations(&backend, 5..6).await;
    let store = backend.store();
    assert_eq!(store.organization(organization(5)).await.unwrap(), Some(named(5)));
    assert_eq!(store.organization(organization(6)).await.unwrap(), None);
    let default = store.organization(DEFAULT).await.unwrap().unwrap();
    assert_eq!(
        (default.name.as_str(), default.created_by.as_str()),
        ("Default", "admin")
    );
}

pub(crate) async fn organizations_within_reach_come_newest_first(backend: impl Backend) {
    with_organizations(&backend, 5..9).await;
    let store = backend.store();
    let numbers = async |reach: &Reach, after: Option<u128>, limit| {
        let found = store.organizations(reach, after.map(organization), limit).await;
        found
            .unwrap()
            .iter()
            .map(|one| one.id.0.as_u128())
            .collect::<Vec<_>>()
    };
    let all = Reach::Everywhere;
    assert_eq!(numbers(&all, None, 10).await, [8, 7, 6, 5, 1]);
    assert_eq!(numbers(&all, Some(7), 2).await, [6, 5]);
    let some = Reach::Within(vec![organization(5), organization(7), organization(99)]);
    assert_eq!(numbers(&some, None, 10).await, [7, 5]);
    assert_eq!(numbers(&some, Some(7), 10).await, [5]);
    assert!(numbers(&Reach::Within(vec![]), None, 10).await.is_empty());
}

pub(crate) async fn members_come_by_subject(backend: impl Backend) {
    let people = ["a", "b", "ü", "z|1"];
    for subject in people {
        let write_one = vec![put(DEFAULT, subject, Role::Viewer, None)];
        write(&backend, DEFAULT, write_one).await.unwrap();
    }
    let store = backend.store();
    let one = store.member(DEFAULT, "z|1").await.unwrap();
    assert_eq!(one, Some(member(DEFAULT, "z|1", Role::Viewer)));
    assert_eq!(store.member(DEFAULT, "Z|1").await.unwrap(), None);
    assert_eq!(store.member(organization(9), "a").await.unwrap(), None);
    let subjects = async |after, limit| {
        let members = store.members(DEFAULT, after, limit).await.unwrap();
        members
            .into_iter()
            .map(|member| member.subject)
            .collect::<Vec<_>>()
    };
    assert_eq!(subjects(None, 10).await, ["a", "b", "z|1", "ü"]);
    assert_eq!(subjects(Some("a"), 2).await, ["b", "z|1"]);
    assert!(subjects(Some("ü"), 2).await.is_empty());
}

pub(crate) async fn a_person_is_a_member_of_many_organizations(backend: impl Backend) {
    with_organizations(&backend, 5..7).await;
    for (number, role) in [(5, Role::Owner), (6, Role::Viewer)] {
        let id = organization(number);
        write(&backend, id, vec![put(id, "p", role, None)]).await.unwrap();
    }
    let memberships = backend.store().memberships("p").await.unwrap();
    let expected = [(5, Role::Owner), (6, Role::Viewer)].map(|(number, role)| Membership {
        organization: organization(number),
        role,
    });
    assert_eq!(memberships, expected);
    assert_eq!(backend.store().memberships("q").await.unwrap(), []);
}

pub(crate) async fn a_role_that_somebody_else_changed_is_a_conflict(backend: impl Backend) {
    let attempt = async |one| write(&backend, DEFAULT, vec![one]).await;
    attempt(put(DEFAULT, "p", Role::Developer, None)).await.unwrap();
    for late in [
        put(DEFAULT, "p", Role::Admin, None),
        put(DEFAULT, "p", Role::Admin, Some(Role::Viewer)),
        put(DEFAULT, "q", Role::Admin, Some(Role::Viewer)),
        removal(DEFAULT, "p", Role::Viewer),
        removal(DEFAULT, "q", Role::Viewer),
    ] {
        let error = attempt(late.clone()).await.unwrap_err();
        assert!(matches!(error, CommitError::Conflict), "{late:?}: {error}");
    }
    attempt(put(DEFAULT, "p", Role::Admin, Some(Role::Developer)))
        .await
        .unwrap();
    attempt(removal(DEFAULT, "p", Role::Admin)).await.unwrap();
    assert_eq!(backend.store().member(DEFAULT, "p").await.unwrap(), None);
}

pub(crate) async fn the_last_owner_stays(backend: impl Backend) {
    let attempt = async |one| write(&backend, DEFAULT, vec![one]).await;
    attempt(put(DEFAULT, "one", Role::Owner, None)).await.unwrap();
    attempt(put(DEFAULT, "other", Role::Admin, None)).await.unwrap();
    for refused in [
        removal(DEFAULT, "one", Role::Owner),
        put(DEFAULT, "one", Role::Admin, Some(Role::Owner)),
    ] {
        let error = attempt(refused).await.unwrap_err();
        assert!(matches!(error, CommitError::LastOwner), "{error}");
    }
    // Where nobody owned, as in the default organization, others come and go.
    attempt(removal(DEFAULT, "other", Role::Admin)).await.unwrap();
    attempt(put(DEFAULT, "heir", Role::Owner, None)).await.unwrap();
    attempt(removal(DEFAULT, "one", Role::Owner)).await.unwrap();
    let error = attempt(removal(DEFAULT, "heir", Role::Owner)).await.unwrap_err();
    assert!(matches!(error, CommitError::LastOwner), "{error}");
}

pub(crate) async fn a_refused_member_takes_the_whole_change_along(backend: impl Backend) {
    write(&backend, DEFAULT, vec![put(DEFAULT, "one", Role::Owner, None)])
        .await
        .unwrap();
    let before = backend.row_counts().await;
    let writes = vec![
        put(DEFAULT, "new", Role::Viewer, None),
        removal(DEFAULT, "one", Role::Owner),
    ];
    let keys = vec![KeyWrite::Insert(key(1))];
    let error = commit(&backend, DEFAULT, writes, keys).await.unwrap_err();
    assert!(matches!(error, CommitError::LastOwner), "{error}");
    assert_eq!(backend.row_counts().await, before);
    assert_eq!(backend.store().member(DEFAULT, "new").await.unwrap(), None);
    assert!(backend.store().member(DEFAULT, "one").await.unwrap().is_some());
}
