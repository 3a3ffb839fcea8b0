//! Lists of keys.

use jiff::Timestamp;
use sqlx::{QueryBuilder, Row as _};
use uuid::Uuid;

use super::{Db, DbPool, DbRow, StoreError, columns, statements::LIKE_IN_ANY_CASE, sync_outbox};
use crate::{
    domain::{Key, KeyId},
    store::{AtEdge, KeyFilter, KeyKind, KeyOrder, KeyPlace, KeyState, PlaceValue, SortedBy},
};

/// Later than every moment, and earlier.
const NEVER: i64 = i64::MAX;
const BEFORE_ALL: i64 = -1;

pub(super) async fn list(
    pool: &DbPool,
    filter: &KeyFilter,
    after: Option<&KeyPlace>,
    limit: u32,
) -> Result<Vec<Key>, StoreError> {
    // Which keys a page has is found in an index, as far as it has what they are narrowed by; rows are read of those alone.
    let mut query =
        QueryBuilder::<Db>::new("SELECT * FROM keys WHERE id IN (SELECT id FROM keys AS listed WHERE ");
    narrow(&mut query, filter);
    let (expression, direction, beyond) = by(filter.order);
    if let Some(after) = after {
        // A page begins at a bound of the index that it goes by, however far on that is.
        query.push(format!(" AND ({expression}id) {beyond} ("));
        match &after.value {
            PlaceValue::Nothing => {}
            PlaceValue::Name(name) => {
                query.push("lower(").push_bind(name.clone()).push("), ");
            }
            PlaceValue::Moment(moment) => {
                let none = if filter.order.is_descending {
                    BEFORE_ALL
                } else {
                    NEVER
                };
                query
                    .push_bind(moment.map_or(none, Timestamp::as_millisecond))
                    .push(", ");
            }
        }
        query.push_bind(after.id.0.as_bytes().to_vec()).push(")");
    }
    let sorted = expression.replace(", ", &format!(" {direction}, "));
    query
        .push(format!(" ORDER BY {sorted}id {direction} LIMIT "))
        .push_bind(i64::from(limit))
        .push(format!(") ORDER BY {sorted}id {direction}"));
    let rows = query.build().fetch_all(pool).await?;
    rows.iter().map(columns::key).collect()
}

pub(super) async fn count(pool: &DbPool, filter: &KeyFilter) -> Result<u64, StoreError> {
    let mut query = QueryBuilder::<Db>::new("SELECT COUNT(*) FROM keys WHERE ");
    narrow(&mut query, filter);
    let count: i64 = query.build_query_scalar().fetch_one(pool).await?;
    columns::number(count, "count")
}

/// What an order goes by before the id, its direction, and what is further on in it. Each expression is one of the indexes'.
fn by(order: KeyOrder) -> (&'static str, &'static str, &'static str) {
    let expression = match (order.by, order.is_descending) {
        (SortedBy::CreatedAt, _) => "",
        (SortedBy::Name, _) => "lower(name), ",
        (SortedBy::LastUsedAt, false) => "COALESCE(last_used_at,9223372036854775807), ",
        (SortedBy::LastUsedAt, true) => "COALESCE(last_used_at,-1), ",
        (SortedBy::ExpiresAt, false) => "COALESCE(expires_at,9223372036854775807), ",
        (SortedBy::ExpiresAt, true) => "COALESCE(expires_at,-1), ",
    };
    if order.is_descending {
        (expression, "DESC", "<")
    } else {
        (expression, "ASC", ">")
    }
}

/// The conditions. Those that are not asked for are left out, so that each question finds its index.
fn narrow(query: &mut QueryBuilder<Db>, filter: &KeyFilter) {
    let organization = filter.organization.0.as_bytes().to_vec();
    query.push("organization = ").push_bind(organization.clone());
    for (column, wanted) in [
        ("owner", &filter.owner),
        ("holder", &filter.holder),
        ("created_by", &filter.created_by),
        ("service", &filter.service),
    ] {
        if let Some(wanted) = wanted {
            query.push(format!(" AND {column} = ")).push_bind(wanted.clone());
        }
    }
    if let Some(environment) = filter.environment {
        query.push(" AND environment = ").push_bind(environment.as_str());
    }
    match filter.kind {
        Some(KeyKind::Gateway) => {
            query.push(" AND environment = '*'");
        }
        Some(KeyKind::Service) => {
            query.push(" AND environment <> '*'");
        }
        None => {}
    }
    if let Some(scope) = &filter.scope {
        // A look at the text, in which no scope is written otherwise, spares nearly all lists from being read.
        query.push(" AND scopes || group_scopes LIKE ");
        query
            .push_bind(format!("%\"{}\"%", escaped(scope)))
            .push(r" ESCAPE '\'");
        for (joint, column) in [(" AND (", "scopes"), (" OR ", "group_scopes")] {
            query.push(format!(
                "{joint}EXISTS (SELECT 1 FROM json_each({column}) WHERE value = "
            ));
            query.push_bind(scope.clone()).push(")");
        }
        query.push(")");
    }
    if let Some(group) = &filter.group {
        query
            .push(
                " AND id IN (SELECT key_groups.key FROM key_groups JOIN groups ON groups.id = key_groups.group_id
                   WHERE groups.deleted_at IS NULL AND groups.organization = ",
            )
            .push_bind(organization)
            .push(" AND groups.name = ")
            .push_bind(group.clone())
            .push(")");
    }
    if let Some(search) = &filter.search {
        find(query, search);
    }
    if let Some((states, now)) = &filter.states {
        in_states(query, states, *now);
    }
    if let Some(moment) = filter.expires_before {
        query
            .push(" AND expires_at < ")
            .push_bind(moment.as_millisecond());
    }
    if let Some(moment) = filter.unused_since {
        query.push(" AND (last_used_at IS NULL OR last_used_at < ");
        query.push_bind(moment.as_millisecond()).push(")");
    }
    if let Some((since, now)) = filter.idle {
        query.push(" AND COALESCE(last_used_at, created_at) <= ");
        query.push_bind(since.as_millisecond());
        in_states(query, &[KeyState::Active], now);
    }
}

/// A part of the name or of the holder, the beginning of the preview, or the id. The database knows by which rule the case of letters
/// does not matter.
fn find(query: &mut QueryBuilder<Db>, text: &str) {
    let escaped = escaped(text);
    let anywhere = format!("%{escaped}%");
    let [before, between, behind] = LIKE_IN_ANY_CASE;
    for (joint, column, pattern) in [
        (" AND (", "name", anywhere.clone()),
        (" OR ", "holder", anywhere),
        (" OR ", "preview", format!("{escaped}%")),
    ] {
        query.push(format!("{joint}{before}{column}{between}"));
        query.push_bind(pattern).push(format!(r"{behind} ESCAPE '\'"));
    }
    if let Ok(id) = text.parse::<Uuid>() {
        query.push(" OR id = ").push_bind(id.as_bytes().to_vec());
    }
    query.push(")");
}

/// A text that stands for itself in a pattern.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for sign in text.chars() {
        if matches!(sign, '%' | '_' | '\\') {
            escaped.push('\\');
        }
        escaped.push(sign);
    }
    escaped
}

fn in_states(query: &mut QueryBuilder<Db>, states: &[KeyState], now: Timestamp) {
    let now = now.as_millisecond();
    query.push(" AND (1 = 0");
    for state in states {
        // A rotated key whose grace period is over is superseded, whether that was written down yet or not.
        let (condition, end) = match state {
            KeyState::Active => (
                "status = 'active' AND suspended = 0 AND (expires_at IS NULL OR expires_at > ",
                "))",
            ),
            KeyState::Expired => (
                "status = 'active' AND rotated_into IS NULL AND (expires_at <= ",
                "))",
            ),
            KeyState::Deactivated => (
                "(status = 'deactivated' AND rotated_into IS NULL)
                     OR (status = 'deactivated' OR (status = 'active' AND suspended = 1)) AND (expires_at IS NULL OR expires_at > ",
                "))",
            ),
            KeyState::Revoked => {
                query.push(" OR status = 'revoked'");
                continue;
            }
            KeyState::Superseded => (
                "status = 'superseded' OR (status IN ('active', 'deactivated') AND rotated_into IS NOT NULL AND expires_at <= ",
                "))",
            ),
        };
        query.push(format!(" OR ({condition}")).push_bind(now).push(end);
    }
    query.push(")");
}

pub(super) async fn at_edge(
    pool: &DbPool,
    deployment: &str,
    keys: &[KeyId],
) -> Result<Vec<AtEdge>, StoreError> {
    let keys = columns::json_text(&keys.iter().map(|key| key.0).collect::<Vec<_>>())?;
    let rows = sqlx::query(
        "SELECT told.id, confirmed.revision AS confirmed, confirmed.promise, confirmed.outage_seconds, confirmed.confirmed_at,
             published.revision AS published, sync_outbox.unconfirmed_since, outbox.dirty_since
         FROM (SELECT unhex(value, '-') AS id FROM json_each($2)) AS told
         LEFT JOIN confirmed ON confirmed.deployment = $1 AND confirmed.key = told.id
         LEFT JOIN published ON published.deployment = $1 AND published.key = told.id
         LEFT JOIN sync_outbox ON sync_outbox.deployment = $1 AND sync_outbox.key = told.id
         LEFT JOIN outbox ON outbox.deployment = $1 AND outbox.key = told.id",
    )
    .bind(deployment)
    .bind(keys)
    .fetch_all(pool)
    .await?;
    rows.iter().map(edge).collect()
}

fn edge(row: &DbRow) -> Result<AtEdge, StoreError> {
    let revision = |integer| columns::number::<u64>(integer, "revision");
    let confirmed = columns::optional(row.try_get("confirmed")?, revision)?;
    let since = [
        row.try_get::<Option<i64>, _>("unconfirmed_since")?,
        row.try_get::<Option<i64>, _>("dirty_since")?,
    ];
    Ok(AtEdge {
        key: KeyId(columns::uuid(row.try_get("id")?, "key id")?),
        confirmed: match confirmed {
            Some(revision) => Some((
                revision,
                sync_outbox::promise(row)?,
                columns::moment(row.try_get("confirmed_at")?)?,
            )),
            None => None,
        },
        published: columns::optional(row.try_get("published")?, revision)?,
        waiting_since: columns::optional(since.into_iter().flatten().min(), columns::moment)?,
    })
}
