//! The chain of hashes over the audit trail, and what can be told of a break in it.
//!
//! It shows what was changed, inserted or taken out between two events that are still there. Whoever can write to the database can
//! also cut off its end, or make the whole of it anew: against that, a hash noted elsewhere is looked for in it
//! ([`ChainCheck::expecting`]).

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::Anchor;

/// The hash before the first event.
pub const CHAIN_START: [u8; 32] = [0; 32];

/// What an event's hash is made of, besides the hash before.
pub(super) struct Fields<'a> {
    pub(super) id: &'a [u8],
    pub(super) at_ms: i64,
    /// Empty for none.
    pub(super) organization: &'a [u8],
    pub(super) actor: &'a str,
    pub(super) action: &'a str,
    pub(super) target: &'a [u8],
    pub(super) request_id: &'a str,
    pub(super) detail: &'a str,
}

/// SHA-256 over the earlier hash and every field, each with its length in front as 64-bit big-endian. The moment is milliseconds
/// since 1970 as 64-bit big-endian.
pub(super) fn link(previous: &[u8; 32], fields: &Fields<'_>) -> [u8; 32] {
    let at = fields.at_ms.to_be_bytes();
    let parts: [&[u8]; 9] = [
        previous,
        fields.id,
        &at,
        fields.organization,
        fields.actor.as_bytes(),
        fields.action.as_bytes(),
        fields.target,
        fields.request_id.as_bytes(),
        fields.detail.as_bytes(),
    ];
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// An event as the database has it, whether or not it makes sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainedEvent {
    /// Where it stands. Positions grow; some may never have been used.
    pub position: i64,
    /// The event's id: 16 bytes.
    pub id: Vec<u8>,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// Whose it is: 16 bytes. None: of the installation as a whole.
    pub organization: Option<Vec<u8>>,
    /// Who did it.
    pub actor: String,
    /// What was done: an [`Action`](super::Action), maybe one of a newer version.
    pub action: String,
    /// To what.
    pub target: Vec<u8>,
    /// The request it came with.
    pub request_id: String,
    /// What changed, as JSON.
    pub detail: String,
    /// Its hash: 32 bytes.
    pub chain: Vec<u8>,
}

impl ChainedEvent {
    /// The hash that it has to have after this one.
    pub fn link(&self, previous: &[u8; 32]) -> [u8; 32] {
        let fields = Fields {
            id: &self.id,
            at_ms: self.at_ms,
            organization: self.organization.as_deref().unwrap_or_default(),
            actor: &self.actor,
            action: &self.action,
            target: &self.target,
            request_id: &self.request_id,
            detail: &self.detail,
        };
        link(previous, &fields)
    }

    /// Whether it is the right one after a hash.
    fn follows(&self, previous: &[u8]) -> bool {
        previous
            .try_into()
            .is_ok_and(|previous| self.link(previous).as_slice() == self.chain)
    }

    /// What changed; the text itself where it is no JSON.
    pub fn detail_value(&self) -> Value {
        serde_json::from_str(&self.detail).unwrap_or_else(|_| Value::String(self.detail.clone()))
    }
}

/// What is wrong at the first event that does not follow the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// The event says something else than its hash was made of: the next one follows that hash.
    Content,
    /// Its hash is another than the one it was given: the next one follows what its content gives.
    Hash,
    /// It follows another event than the one before it: that one, or some in between, were changed in full, put in or taken out.
    Link,
    /// It is the last one, and its content or its hash was changed, or one before it taken out.
    Last,
    /// All events follow each other, and none has the hash that was noted: the end was cut off, or the whole made anew.
    Noted,
    /// All events follow each other, and do not begin where the last `audit.pruned` among them says.
    Anchor,
}

impl Difference {
    /// The stable name for programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Content => "content",
            Self::Hash => "hash",
            Self::Link => "link",
            Self::Last => "last",
            Self::Noted => "noted",
            Self::Anchor => "anchor",
        }
    }

    /// A sentence for people.
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::Content => {
                "The event was changed: its hash was made of other content, and the next event follows that hash."
            }
            Self::Hash => {
                "The hash of the event was changed: its content gives another one, and the next event follows that."
            }
            Self::Link => {
                "The event does not follow the one before it: events between the two were taken out or put in, or one of the two was \
                 made anew."
            }
            Self::Last => {
                "The newest event does not follow the one before it: its content or hash was changed, or events before it were \
                 taken out."
            }
            Self::Noted => {
                "The events follow each other, and none has the hash that was noted: the newest were cut off, or the whole trail was \
                 made anew; or it is the hash of an event that is kept no longer."
            }
            Self::Anchor => {
                "The events follow each other, and do not begin where the last `audit.pruned` among them says: more were taken out \
                 at the beginning than were pruned, or the note of where it begins was changed."
            }
        }
    }
}

/// Where the chain breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The event; none where no single one is at fault.
    pub event: Option<ChainedEvent>,
    /// The position before it; 0 if it is the first there ever was.
    pub after: i64,
    /// What differs.
    pub difference: Difference,
}

/// An event by which the chain is known from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Where it stands.
    pub position: i64,
    /// Its id.
    pub id: Vec<u8>,
    /// Its hash.
    pub chain: [u8; 32],
}

/// Follows the chain, event by event.
#[derive(Clone, Debug)]
pub struct ChainCheck {
    anchor: Anchor,
    /// What the last event about pruning says of the anchor.
    stated: Option<Anchor>,
    previous: [u8; 32],
    checked: u64,
    head: Option<Head>,
    /// The hash to look for, until it is found.
    missing: Option<[u8; 32]>,
}

impl ChainCheck {
    /// From where the chain begins.
    pub const fn from(anchor: Anchor) -> Self {
        Self {
            anchor,
            stated: None,
            previous: anchor.chain,
            checked: 0,
            head: None,
            missing: None,
        }
    }

    /// The same, looking for a hash that was noted earlier.
    #[must_use]
    pub fn expecting(self, noted: Option<[u8; 32]>) -> Self {
        let missing = noted.filter(|noted| *noted != self.previous);
        Self { missing, ..self }
    }

    /// Takes the next event. The answer is whether it follows the one before.
    pub fn take(&mut self, event: &ChainedEvent) -> bool {
        let link = event.link(&self.previous);
        if link.as_slice() != event.chain {
            return false;
        }
        self.previous = link;
        self.checked += 1;
        self.missing = self.missing.filter(|missing| *missing != link);
        self.stated = Anchor::stated(event).or(self.stated);
        self.head = Some(Head {
            position: event.position,
            id: event.id.clone(),
            chain: link,
        });
        true
    }

    /// What is wrong with an event that was not taken, by the one after it.
    pub fn fault(&self, event: ChainedEvent, next: Option<&ChainedEvent>) -> Fault {
        let difference = match next {
            None => Difference::Last,
            Some(next) if next.follows(&event.link(&self.previous)) => Difference::Hash,
            // An event that was changed and one whose predecessor is gone look alike, but for the positions in between.
            Some(next) if next.follows(&event.chain) && event.position == self.position() + 1 => {
                Difference::Content
            }
            Some(_) => Difference::Link,
        };
        Fault {
            after: self.position(),
            event: Some(event),
            difference,
        }
    }

    /// What is wrong when all events were taken.
    pub fn end(&self) -> Option<Fault> {
        let fault = |after, difference| Fault {
            event: None,
            after,
            difference,
        };
        if self.stated.unwrap_or(Anchor::START) != self.anchor {
            return Some(fault(self.anchor.position, Difference::Anchor));
        }
        self.missing.map(|_| fault(self.position(), Difference::Noted))
    }

    /// How many events were taken.
    pub const fn checked(&self) -> u64 {
        self.checked
    }

    /// Where the chain would begin if all that were taken were pruned.
    pub fn anchor(&self) -> Anchor {
        Anchor {
            position: self.position(),
            chain: self.previous,
        }
    }

    /// The last of them.
    pub const fn head(&self) -> Option<&Head> {
        self.head.as_ref()
    }

    /// The position of the last of them; before the first, the anchor's.
    pub fn position(&self) -> i64 {
        self.head
            .as_ref()
            .map_or(self.anchor.position, |head| head.position)
    }
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A hash from its 64 hexadecimal digits.
pub fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, place) in hash.iter_mut().zip(0..32) {
        *byte = u8::from_str_radix(text.get(2 * place..2 * place + 2)?, 16).ok()?;
    }
    Some(hash)
}
