//! Work on many keys.

use keyward_control_plane::{
    clock::new_id,
    domain::{
        Action, AuditEvent, Change, DirectoryWrite, Group, GroupId, Job, JobId, Key, KeyWrite, Target,
        group::Grouping,
        job::{Task, Whose},
    },
    store::{CommitError, KeyJob, KeyPage},
};
use keyward_shared::record::Status;
use serde_json::json;
use uuid::Uuid;

use crate::{
    backend::{Backend, within},
    keys::{self, DEFAULT, Seeded, at, create, key, organization, renamed, update},
    lists::rotated,
};

fn event(seed: u64, action: Action, target: Target) -> AuditEvent {
    AuditEvent {
        id: new_id(at(1), &Seeded::new(seed)),
        at: at(100),
        organization: Some(DEFAULT),
        actor: "ada".into(),
        action,
        target,
        request_id: "request".into(),
        detail: json!({}),
    }
}

fn job(number: u64, whose: Whose) -> Job {
    job_of(Task::Revoke, number, whose)
}

fn job_of(task: Task, number: u64, whose: Whose) -> Job {
    let by = ("ada", "request".to_owned());
    Job::new(task, DEFAULT, whose, by, at(100), &Seeded::new(number))
}

async fn write(backend: &impl Backend, seed: u64, directory: DirectoryWrite) {
    let target = Target::Organization(DEFAULT);
    let change = Change {
        directory: vec![directory],
        ..Change::none(event(seed, Action::ManyKeysRevoked, target))
    };
    backend.store().commit(&change).await.unwrap();
}

/// Begins work and says on how many keys.
async fn begin(backend: &impl Backend, job: &Job) -> u64 {
    let total = backend.store().keys_to_do(job, at(100)).await.unwrap();
    let begun = DirectoryWrite::BeginKeyJob {
        job: job.clone(),
        total,
    };
    write(backend, u64::from(job.id.0.as_bytes()[15]) + 7000, begun).await;
    total
}

async fn insert(backend: &impl Backend, key: &Key) {
    backend.store().commit(&create(key, &[], at(1))).await.unwrap();
}

/// So many keys, and as they are found by their ids.
async fn with_keys(backend: &impl Backend, count: u64) -> Vec<Key> {
    let keys: Vec<_> = (1..=count).map(key).collect();
    for key in &keys {
        insert(backend, key).await;
    }
    keys
}

async fn page(backend: &impl Backend, limit: u32) -> Option<KeyPage> {
    backend.store().key_page(None, at(101), limit).await.unwrap()
}

/// Does the work on a page. The answer is whether that was written.
async fn carry_out(backend: &impl Backend, page: &KeyPage) -> bool {
    let job = &page.job.job;
    let next: Vec<_> = page
        .keys
        .iter()
        .filter_map(|key| job.next_state(key, at(101)))
        .collect();
    let ended = next.iter().filter(|key| key.status.has_ended());
    let events = ended.map(|key| {
        let seed = u64::from_be_bytes(key.hash.as_bytes()[..8].try_into().unwrap());
        event(seed, Action::KeyRevoked, Target::Key(key.id))
    });
    let events: Vec<_> = events.collect();
    let store = backend.store();
    store
        .commit_key_page(page, &next, &events, &[], at(101))
        .await
        .unwrap()
}

/// Does all of the work.
async fn carry_out_all(backend: &impl Backend) {
    while let Some(page) = page(backend, 2).await {
        assert!(carry_out(backend, &page).await);
    }
}

async fn stored(backend: &impl Backend, key: &Key) -> Key {
    let found = backend
        .store()
        .key(&within(key.organization), key.id)
        .await
        .unwrap();
    found.unwrap()
}

async fn progress(backend: &impl Backend, id: JobId) -> KeyJob {
    backend.store().key_job(id).await.unwrap().unwrap()
}

pub(crate) async fn work_on_many_keys_comes_page_by_page(backend: impl Backend) {
    let keys = with_keys(&backend, 5).await;
    let events = backend.rows("audit_events").await;
    assert_eq!(page(&backend, 2).await, None);
    let job = job(1, Whose::Everybody);
    assert_eq!(begin(&backend, &job).await, 5);
    let mut seen = Vec::new();
    // After a round of several pages it looks once more.
    for (count, is_last) in [(2, false), (2, false), (1, false), (0, true)] {
        let page = page(&backend, 2).await.unwrap();
        assert_eq!((page.keys.len(), page.is_last()), (count, is_last));
        assert_eq!((page.job.done, page.job.total), (seen.len() as u64, 5));
        assert_eq!(
            backend.store().key_jobs().await.unwrap(),
            std::slice::from_ref(&page.job)
        );
        seen.extend(page.keys.iter().map(|key| key.id));
        assert!(carry_out(&backend, &page).await);
    }
    assert_eq!(seen, keys.iter().map(|key| key.id).collect::<Vec<_>>());
    for key in &keys {
        let now = stored(&backend, key).await;
        assert_eq!((now.revision, now.status), (2, Status::Revoked));
        let by = now.ended.unwrap();
        assert_eq!((by.by.as_str(), by.at), ("ada", at(101)));
    }
    assert_eq!(backend.store().key_jobs().await.unwrap(), []);
    let done = progress(&backend, job.id).await;
    assert_eq!(
        (done.job, done.done, done.ended_at),
        (job.clone(), 5, Some(at(101)))
    );
    assert_eq!(backend.rows("audit_events").await, events + 6);
    let listed = async |of, after| backend.store().key_jobs_of(of, after, 10).await.unwrap().len();
    assert_eq!(listed(DEFAULT, None).await, 1);
    assert_eq!(listed(DEFAULT, Some(job.id)).await, 0);
    assert_eq!(listed(organization(2), None).await, 0);
}

pub(crate) async fn whose_keys_is_followed(backend: impl Backend) {
    let group = Group {
        id: GroupId(Uuid::from_u128(5)),
        name: "g".into(),
        ..Group::admin_of(DEFAULT, "admin", at(1))
    };
    write(&backend, 1, DirectoryWrite::AddGroup(group.clone())).await;
    let (owned, grouped, other) = (
        Key {
            owner: "dev".into(),
            ..key(1)
        },
        Key {
            groups: Grouping::of([&group]),
            ..key(2)
        },
        key(3),
    );
    let ended = key(4).revoked("admin", at(5));
    let expired = Key {
        expires_at: Some(at(50)),
        ..key(5)
    };
    for key in [&owned, &grouped, &other, &key(4), &expired] {
        insert(&backend, key).await;
    }
    backend.store().commit(&update(&ended, &[], at(5))).await.unwrap();
    for (number, whose, mine) in [
        (1, Whose::Owner("dev".into()), &owned),
        (2, Whose::Group(group.id), &grouped),
        (3, Whose::Everybody, &other),
    ] {
        assert_eq!(begin(&backend, &job(number, whose.clone())).await, 1, "{whose:?}");
        let first = page(&backend, 2).await.unwrap();
        assert_eq!(first.keys, std::slice::from_ref(mine), "{whose:?}");
        assert!(first.is_last() && carry_out(&backend, &first).await);
    }
    assert_eq!(stored(&backend, &ended).await, ended);
    assert_eq!(stored(&backend, &expired).await.revision, 1);
}

pub(crate) async fn keys_made_afterwards_are_left_alone_and_successors_are_not(backend: impl Backend) {
    let keys = [key(20), key(30)];
    for key in &keys {
        insert(&backend, key).await;
    }
    begin(&backend, &job(1, Whose::Everybody)).await;
    // Made afterwards, by somebody whose clock is behind and by one whose clock is not.
    let afterwards = [key(10), key(40)];
    for key in &afterwards {
        insert(&backend, key).await;
    }
    // Its successor's id is less than any that the work comes to.
    let (old, successor) = rotated(&keys[1], 3600, at(15));
    let change = keys::change(
        Action::KeyRotated,
        vec![KeyWrite::Update(old), KeyWrite::Insert(successor.clone())],
        &[],
        at(60),
    );
    backend.store().commit(&change).await.unwrap();
    carry_out_all(&backend).await;
    for ended in [&keys[0], &successor] {
        assert_eq!(stored(&backend, ended).await.status, Status::Revoked);
    }
    for left in &afterwards {
        assert_eq!(stored(&backend, left).await, *left);
    }
    // The next work is on them too.
    assert_eq!(begin(&backend, &job(2, Whose::Everybody)).await, 2);
    carry_out_all(&backend).await;
    assert_eq!(stored(&backend, &afterwards[0]).await.status, Status::Revoked);
}

pub(crate) async fn a_page_of_work_that_is_out_of_date_is_not_written(backend: impl Backend) {
    let keys = with_keys(&backend, 3).await;
    let job = job(1, Whose::Everybody);
    begin(&backend, &job).await;
    // A key has changed.
    let stale = page(&backend, 2).await.unwrap();
    let next = renamed(&keys[1], "new", at(60));
    backend.store().commit(&update(&next, &[], at(60))).await.unwrap();
    let before = backend.row_counts().await;
    assert!(!carry_out(&backend, &stale).await);
    assert_eq!(
        stored(&backend, &keys[0]).await.revision,
        1,
        "nothing of the page was written"
    );
    assert_eq!(backend.row_counts().await, before);
    // Another process was faster.
    let (mine, theirs) = (page(&backend, 2).await.unwrap(), page(&backend, 2).await.unwrap());
    assert!(carry_out(&backend, &theirs).await);
    assert!(!carry_out(&backend, &mine).await);
    carry_out_all(&backend).await;
    assert_eq!(progress(&backend, job.id).await.done, 3);
    assert!(!carry_out(&backend, &theirs).await, "it is done");
}

pub(crate) async fn work_on_many_keys_is_there_after_a_kill(backend: impl Backend) {
    let keys = with_keys(&backend, 3).await;
    begin(&backend, &job(1, Whose::Everybody)).await;
    let first = page(&backend, 2).await.unwrap();
    assert!(carry_out(&backend, &first).await);
    let backend = backend.reopen().await;
    backend.prepare(at(101)).await;
    let next = page(&backend, 2).await.unwrap();
    assert_eq!(
        (next.keys.len(), next.job.done, next.after),
        (1, 2, Some(keys[1].id))
    );
    carry_out_all(&backend).await;
    assert_eq!(stored(&backend, &keys[2]).await.status, Status::Revoked);
}

pub(crate) async fn keys_stay_in_a_deleted_group_until_they_are_ended(backend: impl Backend) {
    let group = Group {
        id: GroupId(Uuid::from_u128(5)),
        name: "g".into(),
        ..Group::admin_of(DEFAULT, "admin", at(1))
    };
    write(&backend, 1, DirectoryWrite::AddGroup(group.clone())).await;
    let key = Key {
        groups: Grouping::of([&group]),
        ..key(2)
    };
    insert(&backend, &key).await;
    begin(&backend, &job(1, Whose::Group(group.id))).await;
    write(&backend, 2, DirectoryWrite::DeleteGroup(group.clone())).await;
    let store = backend.store();
    let leaving = store.group_page(None, 10).await.unwrap().unwrap();
    assert!(
        !store
            .commit_group_page(&leaving, &[], &[], at(101))
            .await
            .unwrap()
    );
    carry_out_all(&backend).await;
    assert_eq!(stored(&backend, &key).await.status, Status::Revoked);
    let leaving = store.group_page(None, 10).await.unwrap().unwrap();
    assert!(
        store
            .commit_group_page(&leaving, &[], &[], at(101))
            .await
            .unwrap()
    );
}

pub(crate) async fn a_suspended_organization_gets_no_key_and_its_keys_follow_it(backend: impl Backend) {
    let keys = with_keys(&backend, 3).await;
    let ended = keys[2].revoked("admin", at(5));
    let store = backend.store();
    store.commit(&update(&ended, &[], at(5))).await.unwrap();
    let before = store.organization(DEFAULT).await.unwrap().unwrap();
    let suspended = before.suspended("ada", at(60));
    write(&backend, 1, DirectoryWrite::ChangeSuspension(suspended.clone())).await;
    assert_eq!(
        store.organization(DEFAULT).await.unwrap(),
        Some(suspended.clone())
    );
    // At once, before any row has followed.
    let (found, _) = store.key_with_groups(None, &keys[0].hash).await.unwrap().unwrap();
    assert!(found.suspended && !stored(&backend, &keys[0]).await.suspended);
    for new in [
        KeyWrite::Insert(key(9)),
        KeyWrite::Insert(rotated(&keys[0], 0, at(60)).1),
    ] {
        let change = keys::change(Action::KeyCreated, vec![new], &[], at(60));
        let refused = store.commit(&change).await.unwrap_err();
        assert!(matches!(refused, CommitError::Suspended), "{refused}");
    }
    assert_eq!(
        begin(&backend, &job_of(Task::Suspend, 1, Whose::Everybody)).await,
        2
    );
    let stale = page(&backend, 1).await.unwrap();
    carry_out_all(&backend).await;
    let now = stored(&backend, &keys[0]).await;
    assert_eq!(
        (now.suspended, now.status, now.revision),
        (true, Status::Active, 2)
    );
    assert_eq!(now.record().status, Status::Deactivated);
    assert_eq!(stored(&backend, &ended).await, ended);

    // Somebody else has suspended it already.
    let again = Change {
        directory: vec![DirectoryWrite::ChangeSuspension(suspended)],
        ..Change::none(event(
            2,
            Action::OrganizationSuspended,
            Target::Organization(DEFAULT),
        ))
    };
    assert!(matches!(store.commit(&again).await, Err(CommitError::Conflict)));
    write(&backend, 3, DirectoryWrite::ChangeSuspension(before.clone())).await;
    assert_eq!(
        begin(&backend, &job_of(Task::Resume, 2, Whose::Everybody)).await,
        2
    );
    // A later word ends the work on an earlier one.
    let resuming = page(&backend, 1).await.unwrap();
    assert!(carry_out(&backend, &resuming).await);
    write(
        &backend,
        4,
        DirectoryWrite::ChangeSuspension(before.suspended("ada", at(70))),
    )
    .await;
    assert_eq!(
        begin(&backend, &job_of(Task::Suspend, 3, Whose::Everybody)).await,
        1
    );
    assert_eq!(store.key_jobs().await.unwrap().len(), 1);
    assert!(!carry_out(&backend, &stale).await);
    carry_out_all(&backend).await;
    for key in &keys[..2] {
        assert!(stored(&backend, key).await.suspended);
    }
}
