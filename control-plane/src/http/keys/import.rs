//! `POST /api/v1/keys/import`: keys made elsewhere, by their hashes. Each is imported or refused by itself; those that are imported
//! are one change.

use std::collections::HashSet;

use axum::{
    extract::State,
    http::{StatusCode, Uri},
    response::Response,
};
use keyward_shared::KeyHash;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    AppState,
    wish::{CreateKey, Wish},
};
use crate::{
    domain::{
        Action, FieldError, Group, Key, KeyWrite, OrganizationId, Permission, Purpose, Rights, Target,
        bounds::{self, MAX_IMPORTED},
    },
    http::{
        App, Problem,
        body::{Body, parse_object},
        caller::Caller,
        change::{Changed, MAX_TRIES, Work},
        idempotency::{Answer, Attempt, Repeatable},
        names::Names,
        openapi::Entry,
        query::Parameters,
    },
    schema,
    store::CommitError,
};

/// The largest body, in bytes: a thousand keys of a kilobyte each.
pub(in crate::http) const MAX_BODY_BYTES: usize = 1024 * 1024;

/// The body. Each key has the fields of one that is created, and `hash` and `preview`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct ImportKeys {
    /// Read one by one, so that a fault of one does not hold up the others.
    #[schemars(with = "Vec<ImportKey>", length(min = 1, max = MAX_IMPORTED))]
    keys: Vec<Map<String, Value>>,
}

/// A key to import, as the description shows it.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "the fields are read one by one")]
struct ImportKey {
    #[schemars(with = "schema::Hash")]
    hash: String,
    #[schemars(with = "schema::Preview")]
    preview: String,
    #[serde(flatten)]
    key: CreateKey,
}

/// A key to import, checked.
struct Elsewhere {
    hash: KeyHash,
    preview: String,
    wish: Wish,
}

/// What became of all of them.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ImportedKeys")]
struct Imported {
    imported: usize,
    refused: usize,
    keys: Vec<Fate>,
}

/// What became of one, in the order of the request.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ImportedKey")]
struct Fate {
    index: usize,
    name: Option<String>,
    /// `imported` or `refused`.
    status: &'static str,
    #[schemars(with = "Option<schema::Id>")]
    key_id: Option<String>,
    code: Option<&'static str>,
    detail: Option<String>,
    field: Option<String>,
}

impl Elsewhere {
    fn read(mut fields: Map<String, Value>, services: &[String]) -> Result<Self, Problem> {
        let mut text = |field: &'static str| match fields.remove(field) {
            Some(Value::String(text)) => Ok(text),
            Some(_) => Err(FieldError::new(field, "must be a string")),
            None => Err(FieldError::new(field, "is missing")),
        };
        let hash = bounds::hash(&text("hash")?)?;
        let preview = bounds::preview(&text("preview")?, &hash)?;
        let wish = parse_object::<CreateKey>(fields)?.check(services)?;
        if *wish.purpose() == Purpose::Gateway {
            let problem = "is missing; a key made elsewhere is a service key";
            return Err(FieldError::new("service_id", problem).into());
        }
        Ok(Self { hash, preview, wish })
    }

    /// The key in its groups, if the caller may make it.
    fn wanted(
        &self,
        organization: OrganizationId,
        caller: &Caller,
        rights: &Rights,
        groups: &[Group],
    ) -> Result<(crate::domain::NewKey, Vec<Group>), Problem> {
        let mut own = Vec::new();
        for (index, name) in self.wish.groups.iter().enumerate() {
            let group = groups.iter().find(|group| group.name == *name);
            let unknown = || FieldError::new(format!("groups[{index}]"), "is no group of this organization");
            own.push(group.ok_or_else(unknown)?.clone());
        }
        if !own.is_empty() && !rights.hold(Permission::KeysAssignGroups) {
            return Err(Problem::lacks(Permission::KeysAssignGroups));
        }
        let wanted = self.wish.key(organization, caller.owner(), own.clone());
        if !rights.cover(&wanted.rights()) {
            return Err(Problem::beyond_own());
        }
        Ok((wanted, own))
    }
}

impl Fate {
    const fn refused(index: usize, name: Option<String>) -> Self {
        Self {
            index,
            name,
            status: "refused",
            key_id: None,
            code: None,
            detail: None,
            field: None,
        }
    }

    fn because(self, problem: &Problem) -> Self {
        let (code, detail, field) = problem.told();
        Self {
            code: Some(code),
            detail: Some(detail.to_owned()),
            field: field.map(str::to_owned),
            ..self
        }
    }

    fn imported_as(self, key: &Key) -> Self {
        Self {
            status: "imported",
            key_id: Some(key.id.to_string()),
            ..self
        }
    }
}

/// Imports keys.
pub(in crate::http) async fn import(
    State(app): AppState,
    caller: Caller,
    names: Names,
    uri: Uri,
    request: Repeatable<Body<ImportKeys>>,
) -> Result<Response, Problem> {
    let parameters = Parameters::of_place(&uri, &names, &[])?;
    let (organization, rights) = app.place(&caller, &names, &parameters).await?;
    let attempt = Attempt::of(&request, &caller);
    let Body(ImportKeys { keys }) = request.body;
    if keys.is_empty() || keys.len() > MAX_IMPORTED {
        let problem = format!("must have 1 to {MAX_IMPORTED} entries");
        return Err(FieldError::new("keys", problem).into());
    }
    let read = |fields: Map<String, Value>| {
        let name = fields.get("name").and_then(Value::as_str);
        let name = name.and_then(|name| bounds::name(name).ok());
        (name, Elsewhere::read(fields, &app.rules.services))
    };
    let keys: Vec<_> = keys.into_iter().map(read).collect();
    let made = make(&app, &caller, organization, &rights, &keys, attempt.as_ref());
    app.once(&caller, &rights, attempt.as_ref(), made).await
}

/// A name, as far as it is one, and the key or what is wrong with it.
type Candidate = (Option<String>, Result<Elsewhere, Problem>);

async fn make(
    app: &App,
    caller: &Caller,
    organization: OrganizationId,
    rights: &Rights,
    candidates: &[Candidate],
    attempt: Option<&Attempt>,
) -> Result<(Answer, Changed), Problem> {
    let readable = || candidates.iter().filter_map(|(_, key)| key.as_ref().ok());
    let hashes: Vec<KeyHash> = readable().map(|key| key.hash).collect();
    let mut names: Vec<String> = readable()
        .flat_map(|key| key.wish.groups.iter().cloned())
        .collect();
    names.sort_unstable();
    names.dedup();
    for _ in 0..MAX_TRIES {
        let groups = app.store.groups_named(organization, &names).await?;
        let known = app.store.keys_by_hash(&hashes).await?;
        let mut taken: HashSet<KeyHash> = known.iter().map(|key| key.hash).collect();
        let now = app.clock.now();
        let (mut writes, mut fates, mut joined) = (Vec::new(), Vec::new(), Vec::new());
        for (index, (name, candidate)) in candidates.iter().enumerate() {
            let fate = Fate::refused(index, name.clone());
            let wanted = match candidate {
                Ok(key) => key
                    .wanted(organization, caller, rights, &groups)
                    .map(|(wanted, own)| (key, wanted, own)),
                Err(problem) => {
                    fates.push(fate.because(problem));
                    continue;
                }
            };
            fates.push(match wanted {
                Ok((key, wanted, own)) if taken.insert(key.hash) => {
                    let preview = key.preview.clone();
                    let entropy = app.entropy.as_ref();
                    let key = Key::imported(wanted, key.hash, preview, caller.actor(), now, entropy);
                    let fate = fate.imported_as(&key);
                    writes.push(KeyWrite::Insert(key));
                    joined.extend(own);
                    fate
                }
                Ok(_) => fate.because(&Problem::hash_taken()),
                Err(problem) => fate.because(&problem),
            });
        }
        let body = Imported {
            imported: writes.len(),
            refused: fates.len() - writes.len(),
            keys: fates,
        };
        let answer = Answer::new(StatusCode::OK, &body, None)?;
        if writes.is_empty() {
            return Ok((answer, Changed::default()));
        }
        let ids: Vec<_> = writes.iter().map(|write| write.key().id.to_string()).collect();
        joined.sort_unstable_by_key(|group| group.id.0);
        joined.dedup();
        let work = Work {
            keys: writes,
            detail: json!({ "key_ids": ids }),
            ..Work::on(
                Action::KeysImported,
                organization,
                Target::Organization(organization),
            )
        };
        let attempt = attempt.map(|attempt| (attempt, &answer));
        match app
            .commit_once(caller, work.in_groups(&joined), now, attempt)
            .await
        {
            // A group has changed, or somebody else has imported one of the keys.
            Err(CommitError::Conflict) => {}
            Err(error) => return Err(error.into()),
            Ok(changed) => return Ok((answer, changed)),
        }
    }
    Err(Problem::contended())
}

/// How the description shows it.
pub(in crate::http) fn describe() -> Entry {
    let key = json!({
        "hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "preview": "sk_live_Ab***",
        "name": "Old prediction key",
        "service_id": "prediction",
        "scopes": ["predict"],
    });
    let fate = |index: usize, status: &str| {
        let taken = (status == "refused").then_some("hash_taken");
        json!({
            "index": index,
            "name": "Old prediction key",
            "status": status,
            "key_id": taken.is_none().then_some("550e8400-e29b-41d4-a716-446655440000"),
            "code": taken,
            "detail": taken.map(|_| "There is a key with this hash already."),
            "field": taken.map(|_| "hash"),
        })
    };
    let example = json!({ "imported": 1, "refused": 1, "keys": [fate(0, "imported"), fate(1, "refused")] });
    Entry::new(
        "Import keys made elsewhere",
        "Each key has the fields of one that is created, its hash and its preview, and is imported or refused by itself; the body may have \
         1 MiB. Edges admit them where they list what such keys look like.",
    )
    .in_place()
    .body::<ImportKeys>(vec![("two keys", json!({ "keys": [key, key] }))])
    .answers::<Imported>(200, "What became of each, in the order of the request.")
    .example(example)
    .repeatable()
    .propagates()
}
