//! The Durable Object class `KeyGuard`: storage, clock and alarm for a [`GuardObject`].

use std::cell::RefCell;

use keyward_shared::{UnixMillis, guard::Write};
use serde::Deserialize;
use serde_json::json;
use worker::{
    DurableObject, Env, Error, Request, Response, ScheduledTime, SqlStorage, State, console_error,
    durable_object, js_sys::Date, wasm_bindgen::JsValue,
};

use super::{isolate, outside::Runtime};
use crate::{
    System,
    clock::Clock as _,
    deployment::Deployment,
    guard_object::{GuardObject, Rows, RowsError},
    usage::alarm::{self, RETRY_AFTER_MS},
};

/// An object that guards a lineage of keys, or knows a key by its hash.
#[durable_object(alarm)]
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
        let answer = match isolate(&self.env).as_ref() {
            Ok(isolate) => self.answer(&isolate.deployment, &message).await,
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

    /// Whatever goes wrong, the alarm is set again: the runtime itself would try a few times and then forget it.
    async fn alarm(&self) -> worker::Result<Response> {
        let rung = match isolate(&self.env).as_ref() {
            Ok(isolate) => self.ring(&isolate.deployment).await,
            Err(error) => Err(error.to_string()),
        };
        let next = rung.unwrap_or_else(|cause| {
            let line = json!({ "message": "guard cannot report", "cause": cause });
            console_error!("{line}");
            self.object.take();
            Some(System.now().after(RETRY_AFTER_MS))
        });
        self.set_alarm(next).await?;
        Response::empty()
    }
}

impl KeyGuard {
    async fn answer(&self, deployment: &Deployment, message: &str) -> Result<String, String> {
        if deployment.usage.is_some() && self.object.borrow().forgot_alarm() {
            let set_for = self.state.storage().get_alarm().await;
            let set_for = set_for.map_err(|error| error.to_string())?;
            let set_for = set_for.and_then(|ms| u64::try_from(ms).ok()).map(UnixMillis);
            self.object.borrow_mut().recall_alarm(set_for);
        }
        // From here on nothing waits until all is stored, the alarm too: no other message is answered in between.
        let answered = self
            .object
            .borrow_mut()
            .answer(deployment, &self.table(), message, System.now());
        let reply = answered.map_err(|error| error.to_string())?;
        self.set_alarm(reply.alarm).await.map_err(|error| {
            self.object.take();
            format!("its alarm cannot be set: {error}")
        })?;
        Ok(reply.text)
    }

    async fn ring(&self, deployment: &Deployment) -> Result<Option<UnixMillis>, String> {
        let outside = Runtime {
            env: self.env.clone(),
            system: System,
        };
        let rung = alarm::ring(&self.object, deployment, &self.table(), &outside).await;
        let rung = rung.map_err(|error| error.to_string())?;
        if let Some(error) = rung.unsent {
            let line = json!({ "message": "usage was not sent", "cause": error.to_string() });
            console_error!("{line}");
        }
        Ok(rung.next)
    }

    async fn set_alarm(&self, at: Option<UnixMillis>) -> worker::Result<()> {
        match at {
            Some(at) => self.state.storage().set_alarm(ScheduledTime::new(date(at))).await,
            None => Ok(()),
        }
    }

    fn table(&self) -> Table {
        Table(self.state.storage().sql())
    }
}

/// A guard asks for no alarm beyond what a date can hold.
#[expect(
    clippy::cast_precision_loss,
    reason = "dates are whole milliseconds below 2^53"
)]
fn date(at: UnixMillis) -> Date {
    Date::new(&JsValue::from_f64(at.0 as f64))
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
