//! Reading a whole namespace without taking the API from the publisher.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use keyward_shared::{KeyHash, record::RecordError};

use super::finding::Value;
use crate::publish::{
    Deployment, KvError, Publisher,
    kv::{KvFault, Page},
};

/// Calls made at full speed: enough for thousands of keys.
const UNPACED_CALLS: u32 = 100;
/// The pause between calls after those. Cloudflare allows 1,200 calls in five minutes, the publisher's included; this
/// leaves it half of them.
const PACE: Duration = Duration::from_millis(500);
/// How often a call is tried.
const TRIES: u32 = 4;
/// A store that asks for a longer pause ends the run instead; the next one comes.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Reads names and values, at a pace.
#[derive(Debug)]
pub(in crate::publish) struct Reader<'a> {
    publisher: &'a Publisher,
    deployment: &'a Deployment,
    calls: u32,
}

impl<'a> Reader<'a> {
    pub(in crate::publish) const fn new(publisher: &'a Publisher, deployment: &'a Deployment) -> Self {
        Self {
            publisher,
            deployment,
            calls: 0,
        }
    }

    /// A page of names.
    pub(in crate::publish) async fn page(
        &mut self,
        prefix: &str,
        cursor: Option<&str>,
    ) -> Result<Page, KvError> {
        let mut failures = 0;
        loop {
            self.keep_pace().await;
            match self.deployment.kv.list(prefix, cursor).await {
                Ok(page) => return Ok(page),
                Err(error) => self.wait_after(error, failures).await?,
            }
            failures += 1;
        }
    }

    /// What stands under the names of these hashes, in their order.
    pub(in crate::publish) async fn values(
        &mut self,
        hashes: &[KeyHash],
    ) -> Result<BTreeMap<KeyHash, Value>, KvError> {
        let mut found = BTreeMap::new();
        let mut parts = vec![hashes];
        while let Some(part) = parts.pop() {
            match self.read(part).await {
                Ok(mut values) => found.extend(part.iter().map(|hash| {
                    let value = values.remove(&hash.kv_name());
                    (*hash, self.understand(hash, value))
                })),
                // A value that is not text, or is huge, spoils the whole call: it is found by halving.
                Err(error) if error.fault.may_depend_on_names() => match part {
                    [hash] => {
                        found.insert(*hash, Value::NoRecord(RecordError::Form));
                    }
                    _ => parts.extend(part.chunks(part.len().div_ceil(2))),
                },
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    fn understand(&self, hash: &KeyHash, value: Option<String>) -> Value {
        match value.map(|value| self.deployment.verify(&value, hash)) {
            None => Value::Absent,
            Some(Ok(verified)) => Value::Record(Box::new(verified)),
            Some(Err(error)) => Value::NoRecord(error),
        }
    }

    async fn read(&mut self, hashes: &[KeyHash]) -> Result<HashMap<String, String>, KvError> {
        let names: Vec<_> = hashes.iter().map(KeyHash::kv_name).collect();
        let mut failures = 0;
        loop {
            self.keep_pace().await;
            match self.deployment.kv.read_bulk(&names).await {
                Ok(values) => return Ok(values),
                Err(error) => self.wait_after(error, failures).await?,
            }
            failures += 1;
        }
    }

    async fn keep_pace(&mut self) {
        self.calls = self.calls.saturating_add(1);
        if self.calls > UNPACED_CALLS {
            tokio::time::sleep(PACE).await;
        }
    }

    /// Waits before another try, or gives up.
    async fn wait_after(&self, error: KvError, failures: u32) -> Result<(), KvError> {
        let passes = match error.fault {
            KvFault::Refused { status, .. } => status == 429,
            KvFault::Unreachable(_) | KvFault::Failed { .. } | KvFault::TimedOut | KvFault::Broken => true,
            KvFault::Oversized | KvFault::AnswerTooLarge | KvFault::Unreadable(_) => false,
        };
        let wait = self.publisher.wait(failures, error.retry_after);
        if !passes || failures + 1 >= TRIES || wait > LONGEST_PAUSE {
            return Err(error);
        }
        tokio::time::sleep(wait).await;
        Ok(())
    }
}
