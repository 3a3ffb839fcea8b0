//! Records in Workers KV.

use std::{pin::pin, time::Duration};

use futures_util::future::{Either, select};
use keyward_shared::KeyHash;
use worker::{Delay, Env, Error, KvError};

use crate::{deployment::SettingError, records::ReadError};

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

/// Reads the text stored for a key, but does not wait for ever.
pub(super) async fn read(env: &Env, hash: &KeyHash) -> Result<Option<String>, ReadError> {
    let namespace = env
        .kv(BINDING)
        .map_err(|error| ReadError::Failed(error.to_string()))?;
    let read = pin!(namespace.get(&hash.kv_name()).text());
    let timer = pin!(Delay::from(Duration::from_millis(TIMEOUT_MS)));
    match select(read, timer).await {
        Either::Left((found, _)) => found.map_err(|error| ReadError::Failed(said_by(error))),
        Either::Right(_) => Err(ReadError::Timeout(TIMEOUT_MS)),
    }
}

/// The runtime's own words, on one line.
fn said_by(error: KvError) -> String {
    match error {
        KvError::JavaScript(thrown) => Error::from(thrown).to_string(),
        other => other.to_string(),
    }
}
