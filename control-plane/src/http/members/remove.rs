//! `DELETE /api/v1/organizations/{org_id}/members/{subject}`: somebody is no member any more. The keys that the person leaves
//! behind are listed, and in the same call kept as they are, handed over or revoked.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{StatusCode, Uri},
    response::Response,
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use crate::{
    domain::{
        Action, DirectoryWrite, FieldError, Key, KeyId, KeyWrite, Member, Permission, Rights, Target,
        principal::user_name,
    },
    http::{
        App, Problem,
        caller::Caller,
        change::{Changed, MAX_TRIES, Work},
        keys::info::KeyInfo,
        names::Names,
        openapi::Entry,
        query::Parameters,
    },
    schema,
    store::{CommitError, KeyFilter, KeyPlace},
};

/// How many keys change in one transaction. The last of them go with the member.
const PAGE: u32 = 200;
/// The most keys that the answer shows.
const MAX_SHOWN: usize = 1000;

/// What becomes of the keys.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "names what the query may say, for the description")]
enum KeysParameter {
    Keep,
    Revoke,
    HandOver,
}

/// What happens to the keys.
enum Fate {
    Kept,
    Revoked,
    /// To this owner.
    HandedTo(String),
}

impl Fate {
    /// Whether the caller may decide this on keys that are not its own. Whoever is given a key can rotate it, and has its text
    /// then; so only an Admin, whose rights cover every key's, hands keys over.
    fn check(&self, rights: &Rights) -> Result<(), Problem> {
        match self {
            Self::Revoked if !rights.hold(Permission::KeysManage) => {
                Err(Problem::lacks(Permission::KeysManage))
            }
            Self::HandedTo(_) if !rights.is_admin() => Err(Problem::beyond_own()),
            _ => Ok(()),
        }
    }
}

/// What is left of a member.
#[derive(Serialize, JsonSchema)]
struct Removed<'a> {
    message: &'static str,
    /// How many keys the person had that have not ended.
    key_count: usize,
    /// The first thousand of them, as they are now.
    keys: Vec<KeyInfo<'a>>,
}

/// Removes a member.
pub(in crate::http) async fn remove(
    State(app): State<Arc<App>>,
    caller: Caller,
    names: Names,
    uri: Uri,
) -> Result<Response, Problem> {
    let parameters = Parameters::of(&uri, &["keys", "to"])?;
    let (member, rights) = member(&app, &caller, &names).await?;
    let fate = fate(&app, &parameters, &member).await?;
    if caller.principal().owner() != user_name(&member.subject) {
        fate.check(&rights)?;
    }
    let mut all = Changed::default();
    let mut after = None;
    loop {
        let page = page(&app, &caller, &member, &fate, after).await?;
        all.keys.extend(page.changed.keys);
        all.dirty.extend(page.changed.dirty);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let look = app.look_after_change(member.organization).await;
    let body = Removed {
        message: "Member removed",
        key_count: all.keys.len(),
        keys: all
            .keys
            .iter()
            .take(MAX_SHOWN)
            .map(|key| KeyInfo::of(key, look))
            .collect(),
    };
    Ok(app.answer(StatusCode::OK, Json(body), &all).await)
}

/// The member of a path, if the caller may remove it. Everybody may leave.
async fn member(app: &App, caller: &Caller, names: &Names) -> Result<(Member, Rights), Problem> {
    let organization = app
        .organization(caller, names.organization().unwrap_or_default())
        .await?;
    let subject = names.subject();
    let rights = caller.check_member(organization.id, subject)?;
    let found = app.store.member(organization.id, subject).await?;
    let member = found.ok_or_else(Problem::member_not_found)?;
    if !rights.cover(&Rights::of_role(member.role)) {
        return Err(Problem::beyond_own_role());
    }
    Ok((member, rights))
}

async fn fate(app: &App, parameters: &Parameters, member: &Member) -> Result<Fate, Problem> {
    let to = parameters.text("to");
    let fate = match parameters.text("keys") {
        None | Some("keep") => Fate::Kept,
        Some("revoke") => Fate::Revoked,
        Some("hand_over") => {
            let to = to.ok_or_else(|| FieldError::new("to", "is missing: say to whom the keys go"))?;
            let heir = app.store.member(member.organization, to).await?;
            if heir.is_none() || to == member.subject {
                return Err(FieldError::new("to", "must be another member of the organization").into());
            }
            return Ok(Fate::HandedTo(user_name(to)));
        }
        Some(_) => return Err(FieldError::new("keys", "must be keep, hand_over or revoke").into()),
    };
    if to.is_some() {
        return Err(FieldError::new("to", "goes with `keys=hand_over`").into());
    }
    Ok(fate)
}

/// Some of the member's keys.
struct Page {
    /// Those that have not ended, as they are now.
    changed: Changed,
    /// Where the next page starts; none when the member is removed.
    next: Option<KeyId>,
}

/// Changes one page of the member's keys, and with the last page removes the member.
async fn page(
    app: &App,
    caller: &Caller,
    member: &Member,
    fate: &Fate,
    after: Option<KeyId>,
) -> Result<Page, Problem> {
    let filter = KeyFilter {
        owner: Some(user_name(&member.subject)),
        ..KeyFilter::of(member.organization)
    };
    for _ in 0..MAX_TRIES {
        let keys = app
            .store
            .keys(&filter, after.map(KeyPlace::from).as_ref(), PAGE)
            .await?;
        let next = keys
            .last()
            .filter(|_| keys.len() == PAGE as usize)
            .map(|key| key.id);
        let now = app.clock.now();
        let living = keys.into_iter().filter(|key| !key.status.has_ended());
        let (changed, kept) = apply(fate, living, caller.actor(), now);
        let is_last = next.is_none();
        if changed.is_empty() && !is_last {
            let changed = Changed {
                keys: kept,
                ..Changed::default()
            };
            return Ok(Page { changed, next });
        }
        match app
            .commit(caller, work(member, fate, changed, is_last), now)
            .await
        {
            Err(CommitError::Conflict) => {}
            Err(error) => return Err(error.into()),
            Ok(mut changed) => {
                changed.keys.extend(kept);
                return Ok(Page { changed, next });
            }
        }
    }
    Err(Problem::contended())
}

/// The keys that change, and those that stay as they are: what has expired is handed to nobody.
fn apply(
    fate: &Fate,
    keys: impl Iterator<Item = Key>,
    actor: &str,
    now: Timestamp,
) -> (Vec<KeyWrite>, Vec<Key>) {
    let (mut changed, mut kept) = (Vec::new(), Vec::new());
    for key in keys {
        let next = match fate {
            Fate::Kept => None,
            Fate::Revoked => Some(key.revoked(actor, now)),
            Fate::HandedTo(owner) => key.handed_to(owner, now).ok(),
        };
        match next {
            Some(next) => changed.push(KeyWrite::Update(next)),
            None => kept.push(key),
        }
    }
    (changed, kept)
}

fn work(member: &Member, fate: &Fate, keys: Vec<KeyWrite>, is_last: bool) -> Work {
    let ids: Vec<_> = keys.iter().map(|write| write.key().id.to_string()).collect();
    let keys_detail = match fate {
        Fate::Kept => json!({}),
        Fate::Revoked => json!({ "revoked": ids }),
        Fate::HandedTo(owner) => json!({ "handed_over": ids, "owner": owner }),
    };
    let removal = DirectoryWrite::RemoveMember {
        organization: member.organization,
        subject: member.subject.clone(),
        before: member.role,
    };
    let action = if is_last {
        Action::MemberRemoved
    } else {
        Action::MemberKeysChanged
    };
    Work {
        keys,
        directory: if is_last { vec![removal] } else { Vec::new() },
        detail: json!({ "role": member.role.as_str(), "keys": keys_detail }),
        ..Work::on(
            action,
            member.organization,
            Target::Member(member.subject.clone()),
        )
    }
}

/// How the description shows it.
pub(in crate::http) fn describe() -> Entry {
    Entry::new(
        "Remove a member",
        "Everybody may leave. The keys that the person leaves behind are listed, and kept, handed over or revoked.",
    )
    .query::<KeysParameter>("keys", "What becomes of the keys; they are kept, if it is left out.")
    .query::<schema::Subject>("to", "The member to whom keys are handed over.")
    .answers::<Removed<'_>>(200, "It is no member any more.")
    .propagates()
}
