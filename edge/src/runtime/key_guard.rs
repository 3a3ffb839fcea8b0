//! The Durable Object class `KeyGuard`: storage and clock for a [`GuardObject`].

use std::cell::RefCell;

use keyward_shared::guard::Write;
use serde::Deserialize;
use serde_json::json;
use worker::{
    DurableObject, Env, Error, Request, Response, SqlStorage, State, console_error, durable_object,
};

use super::isolate;
use crate::{
    System,
    clock::Clock as _,
    guard_object::{GuardObject, Rows, RowsError},
};

/// An object that guards a lineage of keys, or knows a key by its hash.
#[durable_object(fetch)]
pub struct KeyGuard {
    state: State,
    env: Env,
    object: RefCell<GuardObject>,
}

impl DurableObject for KeyGuard {
    fn new(state: State, env: Env) -> Self {
        Self {
            state,
            env,
            object: RefCell::default(),
        }
    }

    async fn fetch(&self, mut request: Request) -> worker::Result<Response> {
        let message = request.text().await?;
        // From here on nothing waits: no other message is answered in between.
        let answer = match isolate(&self.env).as_ref() {
            Ok(isolate) => {
                let rows = Table(self.state.storage().sql());
                let clock = System.now();
                let object = &mut *self.object.borrow_mut();
                object
                    .answer(&isolate.deployment, &rows, &message, clock)
                    .map_err(|error| error.to_string())
            }
            Err(error) => Err(error.to_string()),
        };
        match answer {
            Ok(answer) => Response::ok(answer),
            Err(cause) => {
                let line = json!({ "message": "guard cannot answer", "cause": cause });
                console_error!("{line}");
                Response::error(cause, 500)
            }
        }
    }
}

/// The rows, in the object's own SQLite database.
struct Table(SqlStorage);

#[derive(Deserialize)]
struct Row {
    name: String,
    value: String,
}

impl Rows for Table {
    fn read_all(&self) -> Result<Vec<(String, String)>, RowsError> {
        if self.is_missing()? {
            return Ok(Vec::new());
        }
        let rows: Vec<Row> = self
            .0
            .exec("SELECT name, value FROM rows WHERE value IS NOT NULL", None)?
            .to_array()?;
        Ok(rows.into_iter().map(|row| (row.name, row.value)).collect())
    }

    fn write(&self, writes: &[Write]) -> Result<(), RowsError> {
        if writes.is_empty() {
            return Ok(());
        }
        self.0.exec(
            "CREATE TABLE IF NOT EXISTS rows (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID",
            None,
        )?;
        // One statement is all or nothing, whatever happens in the middle of it. A row without a value is a deleted one.
        let pairs: Vec<_> = writes.iter().map(|write| (&write.name, &write.value)).collect();
        let pairs = serde_json::to_string(&pairs).unwrap_or_default();
        self.0.exec(
            "INSERT OR REPLACE INTO rows SELECT value ->> 0, value ->> 1 FROM json_each(?)",
            vec![pairs.into()],
        )?;
        if writes.iter().any(|write| write.value.is_none()) {
            self.0.exec("DELETE FROM rows WHERE value IS NULL", None)?;
        }
        Ok(())
    }
}

impl Table {
    /// An object that stores nothing ceases to exist, so the table is made by the first write.
    fn is_missing(&self) -> Result<bool, RowsError> {
        let tables: Vec<serde::de::IgnoredAny> = self
            .0
            .exec(
                "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'rows'",
                None,
            )?
            .to_array()?;
        Ok(tables.is_empty())
    }
}

impl From<Error> for RowsError {
    fn from(error: Error) -> Self {
        Self(error.to_string())
    }
}
