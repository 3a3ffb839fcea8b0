//! The audit trail of a control plane that is not running, made older than it is.

use ring::digest::{Context, SHA256};

use super::database::{Database, change, connected, look, runtime};
use crate::clock::now_ms;

const DAY_MS: i64 = 24 * 3_600_000;
/// So many days older than it is.
const OLDER: i64 = 100;
/// Older than this, in days, is only what was made so.
const OLD: i64 = 50;

const ANCHOR: &str = "SELECT position, chain FROM audit_anchor";
const EVENTS: &str = "SELECT sequence, id, at, organization, actor, action, target, request_id, detail FROM audit_events \
                      WHERE sequence > $1 ORDER BY sequence";
const CHANGE: &str = "UPDATE audit_events SET at = $1, chain = $2 WHERE sequence = $3";
const COUNT: &str = "SELECT count(*) FROM audit_events WHERE at < $1";

/// An event, in the order of the columns above.
type Event = (
    i64,
    Vec<u8>,
    i64,
    Option<Vec<u8>>,
    String,
    String,
    Vec<u8>,
    String,
    String,
);

impl Database {
    /// Makes its events a hundred days older, and the chain anew.
    pub(super) fn grow_older(&self) {
        connected!(self, change, connection => {
            let anchor: Option<(i64, Vec<u8>)> =
                sqlx::query_as(ANCHOR).fetch_optional(&mut connection).await.unwrap();
            let (position, mut chain) = anchor.unwrap_or((0, vec![0; 32]));
            let events: Vec<Event> =
                sqlx::query_as(EVENTS).bind(position).fetch_all(&mut connection).await.unwrap();
            for mut event in events {
                event.2 -= OLDER * DAY_MS;
                chain = link(&chain, &event);
                let change = sqlx::query(CHANGE).bind(event.2).bind(&chain).bind(event.0);
                change.execute(&mut connection).await.unwrap();
            }
        });
    }

    /// How many events there are that were made older.
    pub(super) fn old_events(&self) -> i64 {
        let before = i64::try_from(now_ms().0).unwrap() - OLD * DAY_MS;
        connected!(self, look, connection => {
            sqlx::query_scalar(COUNT).bind(before).fetch_one(&mut connection).await.unwrap()
        })
    }
}

/// The hash of an event: that of the one before it and each field, all with their lengths.
fn link(previous: &[u8], event: &Event) -> Vec<u8> {
    let (_, id, at, organization, actor, action, target, request_id, detail) = event;
    let at = at.to_be_bytes();
    let fields: [&[u8]; 9] = [
        previous,
        id,
        &at,
        organization.as_deref().unwrap_or_default(),
        actor.as_bytes(),
        action.as_bytes(),
        target,
        request_id.as_bytes(),
        detail.as_bytes(),
    ];
    let mut hash = Context::new(&SHA256);
    for field in fields {
        hash.update(&(field.len() as u64).to_be_bytes());
        hash.update(field);
    }
    hash.finish().as_ref().to_vec()
}
