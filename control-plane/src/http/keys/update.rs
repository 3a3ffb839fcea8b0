//! `PATCH /api/v1/keys/{key_id}`: rename, scopes, groups, limits, allowed addresses, plan, expiry, owner, metadata. What is not named
//! stays, and what changes, changes on the keys too that this one replaced and that are in their grace periods.

use axum::{
    extract::State,
    http::{StatusCode, Uri},
    response::{IntoResponse as _, Response},
};
use jiff::Timestamp;
use serde_json::json;

use super::{
    AppState, KeyInfo,
    info::example,
    patch::{Update, UpdateKey},
};
use crate::{
    domain::{Action, Group, Key, KeyWrite, Rights, audit, group::Grouping, key::Configuration},
    http::{
        App, Problem,
        body::Body,
        caller::Caller,
        change::{MAX_TRIES, VALIDATE_ONLY, Work},
        names::Names,
        openapi::Entry,
        query::Parameters,
    },
    store::CommitError,
};

/// Changes a key's configuration and groups.
pub(in crate::http) async fn update(
    State(app): AppState,
    caller: Caller,
    names: Names,
    uri: Uri,
    Body(body): Body<UpdateKey>,
) -> Result<Response, Problem> {
    let only_validates = Parameters::of(&uri, &[VALIDATE_ONLY])?.boolean(VALIDATE_ONLY)?;
    let update = body.check()?;
    for _ in 0..MAX_TRIES {
        let (next, now) = draft(&app, &caller, &names, &update).await?;
        let done = match next {
            Next::Unchanged(_) if only_validates => Ok(None),
            Next::Unchanged(key) => Ok(Some(app.unchanged(*key).await?)),
            Next::Changed(work) if only_validates => app.rehearse(&caller, work, now).await.map(|()| None),
            Next::Changed(work) => app.commit(&caller, work, now).await.map(Some),
        };
        match done {
            Err(CommitError::Conflict) => {}
            Err(error) => return Err(error.into()),
            Ok(Some(changed)) => return Ok(app.answer_with_key(&changed).await),
            Ok(None) => return Ok(StatusCode::NO_CONTENT.into_response()),
        }
    }
    Err(Problem::contended())
}

/// What is to be written.
enum Next {
    Unchanged(Box<Key>),
    Changed(Work),
}

/// The change as it would be written now.
async fn draft(
    app: &App,
    caller: &Caller,
    names: &Names,
    update: &Update,
) -> Result<(Next, Timestamp), Problem> {
    let (before, rights) = app.find(caller, names).await?;
    let groups = match &update.groups {
        Some(names) => Some(app.groups_of_field(before.organization, names).await?),
        None => None,
    };
    update.check_groups(&before, &rights)?;
    let wanted = update.apply(&before.configuration)?;
    if !rights.cover(&added(&before, &wanted, groups.as_deref().unwrap_or_default())) {
        return Err(Problem::beyond_own());
    }
    let grouping = groups
        .as_ref()
        .map_or_else(|| before.groups.clone(), Grouping::of);
    let now = app.clock.now();
    let after = before.changed(wanted, grouping, update.expires_at(&before, now)?, now)?;
    if after == before {
        return Ok((Next::Unchanged(Box::new(after)), now));
    }
    let detail = audit::difference(&before, &after);
    let in_grace = app.store.keys_in_grace(after.lineage, now).await?;
    let alike = in_grace
        .iter()
        .filter_map(|key| key.like_its_successor(&after, now));
    let alike: Vec<_> = alike.map(KeyWrite::Update).collect();
    let writes = [vec![KeyWrite::Update(after)], alike].concat();
    let work = Work::on_keys(Action::KeyUpdated, writes, detail);
    Ok((
        Next::Changed(work.in_groups(groups.as_deref().unwrap_or_default())),
        now,
    ))
}

/// What the key could not do before.
fn added(before: &Key, wanted: &Configuration, groups: &[Group]) -> Rights {
    let scopes = wanted
        .scopes
        .iter()
        .filter(|scope| !before.configuration.scopes.contains(scope));
    let groups = groups
        .iter()
        .filter(|group| !before.groups.names.contains(&group.name));
    groups.fold(Rights::only([], scopes.cloned()), |rights, group| {
        rights.and(group.rights())
    })
}

/// How the description shows it.
pub(in crate::http) fn describe() -> Entry {
    Entry::new(
        "Change a key",
        "What is not named stays. `null` takes a limit, an allowlist or the expiry away. What changes, changes too on the keys that this one replaced and that are in their grace periods.",
    )
    .body::<UpdateKey>(vec![
        ("rename", json!({ "name": "Renamed" })),
        ("another expiry", json!({ "expires_at": "2027-01-31T12:00:00Z" })),
        ("no monthly limit", json!({ "monthly_prediction_limit": null })),
    ])
    .answers::<KeyInfo<'_>>(200, "The key as it is now.")
    .example(example())
    .validates()
    .propagates()
}
