//! An issuer's published keys: kept, renewed before they are too old, and fetched at once when a token names one that is not among
//! them.
//!
//! Tokens with keys that are kept never wait. An unknown key id makes one fetch per cooldown, whoever sends how many of them; in
//! between, such a token waits for the next fetch instead of being refused, because it may be the first after a change of keys.

use std::{
    fmt,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::Mutex;

use super::{KeySet, TokenError, VerifyingKey};
use crate::clock::{Clock, after};

/// The longest that a token waits for the cooldown to end.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// Where keys come from.
#[async_trait]
pub trait KeySource: Send + Sync {
    /// Fetches the keys as they are now.
    ///
    /// # Errors
    /// Why that failed, for people.
    async fn fetch(&self) -> Result<KeySet, String>;
}

/// The keys of one issuer.
pub struct PublishedKeys {
    source: Box<dyn KeySource>,
    clock: Arc<dyn Clock>,
    cooldown: Duration,
    max_age: Duration,
    kept: RwLock<Arc<Kept>>,
    /// Held by whoever fetches: when the last fetch began.
    last_attempt: Mutex<Option<Timestamp>>,
    /// How many fetches have ended.
    attempts: AtomicU64,
}

#[derive(Default)]
struct Kept {
    keys: KeySet,
    fetched_at: Option<Timestamp>,
}

impl Kept {
    fn is_younger(&self, age: Duration, now: Timestamp) -> bool {
        self.fetched_at
            .is_some_and(|fetched_at| now < after(fetched_at, age))
    }
}

impl PublishedKeys {
    /// Keys from this source: two fetches are `cooldown` apart, and no key is trusted `max_age` after it was last seen.
    pub fn new(
        source: Box<dyn KeySource>,
        clock: Arc<dyn Clock>,
        cooldown: Duration,
        max_age: Duration,
    ) -> Self {
        Self {
            source,
            clock,
            cooldown,
            max_age,
            kept: RwLock::default(),
            last_attempt: Mutex::default(),
            attempts: AtomicU64::new(0),
        }
    }

    /// The key that a token names.
    pub(super) async fn find(self: &Arc<Self>, id: Option<&str>) -> Result<VerifyingKey, TokenError> {
        let now = self.clock.now();
        let kept = self.kept();
        if kept.is_younger(self.max_age, now)
            && let Some(key) = kept.keys.get(id)
        {
            if !kept.is_younger(self.max_age / 2, now) {
                self.renew_beside();
            }
            return Ok(key.clone());
        }
        self.fetch_in_turn().await?;
        let kept = self.kept();
        if kept.is_younger(self.max_age, self.clock.now()) {
            kept.keys.get(id).cloned().ok_or(TokenError::UnknownKey)
        } else {
            Err(self.unavailable(self.cooldown))
        }
    }

    fn kept(&self) -> Arc<Kept> {
        Arc::clone(&self.kept.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Fetches while requests go on with the keys there are.
    fn renew_beside(self: &Arc<Self>) {
        let keys = Arc::clone(self);
        tokio::spawn(async move {
            // Whoever holds it is fetching already.
            if let Ok(mut last_attempt) = keys.last_attempt.try_lock()
                && keys.cooldown_left(*last_attempt).is_zero()
            {
                keys.fetch(&mut last_attempt).await;
            }
        });
    }

    /// Fetches, after whoever is at it, and not before the cooldown has ended. Whoever waited for another's fetch takes that one's
    /// outcome.
    async fn fetch_in_turn(&self) -> Result<(), TokenError> {
        let attempts = self.attempts.load(Ordering::Acquire);
        let mut last_attempt = self.last_attempt.lock().await;
        if self.attempts.load(Ordering::Acquire) != attempts {
            return Ok(());
        }
        let left = self.cooldown_left(*last_attempt);
        if left > MAX_WAIT {
            return Err(self.unavailable(left));
        }
        if !left.is_zero() {
            tokio::time::sleep(left).await;
        }
        self.fetch(&mut last_attempt).await;
        Ok(())
    }

    async fn fetch(&self, last_attempt: &mut Option<Timestamp>) {
        let began = self.clock.now();
        *last_attempt = Some(began);
        match self.source.fetch().await {
            Ok(keys) => {
                let kept = Kept {
                    keys,
                    fetched_at: Some(began),
                };
                *self.kept.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(kept);
            }
            Err(error) => tracing::warn!(error, "the issuer's keys could not be fetched"),
        }
        self.attempts.fetch_add(1, Ordering::Release);
    }

    fn cooldown_left(&self, last_attempt: Option<Timestamp>) -> Duration {
        let end = last_attempt.map(|began| after(began, self.cooldown));
        end.and_then(|end| Duration::try_from(end.duration_since(self.clock.now())).ok())
            .unwrap_or_default()
    }

    fn unavailable(&self, wait: Duration) -> TokenError {
        TokenError::Unavailable {
            retry_after_seconds: u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).max(1),
        }
    }
}

impl fmt::Debug for PublishedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublishedKeys")
            .field("cooldown", &self.cooldown)
            .field("max_age", &self.max_age)
            .finish_non_exhaustive()
    }
}
