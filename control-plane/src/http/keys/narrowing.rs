//! Which keys a list is asked for, and in what order.

use keyward_shared::{Brands, Environment, PresentedKey};

use super::info::Look;
use crate::{
    domain::OrganizationId,
    http::{App, Problem, openapi::Entry, query::Parameters},
    schema,
    store::{KeyFilter, KeyKind, KeyOrder, KeyState, SortedBy},
};

/// The most characters of what is searched for.
pub(crate) const MAX_SEARCH: usize = 100;

/// The parameters that narrow a list of keys or sort it.
pub(super) const KNOWN: [&str; 15] = [
    "service_id",
    "environment",
    "kind",
    "scope",
    "group",
    "user_id",
    "owner",
    "created_by",
    "search",
    "status",
    "active_only",
    "expires_before",
    "unused_since",
    "unused",
    "sort",
];

/// Reads them.
///
/// # Errors
/// 400 for a value that is none.
pub(super) fn filter(
    app: &App,
    parameters: &Parameters,
    organization: OrganizationId,
    look: Look,
) -> Result<KeyFilter, Problem> {
    let text = |name: &str| parameters.text(name).map(str::to_owned);
    Ok(KeyFilter {
        owner: text("user_id"),
        holder: text("owner"),
        created_by: text("created_by"),
        service: text("service_id"),
        environment: environment(parameters)?,
        kind: one_of(parameters, "kind", &KINDS)?,
        scope: text("scope"),
        group: text("group"),
        search: search(parameters, &app.rules.brands)?,
        states: states(parameters)?.map(|states| (states, app.clock.now())),
        expires_before: parameters.moment("expires_before")?,
        unused_since: parameters.moment("unused_since")?,
        idle: parameters.boolean("unused")?.then(|| look.idle()),
        order: order(parameters)?,
        ..KeyFilter::of(organization)
    })
}

const KINDS: [(&str, KeyKind); 2] = [("service", KeyKind::Service), ("gateway", KeyKind::Gateway)];

fn environment(parameters: &Parameters) -> Result<Option<Environment>, Problem> {
    let all = Environment::ALL.map(|environment| (environment.as_str(), environment));
    one_of(parameters, "environment", &all)
}

fn one_of<T: Copy>(parameters: &Parameters, name: &str, all: &[(&str, T)]) -> Result<Option<T>, Problem> {
    let Some(text) = parameters.text(name) else {
        return Ok(None);
    };
    let found = all.iter().find(|(known, _)| *known == text);
    let found = found.ok_or_else(|| not_one_of(name, all.iter().map(|(known, _)| *known)))?;
    Ok(Some(found.1))
}

fn not_one_of<'a>(name: &str, all: impl Iterator<Item = &'a str>) -> Problem {
    let all: Vec<_> = all.collect();
    Problem::invalid(format!("`{name}` must be one of {}.", all.join(", "))).of_field(name)
}

/// The text of a key belongs into no address: it would be in histories and logs.
fn search(parameters: &Parameters, brands: &Brands) -> Result<Option<String>, Problem> {
    let Some(text) = parameters.text("search") else {
        return Ok(None);
    };
    if PresentedKey::parse(text, brands).is_ok() {
        let detail = "`search` is the text of a key. Nobody finds a key by that: POST /api/v1/keys/verify says what it is good for.";
        return Err(Problem::invalid(detail).of_field("search"));
    }
    if (1..=MAX_SEARCH).contains(&text.chars().count()) && !text.contains('\0') {
        Ok(Some(text.to_owned()))
    } else {
        let detail = format!("`search` must be 1 to {MAX_SEARCH} characters.");
        Err(Problem::invalid(detail).of_field("search"))
    }
}

fn states(parameters: &Parameters) -> Result<Option<Vec<KeyState>>, Problem> {
    let only_active = parameters.boolean("active_only")?;
    let Some(text) = parameters.text("status") else {
        return Ok(only_active.then(|| vec![KeyState::Active]));
    };
    if only_active {
        return Err(Problem::invalid("`active_only` goes without `status`.").of_field("active_only"));
    }
    let state = |name: &str| KeyState::ALL.into_iter().find(|state| state.as_str() == name);
    let states: Option<Vec<_>> = text.split(',').map(state).collect();
    let not_states = || {
        let detail = format!(
            "`status` must be one of {}, or several joined by commas.",
            KeyState::ALL.map(KeyState::as_str).join(", ")
        );
        Problem::invalid(detail).of_field("status")
    };
    states.map(Some).ok_or_else(not_states)
}

fn order(parameters: &Parameters) -> Result<KeyOrder, Problem> {
    let Some(text) = parameters.text("sort") else {
        return Ok(KeyOrder {
            by: SortedBy::CreatedAt,
            is_descending: true,
        });
    };
    let (name, is_descending) = match text.strip_prefix('-') {
        Some(name) => (name, true),
        None => (text, false),
    };
    let by = SortedBy::ALL.into_iter().find(|by| by.as_str() == name);
    let by = by.ok_or_else(|| {
        let detail = format!(
            "`sort` must be one of {}, or one of them with a `-` in front for the greatest first.",
            SortedBy::ALL.map(SortedBy::as_str).join(", ")
        );
        Problem::invalid(detail).of_field("sort")
    })?;
    Ok(KeyOrder { by, is_descending })
}

/// How the description shows them.
pub(super) fn described(entry: Entry) -> Entry {
    entry
        .query::<String>("service_id", "Only keys of this service.")
        .query::<schema::Environment>("environment", "Only keys of this environment; gateway keys are of none.")
        .query::<schema::KeyKind>("kind", "Only service keys, or only gateway keys.")
        .query::<String>("scope", "Only keys with this scope, of their own or of a group.")
        .query::<String>("group", "Only keys in the group of this name.")
        .query::<String>("user_id", "Only keys that this one manages.")
        .query::<String>("owner", "Only keys that this one holds.")
        .query::<String>("created_by", "Only keys that this one made.")
        .query::<schema::Search>(
            "search",
            "Only keys whose name or owner has this in it, whose preview begins with it, or whose id it is. Case does not matter.",
        )
        .query::<schema::KeyStates>(
            "status",
            "Only keys in this state, or in one of several joined by commas. `expired` are those that would be active.",
        )
        .query::<bool>("active_only", "Only keys that may be used now. Goes without `status`.")
        .query::<schema::MomentOrDate>("expires_before", "Only keys that expire before this.")
        .query::<schema::MomentOrDate>("unused_since", "Only keys that were not used since.")
        .query::<bool>("unused", "Only keys that are flagged as `unused`.")
        .query::<schema::KeySort>(
            "sort",
            "What the list is sorted by; with a `-` in front the greatest first. What has no such time comes last. By itself `-created_at`.",
        )
}
