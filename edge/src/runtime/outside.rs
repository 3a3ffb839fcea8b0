//! What a decision reaches outside the isolate, for as long as one event lasts.

use std::time::Duration;

use keyward_shared::{KeyHash, UnixMillis};
use worker::{Delay, Env};

use super::{guards, kv, limiter};
use crate::{
    clock::{Clock, Timer},
    guards::{Address, GuardError, Guards, Message},
    misses::{Client, Limiters},
    records::{ReadError, Records},
};

/// The bindings, the timer and the clock.
#[derive(Clone)]
pub(super) struct Runtime<S> {
    pub(super) env: Env,
    pub(super) system: S,
}

impl<S: Clock> Clock for Runtime<S> {
    fn now(&self) -> UnixMillis {
        self.system.now()
    }
}

impl<S> Timer for Runtime<S> {
    async fn pause(&self, ms: u64) {
        Delay::from(Duration::from_millis(ms)).await;
    }
}

impl<S> Records for Runtime<S> {
    async fn read(&self, hash: &KeyHash) -> Result<Option<String>, ReadError> {
        kv::read(&self.env, hash).await
    }
}

impl<S> Guards for Runtime<S> {
    async fn call(&self, address: &Address, message: &Message) -> Result<String, GuardError> {
        guards::call(&self.env, address, message).await
    }
}

impl<S> Limiters for Runtime<S> {
    async fn is_over(&self, client: Client) -> bool {
        limiter::is_over(&self.env, client.to_string()).await
    }
}
