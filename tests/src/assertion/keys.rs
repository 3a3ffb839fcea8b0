//! The public keys of an edge, fetched when they are needed and kept for a while.

use std::{
    sync::{PoisonError, RwLock},
    time::Duration,
};

use anyhow::{Context as _, Result};
use jsonwebtoken::jwk::{Jwk, JwkSet, KeyAlgorithm, PublicKeyUse};
use reqwest::{Client, Url, redirect};
use tokio::{sync::Mutex, time::Instant};

use super::Refused;

/// How long to go on with keys.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// After so long they are fetched again: as long as the edge says that they may be kept.
    pub max_age: Duration,
    /// Between two fetches for keys that are not known: whoever invents key ids must not make this origin ask all the time.
    pub cooldown: Duration,
    /// So long they serve while the edge does not answer.
    pub max_stale: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            max_age: Duration::from_secs(300),
            cooldown: Duration::from_secs(5),
            max_stale: Duration::from_secs(3600),
        }
    }
}

/// The keys that an edge publishes at one address.
#[derive(Debug)]
pub struct PublicKeys {
    http: Client,
    url: Url,
    times: Times,
    known: RwLock<Option<Known>>,
    /// When they were last asked for. Whoever holds it asks; others wait for the answer.
    asked_at: Mutex<Option<Instant>>,
}

#[derive(Clone, Debug)]
struct Known {
    set: JwkSet,
    fetched_at: Instant,
}

impl PublicKeys {
    /// Nothing is fetched yet.
    ///
    /// # Errors
    /// When the text is no address.
    pub fn new(url: &str, times: Times) -> Result<Self> {
        // reqwest comes without one; a second call finds that there is one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = Client::builder()
            .timeout(Duration::from_secs(5))
            .redirect(redirect::Policy::none())
            .build()?;
        Ok(Self {
            http,
            url: url
                .parse()
                .with_context(|| format!("`{url}` is no address of keys"))?,
            times,
            known: RwLock::default(),
            asked_at: Mutex::default(),
        })
    }

    /// The key with this id. One that is not known is looked for at the edge, which may have made it since.
    pub(super) async fn find(&self, kid: &str) -> Result<Jwk, Refused> {
        if let Some(key) = self.recall(kid, self.times.max_age) {
            return Ok(key);
        }
        let mut asked_at = self.asked_at.lock().await;
        if let Some(key) = self.recall(kid, self.times.max_age) {
            return Ok(key);
        }
        if asked_at.is_none_or(|at| at.elapsed() >= self.times.cooldown) {
            *asked_at = Some(Instant::now());
            match self.fetch().await {
                Ok(set) => {
                    let fetched_at = Instant::now();
                    let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
                    *known = Some(Known { set, fetched_at });
                }
                Err(error) => eprintln!("sample-origin: no keys from {}: {error}", self.url),
            }
        }
        if let Some(key) = self.recall(kid, self.times.max_stale) {
            return Ok(key);
        }
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        Err(match *known {
            Some(_) => Refused::Invalid("the edge has no such key".to_owned()),
            None => Refused::NoKeys("it does not answer".to_owned()),
        })
    }

    fn recall(&self, kid: &str, at_most: Duration) -> Option<Jwk> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let known = known
            .as_ref()
            .filter(|known| known.fetched_at.elapsed() < at_most)?;
        let key = known.set.find(kid)?;
        let is_ours = key.common.key_algorithm == Some(KeyAlgorithm::EdDSA)
            && key.common.public_key_use == Some(PublicKeyUse::Signature);
        is_ours.then(|| key.clone())
    }

    async fn fetch(&self) -> reqwest::Result<JwkSet> {
        let answer = self.http.get(self.url.clone()).send().await?;
        answer.error_for_status()?.json().await
    }
}
