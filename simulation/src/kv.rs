//! Workers KV: one namespace, and the places that read it through caches.
//!
//! What is imitated is what Cloudflare says of it. A read may be answered from a cache of its place, for up to a minute, and so
//! may the absence of a name. What was not cached may still be old: a place sees writes late, and not always in order. One
//! write a second to one name. Bulk writes succeed in part. A write whose caller was never answered lands all the same, perhaps
//! after a newer one, but within `LATEST_LANDING` of being sent.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use keyward_control_plane::publish::{
    KeyValueStore, KvError,
    kv::{CALL_TIMEOUT, KvFault, MAX_PAIRS, MAX_READ, Page, Pair},
};

use crate::{
    network::{Link, Network},
    planted::{Bug, is_planted},
    store::{Witness, ends_if_dead},
    time::{Time, pause},
};

/// The control plane writes once more after a minute (`store::LATE_WRITE`), so nothing may land later.
const LATEST_LANDING: Duration = Duration::from_secs(59);
/// The longest that a place keeps what it has read, in milliseconds.
const CACHED_MS: u64 = 60_000;
/// Names on one page of a list: few, so that pages are turned.
const PAGE: usize = 10;

/// How KV is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mood {
    /// How far behind a read may be that no cache answers, in milliseconds.
    pub lag_ms: u64,
    /// At which place; none is everywhere.
    pub lags_at: Option<usize>,
    /// How many of a thousand writes are refused with 429.
    pub busy: u64,
    /// How many of a thousand writes succeed in part.
    pub partly: u64,
    /// How many of a thousand writes land late, after their callers were told that nobody knows.
    pub late: u64,
}

#[derive(Debug, Default)]
struct State {
    /// By name: each value that it had, none where it was deleted, and since when.
    values: BTreeMap<String, Vec<(u64, Option<String>)>>,
    written_at: HashMap<String, u64>,
    /// By place and name: what was read, and until when it is kept.
    caches: HashMap<(usize, String), (Option<String>, u64)>,
    mood: Mood,
    writes: u64,
}

/// A namespace.
pub struct Namespace {
    witness: Arc<dyn Witness>,
    time: Arc<Time>,
    network: Arc<Network>,
    state: Mutex<State>,
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Namespace")
    }
}

impl Namespace {
    /// An empty one.
    pub fn new(time: &Arc<Time>, network: &Arc<Network>, witness: Arc<dyn Witness>) -> Arc<Self> {
        Arc::new(Self {
            witness,
            time: Arc::clone(time),
            network: Arc::clone(network),
            state: Mutex::default(),
        })
    }

    /// From now on it is like this.
    pub fn set_mood(&self, mood: Mood) {
        self.state().mood = mood;
    }

    /// How many names were written so far.
    pub fn writes(&self) -> u64 {
        self.state().writes
    }

    /// All names with their values, as they are by now.
    pub fn all(&self) -> BTreeMap<String, String> {
        let state = self.state();
        let newest = state.values.iter().filter_map(|(name, values)| {
            let (_, value) = values.last()?;
            Some((name.clone(), value.clone()?))
        });
        newest.collect()
    }

    /// What a place reads, now.
    pub fn read_at(&self, place: usize, name: &str) -> Option<String> {
        let now = self.time.now_ms();
        let chance = self.network.chance();
        let mut state = self.state();
        let cached = state.caches.get(&(place, name.to_owned()));
        if let Some((value, until)) = cached
            && now < *until
        {
            return value.clone();
        }
        let lags = state.mood.lags_at.is_none_or(|lags_at| lags_at == place);
        let lag_ms = if lags { state.mood.lag_ms } else { 0 };
        let seen_until = now - chance.below(lag_ms + 1);
        let values = state.values.get(name);
        let value = values.and_then(|values| {
            let seen = values.iter().rev().find(|(since, _)| *since <= seen_until);
            seen.and_then(|(_, value)| value.clone())
        });
        let until = now + chance.below(CACHED_MS + 1);
        state
            .caches
            .insert((place, name.to_owned()), (value.clone(), until));
        value
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A write arrives. `is_sure`: who sent it lives, and will be told how it ended.
    fn land(&self, pairs: &[Pair], except: &HashSet<String>, is_sure: bool) {
        let now = self.time.now_ms();
        let mut state = self.state();
        for pair in pairs.iter().filter(|pair| !except.contains(&pair.name)) {
            let before = state.values.get(&pair.name).and_then(|values| values.last());
            let before = before.and_then(|(_, value)| revision(value.as_deref()?));
            if is_sure
                && let (Some(before), Some(after)) = (before, revision(&pair.value))
                && after < before
            {
                self.witness.overwritten(before, after);
            }
            let ends = [r#""status":"revoked""#, r#""status":"superseded""#];
            let is_deleted =
                is_planted(Bug::DeletedInsteadOfTombstone) && ends.iter().any(|end| pair.value.contains(end));
            let value = (!is_deleted).then(|| pair.value.clone());
            state
                .values
                .entry(pair.name.clone())
                .or_default()
                .push((now, value));
            state.writes += 1;
        }
    }

    /// KV takes one write a second to one name.
    fn is_too_often(&self, pairs: &[Pair]) -> bool {
        let now = self.time.now_ms();
        let mut state = self.state();
        let is_recent = |at: &u64| now < at + 1000;
        if pairs
            .iter()
            .any(|pair| state.written_at.get(&pair.name).is_some_and(is_recent))
        {
            return true;
        }
        for pair in pairs {
            state.written_at.insert(pair.name.clone(), now);
        }
        false
    }
}

/// The revision of a record.
fn revision(value: &str) -> Option<u64> {
    let (_, rest) = value.split_once(r#""revision":"#)?;
    let digits = rest.find(|char: char| !char.is_ascii_digit())?;
    rest[..digits].parse().ok()
}

/// The namespace as a control plane reaches it.
#[derive(Debug)]
pub struct KvClient {
    namespace: Arc<Namespace>,
    is_alive: Arc<AtomicBool>,
}

fn refused(status: u16, retry_after: Option<Duration>) -> KvError {
    KvError {
        retry_after,
        ..KvFault::Refused {
            status,
            detail: String::new(),
        }
        .into()
    }
}

impl KvClient {
    /// For a control plane that lives as long as the flag says.
    pub fn new(namespace: &Arc<Namespace>, is_alive: &Arc<AtomicBool>) -> Self {
        Self {
            namespace: Arc::clone(namespace),
            is_alive: Arc::clone(is_alive),
        }
    }

    async fn call(&self) -> Result<(), KvError> {
        ends_if_dead(&self.is_alive).await;
        let passage = self.namespace.network.passage(Link::KvApi);
        pause(passage.there).await;
        if passage.is_lost || passage.is_answer_lost {
            return Err(KvFault::Unreachable("no connection".to_owned()).into());
        }
        pause(passage.back).await;
        Ok(())
    }
}

#[async_trait]
impl KeyValueStore for KvClient {
    async fn write_bulk(&self, pairs: &[Pair]) -> Result<HashSet<String>, KvError> {
        assert!(
            !pairs.is_empty() && pairs.len() <= MAX_PAIRS,
            "a call of KV's size"
        );
        ends_if_dead(&self.is_alive).await;
        let (namespace, chance) = (&self.namespace, self.namespace.network.chance());
        let (passage, mood) = (namespace.network.passage(Link::KvApi), namespace.state().mood);
        if passage.is_lost {
            pause(passage.there).await;
            return Err(KvFault::Unreachable("no connection".to_owned()).into());
        }
        if chance.per_mille(mood.busy) {
            let asked = chance.between_ms(0, 20_000);
            return Err(refused(429, Some(asked)));
        }
        let is_late = chance.per_mille(mood.late);
        let lands_after = match is_late {
            true => chance.between_ms(0, u64::try_from(LATEST_LANDING.as_millis()).unwrap_or(0)),
            false => passage.there,
        };
        let mut unsuccessful = HashSet::new();
        let mut left_out = HashSet::new();
        if chance.per_mille(mood.partly) {
            for pair in pairs {
                if chance.per_mille(500) {
                    unsuccessful.insert(pair.name.clone());
                    if chance.per_mille(500) {
                        left_out.insert(pair.name.clone());
                    }
                }
            }
        }
        let unknown = unsuccessful.clone();
        // What is on its way lands, whatever becomes of who sent it.
        let (landing, sent) = (Arc::clone(namespace), pairs.to_vec());
        let (is_alive, is_told) = (Arc::clone(&self.is_alive), !is_late && !passage.is_answer_lost);
        let lands = tokio::spawn(async move {
            pause(lands_after).await;
            if landing.is_too_often(&sent) {
                return false;
            }
            let is_sure = is_told && unknown.is_empty() && is_alive.load(Ordering::Relaxed);
            landing.land(&sent, &left_out, is_sure);
            true
        });
        if is_late || passage.is_answer_lost {
            pause(chance.between_ms(0, u64::try_from(CALL_TIMEOUT.as_millis()).unwrap_or(0))).await;
            return Err(match chance.below(3) {
                0 => KvFault::TimedOut.into(),
                1 => KvFault::Broken.into(),
                _ => KvFault::Failed {
                    status: 500,
                    detail: String::new(),
                }
                .into(),
            });
        }
        if !lands.await.unwrap_or(false) {
            return Err(refused(429, None));
        }
        pause(passage.back).await;
        Ok(unsuccessful)
    }

    async fn delete_bulk(&self, names: &[String]) -> Result<HashSet<String>, KvError> {
        self.call().await?;
        let now = self.namespace.time.now_ms();
        let mut state = self.namespace.state();
        for name in names {
            if let Some(values) = state.values.get_mut(name) {
                values.push((now, None));
            }
        }
        Ok(HashSet::new())
    }

    async fn list(&self, prefix: &str, cursor: Option<&str>) -> Result<Page, KvError> {
        self.call().await?;
        let all = self.namespace.all();
        let mut names = all
            .into_keys()
            .filter(|name| name.starts_with(prefix))
            .filter(|name| cursor.is_none_or(|cursor| name.as_str() > cursor));
        let page: Vec<_> = names.by_ref().take(PAGE).collect();
        let cursor = names.next().and(page.last().cloned());
        Ok(Page { names: page, cursor })
    }

    async fn read_bulk(&self, names: &[String]) -> Result<HashMap<String, String>, KvError> {
        assert!(
            !names.is_empty() && names.len() <= MAX_READ,
            "a call of KV's size"
        );
        self.call().await?;
        let state = self.namespace.state();
        let value = |name: &String| {
            let (_, value) = state.values.get(name)?.last()?;
            Some((name.clone(), value.clone()?))
        };
        Ok(names.iter().filter_map(value).collect())
    }
}
