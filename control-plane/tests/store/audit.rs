//! The audit trail: read, and checked.

use keyward_control_plane::{
    audit::{Verification, verify},
    domain::{
        Action, Change, KeyWrite, Organization, OrganizationId, Target,
        audit::{Anchor, Difference, hex},
        change::DirectoryWrite,
        leak::LeakPolicy,
    },
    store::AuditFilter,
};
use uuid::Uuid;

use crate::{
    backend::Backend,
    keys::{DEFAULT, at, change, create, key, key_for, organization, renamed, update},
};

/// A trail of four events: a key, its new name, its end; and the creation of another organization.
async fn with_trail(backend: &impl Backend) {
    let store = backend.store();
    let created = key(1);
    let second = renamed(&created, "second", at(2));
    let third = second.revoked("ada", at(3));
    let mut revoked = change(Action::KeyRevoked, vec![KeyWrite::Update(third)], &[], at(3));
    revoked.event.actor = "ada".into();
    for change in [create(&created, &[], at(1)), update(&second, &[], at(2)), revoked] {
        store.commit(&change).await.unwrap();
    }
    store.commit(&founding(organization(2))).await.unwrap();
}

/// The creation of an organization.
fn founding(id: OrganizationId) -> Change {
    let mut change = create(&key_for(9, id, keyward_shared::Environment::Test), &[], at(4));
    change.writes.clear();
    change.directory = vec![DirectoryWrite::AddOrganization(Organization {
        id,
        name: "Other".into(),
        created_by: "stan".into(),
        created_at: at(4),
        leak_policy: LeakPolicy::default(),
        unused_after_days: None,
        suspended: None,
    })];
    change.event.action = Action::OrganizationCreated;
    change.event.target = Target::Organization(id);
    change.event.actor = "stan".into();
    change
}

async fn actions(backend: &impl Backend, filter: AuditFilter) -> Vec<String> {
    let events = backend.store().audit_events(&filter, None, 100).await.unwrap();
    events.into_iter().map(|event| event.action).collect()
}

pub(crate) async fn events_are_found_by_what_they_say(backend: impl Backend) {
    with_trail(&backend).await;
    let all = AuditFilter::default();
    let (own, other) = (Some(DEFAULT), Some(organization(2)));
    let of_key = ["key.revoked", "key.updated", "key.created"];
    for (filter, expected) in [
        (
            all.clone(),
            ["organization.created"].iter().chain(&of_key).copied().collect(),
        ),
        (
            AuditFilter {
                organization: own,
                ..all.clone()
            },
            of_key.to_vec(),
        ),
        (
            AuditFilter {
                organization: other,
                ..all.clone()
            },
            vec!["organization.created"],
        ),
        (
            AuditFilter {
                actor: Some("ada".into()),
                ..all.clone()
            },
            vec!["key.revoked"],
        ),
        (
            AuditFilter {
                actor: Some("ada".into()),
                organization: other,
                ..all.clone()
            },
            vec![],
        ),
        (
            AuditFilter {
                action: Some(Action::KeyUpdated),
                ..all.clone()
            },
            vec!["key.updated"],
        ),
        (
            AuditFilter {
                target: Some(key(1).id.to_string()),
                ..all.clone()
            },
            of_key.to_vec(),
        ),
        (
            AuditFilter {
                target: Some("nobody".into()),
                ..all.clone()
            },
            vec![],
        ),
        (
            AuditFilter {
                from: Some(at(2)),
                to: Some(at(3)),
                ..all.clone()
            },
            vec!["key.updated"],
        ),
        (
            AuditFilter {
                from: Some(at(3)),
                organization: own,
                ..all.clone()
            },
            vec!["key.revoked"],
        ),
    ] {
        assert_eq!(actions(&backend, filter.clone()).await, expected, "{filter:?}");
    }
}

pub(crate) async fn a_list_of_events_goes_on_by_its_cursor(backend: impl Backend) {
    with_trail(&backend).await;
    let store = backend.store();
    let all = AuditFilter::default();
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = store.audit_events(&all, after, 1).await.unwrap();
        let Some(event) = page.first() else { break };
        after = Some(Uuid::from_slice(&event.id).unwrap());
        seen.push(event.position);
    }
    assert_eq!(seen.len(), 4);
    assert!(seen.is_sorted_by(|later, earlier| later > earlier), "{seen:?}");
    // The event of another organization leads nowhere, as does one that is not there.
    let own = AuditFilter {
        organization: Some(DEFAULT),
        ..all.clone()
    };
    let newest = store.audit_events(&all, None, 1).await.unwrap().remove(0);
    for after in [Uuid::from_slice(&newest.id).unwrap(), Uuid::from_u128(77)] {
        assert_eq!(store.audit_events(&own, Some(after), 10).await.unwrap(), []);
    }
}

async fn checked(backend: &impl Backend) -> Verification {
    verify(backend.store(), None).await.unwrap()
}

/// What is wrong: after how many events, at which of them (the first is 1), and how.
async fn fault(backend: &impl Backend) -> (u64, String, Difference) {
    let found = checked(backend).await;
    let fault = found.fault.unwrap();
    let event = fault.event.map(|event| hex(&event.id)).unwrap_or_default();
    (found.events, event, fault.difference)
}

/// The ids of all events, oldest first.
async fn ids(backend: &impl Backend) -> Vec<String> {
    backend.audit().await.iter().map(|event| hex(&event.id)).collect()
}

pub(crate) async fn a_sound_chain_is_followed_to_its_end(backend: impl Backend) {
    assert_eq!(
        checked(&backend).await,
        Verification {
            anchor: Anchor::START,
            events: 0,
            head: None,
            fault: None
        }
    );
    with_trail(&backend).await;
    let found = checked(&backend).await;
    let stored = backend.audit().await;
    let head = found.head.unwrap();
    assert_eq!((found.events, found.fault), (4, None));
    assert_eq!(
        (&head.id, head.chain.as_slice()),
        (&stored[3].id, stored[3].chain.as_slice())
    );
    // Each hash that was noted on the way is found again.
    for event in &stored {
        let noted = event.chain.as_slice().try_into().unwrap();
        assert_eq!(verify(backend.store(), Some(noted)).await.unwrap().fault, None);
    }
}

pub(crate) async fn a_changed_event_is_named(backend: impl Backend) {
    with_trail(&backend).await;
    let ids = ids(&backend).await;
    backend
        .tamper("UPDATE audit_events SET actor = 'eve' WHERE action = 'key.updated'")
        .await;
    assert_eq!(fault(&backend).await, (1, ids[1].clone(), Difference::Content));
}

pub(crate) async fn a_changed_hash_is_named(backend: impl Backend) {
    with_trail(&backend).await;
    let ids = ids(&backend).await;
    let change =
        "UPDATE audit_events SET chain = (SELECT chain FROM audit_events WHERE action = 'key.created')
        WHERE action = 'key.updated'";
    backend.tamper(change).await;
    assert_eq!(fault(&backend).await, (1, ids[1].clone(), Difference::Hash));
}

pub(crate) async fn what_was_taken_out_is_noticed_behind_it(backend: impl Backend) {
    with_trail(&backend).await;
    let ids = ids(&backend).await;
    backend
        .tamper("DELETE FROM audit_events WHERE action = 'key.updated'")
        .await;
    assert_eq!(fault(&backend).await, (1, ids[2].clone(), Difference::Link));
    // The first ones are no exception.
    backend
        .tamper("DELETE FROM audit_events WHERE action = 'key.created'")
        .await;
    assert_eq!(fault(&backend).await, (0, ids[2].clone(), Difference::Link));
}

pub(crate) async fn a_changed_last_event_is_named(backend: impl Backend) {
    with_trail(&backend).await;
    let ids = ids(&backend).await;
    backend
        .tamper("UPDATE audit_events SET detail = '{}' WHERE actor = 'stan'")
        .await;
    assert_eq!(fault(&backend).await, (3, ids[3].clone(), Difference::Last));
}

pub(crate) async fn a_trail_that_was_cut_off_lacks_what_was_noted(backend: impl Backend) {
    with_trail(&backend).await;
    let noted = checked(&backend).await.head.unwrap().chain;
    backend
        .tamper("DELETE FROM audit_events WHERE actor = 'stan'")
        .await;
    assert_eq!(checked(&backend).await.fault, None);
    let found = verify(backend.store(), Some(noted)).await.unwrap();
    assert_eq!(found.fault.unwrap().difference, Difference::Noted);
}
