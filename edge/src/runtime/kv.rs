//! Records in Workers KV.

use std::{pin::pin, time::Duration};

use futures_util::future::{Either, select};
use keyward_shared::KeyHash;
use worker::{Delay, Env, Error, KvError};

use crate::{
    deployment::SettingError,
    records::{ReadError, Records},
};

/// The name of the binding.
const BINDING: &str = "KEYS";
/// How long a read may take, in milliseconds. A cold read from the other end of the world takes a few hundred.
const TIMEOUT_MS: u64 = 2000;

/// Says what is wrong if there is no namespace.
pub(super) fn check(env: &Env) -> Result<(), SettingError> {
    match env.kv(BINDING) {
        Ok(_) => Ok(()),
        Err(_) => Err(SettingError::new(
            BINDING,
            "it is not bound; wrangler.toml must bind the KV namespace of the records to it",
        )),
    }
}

/// The namespace of this deployment's records.
pub(super) struct Namespace<'a> {
    env: &'a Env,
}

impl<'a> Namespace<'a> {
    pub(super) fn of(env: &'a Env) -> Self {
        Self { env }
    }
}

impl Records for Namespace<'_> {
    async fn read(&self, hash: &KeyHash) -> Result<Option<String>, ReadError> {
        let namespace = self
            .env
            .kv(BINDING)
            .map_err(|error| ReadError::Failed(error.to_string()))?;
        let read = pin!(namespace.get(&hash.kv_name()).text());
        let timer = pin!(Delay::from(Duration::from_millis(TIMEOUT_MS)));
        match select(read, timer).await {
            Either::Left((found, _)) => found.map_err(|error| ReadError::Failed(said_by(error))),
            Either::Right(_) => Err(ReadError::Timeout(TIMEOUT_MS)),
        }
    }
}

/// The runtime's own words, on one line.
fn said_by(error: KvError) -> String {
    match error {
        KvError::JavaScript(thrown) => Error::from(thrown).to_string(),
        other => other.to_string(),
    }
}
