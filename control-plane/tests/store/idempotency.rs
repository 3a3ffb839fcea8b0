//! Requests that are done once: remembered with what they changed, for as long as they should be.

use std::time::Duration;

use keyward_control_plane::{
    clock::after,
    domain::{
        Change,
        change::Once,
        idempotency::{ANSWER_KEPT, Done, Fingerprint, REMEMBERED, Sealed, Slot},
    },
    store::CommitError,
};

use crate::{
    backend::Backend,
    keys::{at, create, key},
};

const SLOT: Slot = Slot([7; 32]);

/// The creation of a key by a request in the slot.
fn request(seed: u64) -> Change {
    let key = key(seed);
    Change {
        once: Some(Once {
            slot: SLOT,
            fingerprint: Fingerprint([seed.to_be_bytes()[7]; 32]),
            key: Some(key.id),
            answer: Sealed {
                secret: 3,
                bytes: vec![1, 2, 3],
            },
        }),
        ..create(&key, &[], at(1))
    }
}

pub(crate) async fn a_request_is_read_as_it_was_written(backend: impl Backend) {
    let change = request(1);
    assert_eq!(backend.store().done(&SLOT, at(1)).await.unwrap(), None);
    backend.store().commit(&change).await.unwrap();
    let once = change.once.unwrap();
    let done = Done {
        fingerprint: once.fingerprint,
        at: at(1),
        key: once.key,
        answer: Some(once.answer),
    };
    assert_eq!(backend.store().done(&SLOT, at(2)).await.unwrap(), Some(done));
    assert_eq!(backend.store().done(&Slot([8; 32]), at(2)).await.unwrap(), None);
}

pub(crate) async fn a_request_that_was_done_writes_nothing(backend: impl Backend) {
    backend.store().commit(&request(1)).await.unwrap();
    let error = backend.store().commit(&request(2)).await.unwrap_err();
    assert!(matches!(error, CommitError::Repeated), "{error}");
    assert_eq!(backend.row_counts().await, [1, 0, 1]);
    let done = backend.store().done(&SLOT, at(2)).await.unwrap().unwrap();
    assert_eq!(done.fingerprint, Fingerprint([1; 32]));
}

pub(crate) async fn a_change_that_fails_leaves_the_slot_free(backend: impl Backend) {
    backend
        .store()
        .commit(&create(&key(1), &[], at(1)))
        .await
        .unwrap();
    assert!(backend.store().commit(&request(1)).await.is_err());
    assert_eq!(backend.store().done(&SLOT, at(1)).await.unwrap(), None);
    backend.store().commit(&request(2)).await.unwrap();
}

pub(crate) async fn of_many_at_once_one_is_done(backend: impl Backend) {
    let requests: Vec<_> = (1..=32).map(request).collect();
    let commits = requests.iter().map(|request| backend.store().commit(request));
    let ended = futures_util::future::join_all(commits).await;
    let repeated = ended
        .iter()
        .filter(|end| matches!(end, Err(CommitError::Repeated)));
    assert_eq!(repeated.count(), 31);
    assert_eq!(backend.row_counts().await, [1, 0, 1]);
}

pub(crate) async fn answers_are_dropped_before_requests_are_forgotten(backend: impl Backend) {
    backend.store().commit(&request(1)).await.unwrap();
    let (gone, forgotten) = (after(at(1), ANSWER_KEPT), after(at(1), REMEMBERED));
    let before = |moment| {
        after(moment, Duration::ZERO)
            .checked_sub(Duration::from_millis(1))
            .unwrap()
    };
    backend.store().forget(before(gone)).await.unwrap();
    let done = backend.store().done(&SLOT, gone).await.unwrap().unwrap();
    assert!(done.answer.is_some());
    backend.store().forget(gone).await.unwrap();
    let done = backend
        .store()
        .done(&SLOT, before(forgotten))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(done.answer, None);
    // Nobody has swept it away yet, and it is forgotten all the same.
    assert_eq!(backend.store().done(&SLOT, forgotten).await.unwrap(), None);
    backend.store().forget(forgotten).await.unwrap();
    assert_eq!(backend.rows("done_requests").await, 0);
}

pub(crate) async fn a_forgotten_request_gives_its_slot_up(backend: impl Backend) {
    backend.store().commit(&request(1)).await.unwrap();
    let mut next = request(2);
    next.event.at = after(at(1), REMEMBERED);
    backend.store().commit(&next).await.unwrap();
    let done = backend.store().done(&SLOT, next.event.at).await.unwrap().unwrap();
    assert_eq!((done.at, done.key), (next.event.at, next.once.unwrap().key));
}
