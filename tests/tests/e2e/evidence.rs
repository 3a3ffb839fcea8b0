//! Canaries: every secret of the run is remembered, every answer is taken down, and at the end the secrets are searched
//! for wherever they must not be.

use std::{
    collections::HashMap,
    fs,
    path::Path,
    sync::{Mutex, PoisonError},
};

use crate::actors::Answer;

/// What a secret is; it decides where it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The text of a key: in the answer that makes it, and nowhere else.
    Key,
    /// The admin token: in settings, and on the screen of who started the stack.
    AdminToken,
    /// What callers of a development stack sign or show: in settings, and in dev.env.
    Caller,
    /// A secret that tags keys or signs records: in settings.
    Ring,
    /// What is sent to ask the Worker about keys: in its settings and those of who asks, and on the screen.
    VerifySecret,
    /// The text of a key made elsewhere: nowhere.
    Imported,
    /// The signature of a user token: nowhere.
    UserToken,
    /// What a session is known by: in the answer that begins it, and nowhere else.
    Cookie,
    /// The password in the address of a database: in settings.
    DatabasePassword,
    /// What Cloudflare's API is asked with: in settings.
    CloudToken,
}

impl Kind {
    /// All of them.
    pub(crate) const ALL: [Self; 10] = [
        Self::Key,
        Self::AdminToken,
        Self::Caller,
        Self::Ring,
        Self::VerifySecret,
        Self::Imported,
        Self::UserToken,
        Self::Cookie,
        Self::DatabasePassword,
        Self::CloudToken,
    ];
}

/// A secret to search for.
#[derive(Clone)]
pub(crate) struct Canary {
    kind: Kind,
    bytes: Vec<u8>,
}

impl Canary {
    /// Whether it is of this kind.
    pub(crate) fn is(&self, kind: Kind) -> bool {
        self.kind == kind
    }
}

static CANARIES: Mutex<Vec<Canary>> = Mutex::new(Vec::new());
static ANSWERS: Mutex<Vec<Answer>> = Mutex::new(Vec::new());

/// The longest body that is taken down, in bytes. Longer ones are those that tests of streams made up.
const LONGEST: usize = 256 * 1024;

/// How many characters of a key a preview may show.
const SHOWN: usize = 3;

/// Remembers the text of a key. What a preview shows of it is left out.
pub(crate) fn plant(key: &str) {
    let start = key.rfind('_').map_or(0, |underscore| underscore + 1) + SHOWN;
    remember(Kind::Key, &key.as_bytes()[start..]);
}

/// Remembers the admin token of a stack.
pub(crate) fn plant_admin_token(token: &str) {
    remember(Kind::AdminToken, token.as_bytes());
}

/// Remembers a secret of a development stack's callers.
pub(crate) fn plant_caller_secret(secret: &str) {
    remember(Kind::Caller, secret.as_bytes());
}

/// Remembers what is sent to ask about keys.
pub(crate) fn plant_verify_secret(secret: &str) {
    remember(Kind::VerifySecret, secret.as_bytes());
}

/// Remembers a secret that is searched for as it is.
pub(crate) fn plant_of(kind: Kind, secret: &str) {
    remember(kind, secret.as_bytes());
}

/// Remembers every secret of a ring, as the text that settings hold.
pub(crate) fn plant_ring(ring: &str) {
    for entry in ring.split(',') {
        let (_id, material) = entry.split_once(':').expect("an entry of a ring has an id");
        remember(Kind::Ring, material.as_bytes());
    }
}

fn remember(kind: Kind, bytes: &[u8]) {
    let canary = Canary {
        kind,
        bytes: bytes.to_vec(),
    };
    CANARIES
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(canary);
}

/// All that was remembered.
pub(crate) fn canaries() -> Vec<Canary> {
    CANARIES.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Takes an answer down. Those that show a key once are left out; their own test says so.
pub(crate) fn take_down(answer: &Answer) {
    if answer.status != 201 && answer.body.len() <= LONGEST {
        ANSWERS
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(answer.clone());
    }
}

/// How many answers were taken down, and what was found in them.
pub(crate) fn search_answers(search: &Search) -> (usize, Vec<String>) {
    let answers = ANSWERS.lock().unwrap_or_else(PoisonError::into_inner);
    let found = answers.iter().filter_map(|answer| {
        let headers = answer
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\n"))
            .collect::<String>();
        let kinds = search.kinds_in(&[headers.as_bytes(), &answer.body].concat());
        (!kinds.is_empty()).then(|| format!("an answer {} holds {kinds:?}", answer.status))
    });
    (answers.len(), found.collect())
}

/// How many files are below a folder, and what was found in them.
pub(crate) fn search_files(search: &Search, folder: &Path) -> (usize, Vec<String>) {
    let mut count = 0;
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else {
        return (0, found);
    };
    for entry in entries {
        let entry = entry.unwrap();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            let (inner_count, inner) = search_files(search, &entry.path());
            count += inner_count;
            found.extend(inner);
        } else if kind.is_file() {
            count += 1;
            // A file of a process that ends just now may be gone.
            let bytes = fs::read(entry.path()).unwrap_or_default();
            let name = entry.file_name().to_string_lossy().into_owned();
            let kinds: Vec<_> = search
                .kinds_in(&bytes)
                .into_iter()
                .filter(|kind| !may_hold(&name, *kind))
                .collect();
            if !kinds.is_empty() {
                found.push(format!("{} holds {kinds:?}", entry.path().display()));
            }
        }
    }
    (count, found)
}

/// Settings hold what the parts need; keys are in no file.
fn may_hold(file: &str, kind: Kind) -> bool {
    match kind {
        Kind::Key | Kind::Imported | Kind::UserToken | Kind::Cookie => false,
        Kind::DatabasePassword | Kind::CloudToken => file == "keyward.toml",
        Kind::AdminToken => matches!(file, "keyward.toml" | "secrets.env" | "dev.env" | "xtask-dev.log"),
        Kind::Caller => matches!(file, "keyward.toml" | "secrets.env" | "dev.env" | "worker.env"),
        Kind::Ring => matches!(file, "keyward.toml" | "secrets.env" | "worker.env"),
        Kind::VerifySecret => matches!(file, "secrets.env" | "worker.env" | "dev.env" | "xtask-dev.log"),
    }
}

/// Finds many canaries in one pass.
pub(crate) struct Search {
    canaries: Vec<Canary>,
    /// Which canaries start with these bytes.
    by_start: HashMap<[u8; START], Vec<usize>>,
}

const START: usize = 8;

impl Search {
    pub(crate) fn of(canaries: Vec<Canary>) -> Self {
        let mut by_start = HashMap::<_, Vec<usize>>::new();
        for (index, canary) in canaries.iter().enumerate() {
            let start = *canary
                .bytes
                .first_chunk::<START>()
                .expect("a secret is longer than this");
            by_start.entry(start).or_default().push(index);
        }
        Self { canaries, by_start }
    }

    /// Which kinds of secrets these bytes hold, each as often as a secret of it is found.
    pub(crate) fn kinds_in(&self, bytes: &[u8]) -> Vec<Kind> {
        let mut kinds = Vec::new();
        for (at, start) in bytes.windows(START).enumerate() {
            let start: &[u8; START] = start.try_into().expect("a window has this length");
            for index in self.by_start.get(start).into_iter().flatten() {
                let canary = &self.canaries[*index];
                if bytes[at..].starts_with(&canary.bytes) {
                    kinds.push(canary.kind);
                }
            }
        }
        kinds
    }
}
