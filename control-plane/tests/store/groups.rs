//! Groups, the keys in them, and jobs.

use keyward_control_plane::{
    domain::{
        Action, AuditEvent, Change, DirectoryWrite, Group, GroupId, Key, KeyWrite, OrganizationId,
        Permission, Purpose, Target, group::Grouping, principal::Reach,
    },
    store::{CommitError, GroupPage, Named},
};
use keyward_shared::Environment;
use serde_json::json;
use uuid::Uuid;

use crate::{
    backend::{Backend, within},
    keys::{DEFAULT, Seeded, at, key, organization, renamed, update},
    lists::rotated,
};

fn group(number: u128, name: &str, scopes: &[&str]) -> Group {
    Group {
        id: GroupId(Uuid::from_u128(number)),
        organization: DEFAULT,
        name: name.into(),
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        permissions: [Permission::KeysRead, Permission::GroupsManage].into(),
        revision: 1,
        created_by: "admin".into(),
        created_at: at(1),
    }
}

/// The group with other scopes.
fn with_scopes(group: &Group, scopes: &[&str]) -> Group {
    let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    group.changed(scopes, group.permissions.clone())
}

/// A key of that many seconds in these groups.
fn key_in(seed: u64, groups: &[&Group]) -> Key {
    Key {
        groups: Grouping::of(groups.iter().copied()),
        ..key(seed)
    }
}

fn gateway_key(seed: u64, name: &str) -> Key {
    let mut key = key(seed);
    key.purpose = Purpose::Gateway;
    key.configuration.name = name.into();
    key
}

async fn write(
    backend: &impl Backend,
    directory: Vec<DirectoryWrite>,
    writes: Vec<KeyWrite>,
    seen: &[&Group],
) -> Result<(), CommitError> {
    let events = backend.rows("audit_events").await.unsigned_abs();
    let event = AuditEvent {
        id: keyward_control_plane::clock::new_id(at(1), &Seeded::new(events + 5000)),
        at: at(5),
        organization: Some(DEFAULT),
        actor: "admin".into(),
        action: Action::GroupChanged,
        target: Target::Group(GroupId(Uuid::from_u128(1))),
        request_id: String::new(),
        detail: json!({}),
    };
    let change = Change {
        writes,
        directory,
        groups_seen: seen.iter().map(|group| (group.id, group.revision)).collect(),
        once: None,
        event,
        dirty: Vec::new(),
    };
    backend.store().commit(&change).await
}

async fn add(backend: &impl Backend, group: &Group) {
    let new = vec![DirectoryWrite::AddGroup(group.clone())];
    write(backend, new, vec![], &[]).await.unwrap();
}

async fn change(backend: &impl Backend, group: &Group) {
    let changed = vec![DirectoryWrite::ChangeGroup(group.clone())];
    write(backend, changed, vec![], &[]).await.unwrap();
}

async fn insert(backend: &impl Backend, key: &Key, seen: &[&Group]) {
    let new = vec![KeyWrite::Insert(key.clone())];
    write(backend, vec![], new, seen).await.unwrap();
}

async fn stored(backend: &impl Backend, key: &Key) -> Key {
    let found = backend.store().key(&within(DEFAULT), key.id).await.unwrap();
    found.unwrap()
}

/// Lets the keys of a page follow. The answer is whether that was written.
async fn follow(backend: &impl Backend, page: &GroupPage) -> bool {
    let next: Vec<_> = page
        .keys
        .iter()
        .filter_map(|key| key.following(&page.groups))
        .collect();
    let store = backend.store();
    store.commit_group_page(page, &next, &[], at(9)).await.unwrap()
}

pub(crate) async fn a_group_is_read_as_it_was_written(backend: impl Backend) {
    let one = group(5, "one", &["read", "write"]);
    add(&backend, &one).await;
    let store = backend.store();
    assert_eq!(
        store.group(&Reach::Everywhere, one.id).await.unwrap(),
        Some(one.clone())
    );
    assert_eq!(store.group(&within(organization(2)), one.id).await.unwrap(), None);
    let changed = one.changed(vec![], [Permission::KeysCreate].into());
    change(&backend, &changed).await;
    assert_eq!(
        store.group(&within(DEFAULT), one.id).await.unwrap(),
        Some(changed)
    );
}

pub(crate) async fn every_organization_has_the_group_admin(backend: impl Backend) {
    let groups = backend.store().groups(DEFAULT, None, 10).await.unwrap();
    assert_eq!(groups, [Group::admin_of(DEFAULT, "admin", at(0))]);
}

pub(crate) async fn groups_come_by_name(backend: impl Backend) {
    for (number, name) in [(7, "b"), (5, "c"), (6, "a")] {
        add(&backend, &group(number, name, &[])).await;
    }
    let store = backend.store();
    let names = |groups: Vec<Group>| groups.into_iter().map(|group| group.name).collect::<Vec<_>>();
    let listed = async |after, limit| names(store.groups(DEFAULT, after, limit).await.unwrap());
    assert_eq!(listed(None, 10).await, ["a", "admin", "b", "c"]);
    assert_eq!(listed(Some("admin"), 1).await, ["b"]);
    let wanted = ["c".to_owned(), "a".to_owned(), "none".to_owned()];
    assert_eq!(
        names(store.groups_named(DEFAULT, &wanted).await.unwrap()),
        ["a", "c"]
    );
    assert_eq!(store.groups_named(organization(2), &wanted).await.unwrap(), []);
}

pub(crate) async fn a_group_of_the_same_name_is_refused(backend: impl Backend) {
    add(&backend, &group(5, "one", &[])).await;
    let again = vec![DirectoryWrite::AddGroup(group(6, "one", &[]))];
    let error = write(&backend, again, vec![], &[]).await.unwrap_err();
    assert!(matches!(error, CommitError::NameTaken(Named::Group)), "{error}");
}

pub(crate) async fn a_group_that_changed_meanwhile_is_a_conflict(backend: impl Backend) {
    let one = group(5, "one", &["read"]);
    add(&backend, &one).await;
    let next = with_scopes(&one, &[]);
    change(&backend, &next).await;
    let before = backend.row_counts().await;
    for late in [
        DirectoryWrite::ChangeGroup(with_scopes(&one, &["write"])),
        DirectoryWrite::DeleteGroup(one.clone()),
    ] {
        let error = write(&backend, vec![late], vec![], &[]).await.unwrap_err();
        assert!(matches!(error, CommitError::Conflict), "{error}");
    }
    // Nor does a key get into a group as it was.
    let key = key_in(1, &[&one]);
    let insert = vec![KeyWrite::Insert(key.clone())];
    let error = write(&backend, vec![], insert, &[&one]).await.unwrap_err();
    assert!(matches!(error, CommitError::Conflict), "{error}");
    assert_eq!(backend.row_counts().await, before);
    let deleted = vec![DirectoryWrite::DeleteGroup(next.clone())];
    write(&backend, deleted, vec![], &[]).await.unwrap();
    let insert = vec![KeyWrite::Insert(key)];
    let error = write(&backend, vec![], insert, &[&next]).await.unwrap_err();
    assert!(matches!(error, CommitError::Conflict), "{error}");
}

pub(crate) async fn a_key_is_read_with_its_groups_as_they_are_now(backend: impl Backend) {
    let (one, other) = (group(5, "one", &["read"]), group(6, "other", &["write"]));
    for group in [&one, &other] {
        add(&backend, group).await;
    }
    let key = key_in(1, &[&one, &other]);
    insert(&backend, &key, &[&one, &other]).await;
    let store = backend.store();
    let found = store.key_with_groups(None, &key.hash).await.unwrap().unwrap();
    assert_eq!(found, (key.clone(), vec![one.clone(), other.clone()]));
    // The key's own row follows later.
    let changed = with_scopes(&one, &[]);
    change(&backend, &changed).await;
    let found = store.key_with_groups(None, &key.hash).await.unwrap().unwrap();
    assert_eq!(found, (key.clone(), vec![changed, other.clone()]));
    let deletion = vec![DirectoryWrite::DeleteGroup(other)];
    write(&backend, deletion, vec![], &[]).await.unwrap();
    let (_, groups) = store.key_with_groups(None, &key.hash).await.unwrap().unwrap();
    assert_eq!(groups.len(), 1);
    // Out of a group it is when its row says so.
    let alone = Key {
        groups: Grouping::default(),
        ..renamed(&key, "alone", at(6))
    };
    store.commit(&update(&alone, &[], at(6))).await.unwrap();
    let found = store.key_with_groups(None, &key.hash).await.unwrap().unwrap();
    assert_eq!(found, (alone, vec![]));
    assert_eq!(
        store
            .key_with_groups(None, &gateway_key(9, "x").hash)
            .await
            .unwrap(),
        None
    );
}

pub(crate) async fn keys_follow_page_by_page(backend: impl Backend) {
    let one = group(5, "one", &["read"]);
    add(&backend, &one).await;
    let keys: Vec<_> = (1..6).map(|seed| key_in(seed, &[&one])).collect();
    for key in &keys {
        insert(&backend, key, &[&one]).await;
    }
    let store = backend.store();
    assert_eq!(store.group_page(None, 2).await.unwrap(), None);
    change(&backend, &with_scopes(&one, &["write"])).await;
    let mut seen = Vec::new();
    for (count, is_last) in [(2, false), (2, false), (1, true)] {
        let page = store.group_page(None, 2).await.unwrap().unwrap();
        assert_eq!(
            (page.keys.len(), page.is_last, page.job.total),
            (count, is_last, 5)
        );
        assert_eq!(page.job.done, seen.len() as u64);
        assert_eq!(store.group_jobs().await.unwrap(), std::slice::from_ref(&page.job));
        seen.extend(page.keys.iter().map(|key| key.id));
        assert!(follow(&backend, &page).await);
    }
    assert_eq!(seen, keys.iter().map(|key| key.id).collect::<Vec<_>>());
    assert_eq!(store.group_jobs().await.unwrap(), []);
    for key in &keys {
        let now = stored(&backend, key).await;
        assert_eq!((now.revision, now.groups.scopes), (2, vec!["write".to_owned()]));
    }
}

pub(crate) async fn a_page_that_is_out_of_date_is_not_written(backend: impl Backend) {
    let one = group(5, "one", &["read"]);
    add(&backend, &one).await;
    let keys: Vec<_> = (1..4).map(|seed| key_in(seed, &[&one])).collect();
    for key in &keys {
        insert(&backend, key, &[&one]).await;
    }
    let store = backend.store();
    let second = with_scopes(&one, &["write"]);
    change(&backend, &second).await;
    let page = async || store.group_page(Some(one.id), 2).await.unwrap().unwrap();

    // A key has changed.
    let stale = page().await;
    store
        .commit(&update(&renamed(&keys[1], "new", at(6)), &[], at(6)))
        .await
        .unwrap();
    assert!(!follow(&backend, &stale).await);
    assert_eq!(
        stored(&backend, &keys[0]).await.revision,
        1,
        "nothing of the page was written"
    );

    // Another process was faster.
    let (mine, theirs) = (page().await, page().await);
    assert!(follow(&backend, &theirs).await);
    assert!(!follow(&backend, &mine).await);

    // The group has changed again, and its job begins anew.
    let stale = page().await;
    assert!(stale.after.is_some());
    change(&backend, &with_scopes(&second, &["list"])).await;
    assert!(!follow(&backend, &stale).await);
    let first = page().await;
    assert_eq!((first.after, first.job.done, first.job.revision), (None, 0, 3));
    assert_eq!(store.group_page(Some(GroupId(DEFAULT.0)), 2).await.unwrap(), None);
}

pub(crate) async fn a_deleted_group_is_gone_when_its_keys_have_followed(backend: impl Backend) {
    let (one, other) = (group(5, "one", &["read"]), group(6, "other", &["write"]));
    for group in [&one, &other] {
        add(&backend, group).await;
    }
    let key = key_in(1, &[&one, &other]);
    insert(&backend, &key, &[&one, &other]).await;
    let deletion = vec![DirectoryWrite::DeleteGroup(one.clone())];
    write(&backend, deletion, vec![], &[]).await.unwrap();
    let store = backend.store();
    assert_eq!(store.group(&Reach::Everywhere, one.id).await.unwrap(), None);
    assert_eq!(store.groups(DEFAULT, None, 10).await.unwrap().len(), 2);
    let again = vec![DirectoryWrite::AddGroup(group(7, "one", &[]))];
    let taken = write(&backend, again.clone(), vec![], &[]).await.unwrap_err();
    assert!(matches!(taken, CommitError::NameTaken(Named::Group)), "{taken}");

    let page = store.group_page(None, 10).await.unwrap().unwrap();
    assert_eq!(page.groups, [other]);
    assert!(follow(&backend, &page).await);
    let left = stored(&backend, &key).await;
    assert_eq!((left.revision, left.groups.names), (2, vec!["other".to_owned()]));
    assert_eq!(backend.rows("key_groups").await, 1);
    write(&backend, again, vec![], &[]).await.unwrap();
}

pub(crate) async fn a_job_is_there_after_a_kill(backend: impl Backend) {
    let one = group(5, "one", &["read"]);
    add(&backend, &one).await;
    let keys: Vec<_> = (1..4).map(|seed| key_in(seed, &[&one])).collect();
    for key in &keys {
        insert(&backend, key, &[&one]).await;
    }
    change(&backend, &with_scopes(&one, &[])).await;
    let page = backend.store().group_page(None, 2).await.unwrap().unwrap();
    assert!(follow(&backend, &page).await);
    let backend = backend.reopen().await;
    backend.prepare(at(9)).await;
    let page = backend.store().group_page(None, 2).await.unwrap().unwrap();
    assert_eq!((page.keys.len(), page.job.done), (1, 2));
    assert!(follow(&backend, &page).await);
    assert_eq!(stored(&backend, &keys[2]).await.revision, 2);
}

pub(crate) async fn a_gateway_key_is_read_as_it_was_written(backend: impl Backend) {
    let key = gateway_key(1, "bot");
    insert(&backend, &key, &[]).await;
    assert_eq!(stored(&backend, &key).await, key);
    let store = backend.store();
    for environment in Environment::ALL {
        let keys = store.keys_of_environment(environment, None, 10).await.unwrap();
        assert_eq!(keys, std::slice::from_ref(&key), "{environment:?}");
    }
    let next = renamed(&key, "robot", at(6));
    store.commit(&update(&next, &[], at(6))).await.unwrap();
    for environment in Environment::ALL {
        let unconfirmed = store
            .never_confirmed("main", environment, None, 10)
            .await
            .unwrap();
        assert_eq!(unconfirmed, std::slice::from_ref(&next), "{environment:?}");
    }
    let used = store.tag_secrets_in_use(at(6)).await.unwrap();
    assert_eq!(used[0].family, keyward_shared::Family::Gateway);
    let filter = keyward_control_plane::store::KeyFilter {
        service: Some("prediction".into()),
        ..keyward_control_plane::store::KeyFilter::of(DEFAULT)
    };
    assert_eq!(store.keys(&filter, None, 10).await.unwrap(), []);
}

pub(crate) async fn a_gateway_key_has_its_name_to_itself_until_it_ends(backend: impl Backend) {
    let attempt = async |write_one| write(&backend, vec![], vec![write_one], &[]).await;
    let first = gateway_key(1, "bot");
    attempt(KeyWrite::Insert(first.clone())).await.unwrap();
    let second = gateway_key(2, "bot");
    let error = attempt(KeyWrite::Insert(second.clone())).await.unwrap_err();
    assert!(
        matches!(error, CommitError::NameTaken(Named::GatewayKey)),
        "{error}"
    );
    // Names of service keys and of other organizations do not count.
    let mut service = key(3);
    service.configuration.name = "bot".into();
    attempt(KeyWrite::Insert(service)).await.unwrap();
    let next = renamed(&first, "other", at(6));
    attempt(KeyWrite::Update(next.clone())).await.unwrap();
    attempt(KeyWrite::Insert(second.clone())).await.unwrap();
    let error = attempt(KeyWrite::Update(renamed(&next, "bot", at(7))))
        .await
        .unwrap_err();
    assert!(matches!(error, CommitError::NameTaken(_)), "{error}");
    attempt(KeyWrite::Update(second.revoked("admin", at(7))))
        .await
        .unwrap();
    attempt(KeyWrite::Update(renamed(&next, "bot", at(7))))
        .await
        .unwrap();
}

pub(crate) async fn a_rotated_gateway_key_passes_its_name_on(backend: impl Backend) {
    for (number, grace) in [(1, 0), (3, 60)] {
        let name = format!("bot {grace}");
        let attempt = async |writes| write(&backend, vec![], writes, &[]).await;
        let first = gateway_key(number, &name);
        attempt(vec![KeyWrite::Insert(first.clone())]).await.unwrap();
        let (old, new) = rotated(&first, grace, at(5));
        let rotation = vec![KeyWrite::Update(old.clone()), KeyWrite::Insert(new.clone())];
        attempt(rotation).await.unwrap();
        let other = gateway_key(number + 1, &name);
        let error = attempt(vec![KeyWrite::Insert(other.clone())]).await.unwrap_err();
        assert!(matches!(error, CommitError::NameTaken(_)), "{error}");
        // The old one has none to give up or claim, even while it lives and is called like its successor.
        let next = renamed(&new, &format!("another {grace}"), at(5));
        let alike = old.like_its_successor(&next, at(5));
        let writes = [Some(next), alike].into_iter().flatten().map(KeyWrite::Update);
        attempt(writes.collect()).await.unwrap();
        attempt(vec![KeyWrite::Insert(other)]).await.unwrap();
    }
}

pub(crate) async fn an_expired_gateway_key_gives_its_name_up(backend: impl Backend) {
    let attempt = async |write_one| write(&backend, vec![], vec![write_one], &[]).await;
    let ending_at = |seconds| Key {
        expires_at: Some(at(seconds)),
        ..gateway_key(1, "bot")
    };
    // Changes are made at the fifth second.
    attempt(KeyWrite::Insert(ending_at(6))).await.unwrap();
    let second = gateway_key(2, "bot");
    let error = attempt(KeyWrite::Insert(second.clone())).await.unwrap_err();
    assert!(matches!(error, CommitError::NameTaken(_)), "{error}");
    let sooner = Key {
        revision: 2,
        ..ending_at(5)
    };
    attempt(KeyWrite::Update(sooner)).await.unwrap();
    attempt(KeyWrite::Insert(second)).await.unwrap();
}

pub(crate) async fn a_use_is_the_latest_and_no_change(backend: impl Backend) {
    let key = key(1);
    insert(&backend, &key, &[]).await;
    for (seconds, latest) in [(20, 20), (10, 20), (30, 30)] {
        backend.store().note_use(key.id, at(seconds)).await.unwrap();
        let used = Key {
            last_used_at: Some(at(latest)),
            ..key.clone()
        };
        assert_eq!(stored(&backend, &key).await, used);
    }
}

pub(crate) async fn a_new_organization_has_a_group_of_its_own(backend: impl Backend) {
    let id: OrganizationId = organization(5);
    let organization = keyward_control_plane::domain::Organization {
        id,
        name: "Five".into(),
        created_by: "una".into(),
        created_at: at(3),
        leak_policy: keyward_control_plane::domain::leak::LeakPolicy::Revoke,
        unused_after_days: None,
        suspended: None,
    };
    let new = vec![DirectoryWrite::AddOrganization(organization)];
    write(&backend, new, vec![], &[]).await.unwrap();
    let groups = backend.store().groups(id, None, 10).await.unwrap();
    assert_eq!(groups, [Group::admin_of(id, "una", at(3))]);
}
