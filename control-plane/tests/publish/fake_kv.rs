//! A namespace that fails as told.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;
use jiff::Timestamp;
use keyward_control_plane::{
    clock::Clock as _,
    publish::{
        KeyValueStore, KvError,
        kv::{MAX_BODY_BYTES, MAX_PAIRS, MAX_READ, Page, Pair},
        recovery::MARK_PREFIX,
    },
    store::WRITE_SPACING,
};
use tokio::sync::{oneshot, watch};

use crate::clock::ManualClock;

/// How a write goes.
#[derive(Debug)]
pub(crate) enum Write {
    /// All but these names are written.
    Partly(Vec<String>),
    /// The caller is told of this fault, and the pairs are written or not.
    Fail(KvError, Applied),
    /// The caller's task panics.
    Panic,
    /// The caller waits for ever, and the pairs are written, or not.
    Vanish(Applied),
}

/// What becomes of the pairs of a failed write.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Applied {
    Not,
    AtOnce,
    /// So many seconds later, at the first [`FakeKv::land_late_writes`] from then on.
    Late(u64),
}

#[derive(Debug)]
pub(crate) struct FakeKv {
    clock: Arc<ManualClock>,
    state: Mutex<State>,
    begun: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct State {
    values: BTreeMap<String, String>,
    script: VecDeque<Write>,
    /// The names of each write, in order.
    writes: Vec<Vec<String>>,
    held: Option<oneshot::Receiver<()>>,
    late: Vec<(Timestamp, Vec<Pair>)>,
    last_written: HashMap<String, Timestamp>,
    read_faults: VecDeque<KvError>,
    spoilt: HashSet<String>,
    old_values: VecDeque<BTreeMap<String, String>>,
    reads: usize,
}

/// Names on one page of a list: few, so that tests turn pages.
const PAGE: usize = 10;

impl FakeKv {
    pub(crate) fn new(clock: Arc<ManualClock>) -> Self {
        Self {
            clock,
            state: Mutex::default(),
            begun: watch::Sender::new(0),
        }
    }

    /// Another one with the same values.
    pub(crate) fn copy(&self) -> Self {
        let copy = Self::new(Arc::clone(&self.clock));
        copy.state().values = self.state().values.clone();
        copy
    }

    /// How the next write without such a word goes.
    pub(crate) fn next_write(&self, write: Write) {
        self.state().script.push_back(write);
    }

    /// From now on writes go well.
    pub(crate) fn forget_what_comes(&self) {
        self.state().script.clear();
    }

    pub(crate) fn next_read_fails(&self, error: KvError) {
        self.state().read_faults.push_back(error);
    }

    /// The next read answers what is there now, whatever is written until then.
    pub(crate) fn next_read_is_of_now(&self) {
        let mut state = self.state();
        let now = state.values.clone();
        state.old_values.push_back(now);
    }

    /// Every read that asks for this name is refused, as for a value that is not text.
    pub(crate) fn spoil(&self, name: &str) {
        self.state().spoilt.insert(name.to_owned());
    }

    /// The next write takes until what this returns is dropped.
    pub(crate) fn hold_next_write(&self) -> oneshot::Sender<()> {
        let (release, held) = oneshot::channel();
        self.state().held = Some(held);
        release
    }

    /// Waits until so many writes have begun.
    pub(crate) async fn writes_begun(&self, count: usize) {
        let mut begun = self.begun.subscribe();
        begun.wait_for(|begun| *begun >= count).await.unwrap();
    }

    pub(crate) fn land_late_writes(&self) {
        let now = self.clock.now();
        let mut state = self.state();
        let (due, late) = std::mem::take(&mut state.late)
            .into_iter()
            .partition(|(due, _)| *due <= now);
        state.late = late;
        for (_, pairs) in due {
            state.write(pairs, &HashSet::new());
        }
    }

    pub(crate) fn put(&self, name: &str, value: &str) {
        self.state().values.insert(name.to_owned(), value.to_owned());
    }

    pub(crate) fn get(&self, name: &str) -> Option<String> {
        self.state().values.get(name).cloned()
    }

    pub(crate) fn remove(&self, name: &str) {
        self.state().values.remove(name);
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let state = self.state();
        let names = state.values.keys().filter(|name| !name.starts_with(MARK_PREFIX));
        names.cloned().collect()
    }

    /// The names of each write so far.
    pub(crate) fn writes(&self) -> Vec<Vec<String>> {
        self.state().writes.clone()
    }

    pub(crate) fn reads(&self) -> usize {
        self.state().reads
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl State {
    fn write(&mut self, pairs: impl IntoIterator<Item = Pair>, except: &HashSet<String>) {
        for pair in pairs {
            if !except.contains(&pair.name) {
                self.values.insert(pair.name, pair.value);
            }
        }
    }

    /// What the caller is told, if anything.
    fn carry_out(
        &mut self,
        write: Option<Write>,
        pairs: &[Pair],
        now: Timestamp,
    ) -> Option<Result<HashSet<String>, KvError>> {
        let pairs = pairs.iter().cloned();
        match write {
            None => {
                self.write(pairs, &HashSet::new());
                Some(Ok(HashSet::new()))
            }
            Some(Write::Partly(unsuccessful)) => {
                let sent: HashSet<_> = pairs.clone().map(|pair| pair.name).collect();
                let unsuccessful = unsuccessful
                    .into_iter()
                    .filter(|name| sent.contains(name))
                    .collect();
                self.write(pairs, &unsuccessful);
                Some(Ok(unsuccessful))
            }
            Some(Write::Fail(error, applied)) => {
                self.apply(pairs, applied, now);
                Some(Err(error))
            }
            Some(Write::Vanish(applied)) => {
                self.apply(pairs, applied, now);
                None
            }
            Some(Write::Panic) => unreachable!("it has panicked"),
        }
    }

    fn apply(&mut self, pairs: impl Iterator<Item = Pair>, applied: Applied, now: Timestamp) {
        match applied {
            Applied::Not => {}
            Applied::AtOnce => self.write(pairs, &HashSet::new()),
            Applied::Late(seconds) => {
                let due = now.checked_add(Duration::from_secs(seconds)).unwrap();
                self.late.push((due, pairs.collect()));
            }
        }
    }

    /// KV takes one write a second to one name; a caller that asks for more is wrong.
    fn check_spacing(&mut self, pairs: &[Pair], now: Timestamp) {
        for pair in pairs {
            let last = self.last_written.insert(pair.name.clone(), now);
            let spaced = last.is_none_or(|last| now.duration_since(last).unsigned_abs() >= WRITE_SPACING);
            assert!(spaced, "{} was written at {last:?} and again at {now}", pair.name);
        }
    }
}

#[async_trait]
impl KeyValueStore for FakeKv {
    async fn write_bulk(&self, pairs: &[Pair]) -> Result<HashSet<String>, KvError> {
        assert!(!pairs.is_empty() && pairs.len() <= MAX_PAIRS);
        assert!(serde_json::to_vec(pairs).unwrap().len() <= MAX_BODY_BYTES);
        let now = self.clock.now();
        if let [mark] = pairs
            && mark.name.starts_with(MARK_PREFIX)
        {
            // Beside what is published, and of no account here.
            self.put(&mark.name, &mark.value);
            return Ok(HashSet::new());
        }
        let (write, held) = {
            let mut state = self.state();
            state.check_spacing(pairs, now);
            state
                .writes
                .push(pairs.iter().map(|pair| pair.name.clone()).collect());
            (state.script.pop_front(), state.held.take())
        };
        self.begun.send_modify(|begun| *begun += 1);
        assert!(!matches!(write, Some(Write::Panic)), "the test asked for a panic");
        if let Some(held) = held {
            let _released = held.await;
        }
        let outcome = self.state().carry_out(write, pairs, now);
        match outcome {
            Some(outcome) => outcome,
            None => std::future::pending().await,
        }
    }

    async fn delete_bulk(&self, names: &[String]) -> Result<HashSet<String>, KvError> {
        assert!(!names.is_empty() && names.len() <= MAX_PAIRS);
        for name in names {
            self.remove(name);
        }
        Ok(HashSet::new())
    }

    async fn list(&self, prefix: &str, cursor: Option<&str>) -> Result<Page, KvError> {
        let mut state = self.state();
        state.reads += 1;
        if let Some(error) = state.read_faults.pop_front() {
            return Err(error);
        }
        let after = |name: &&String| cursor.is_none_or(|cursor| name.as_str() > cursor);
        let mut names = state
            .values
            .keys()
            .filter(|name| name.starts_with(prefix))
            .filter(after);
        let page: Vec<_> = names.by_ref().take(PAGE).cloned().collect();
        let cursor = names.next().and(page.last().cloned());
        Ok(Page { names: page, cursor })
    }

    async fn read_bulk(&self, names: &[String]) -> Result<HashMap<String, String>, KvError> {
        assert!(!names.is_empty() && names.len() <= MAX_READ);
        let mut state = self.state();
        state.reads += 1;
        if let Some(error) = state.read_faults.pop_front() {
            return Err(error);
        }
        if names.iter().any(|name| state.spoilt.contains(name)) {
            return Err(crate::fault::refused(400));
        }
        let values = state
            .old_values
            .pop_front()
            .unwrap_or_else(|| state.values.clone());
        let value = |name: &String| Some((name.clone(), values.get(name)?.clone()));
        Ok(names.iter().filter_map(value).collect())
    }
}
