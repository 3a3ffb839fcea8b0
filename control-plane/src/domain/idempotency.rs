//! Requests that may be sent again: `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header), and what is remembered of
//! the request that was done.

use std::{fmt, str::FromStr, time::Duration};

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::{KeyId, Operation};
use crate::clock::after;

/// How long the answer is kept, sealed, to be given again.
pub const ANSWER_KEPT: Duration = Duration::from_secs(15 * 60);
/// How long it is known that the request was done. From then on the same value is a new one.
pub const REMEMBERED: Duration = Duration::from_secs(24 * 3600);
/// The most characters of a value.
pub const MAX_CHARACTERS: usize = 255;

/// The value of the header. Whoever has it and the server's secret can open the answer, so it does not print.
#[derive(Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

/// The value is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be one quoted string of 1 to 255 printable ASCII characters, for example \"8e03978e-40d5-43e8-bc93-6894a57f9324\""
)]
pub struct IdempotencyKeyError;

impl FromStr for IdempotencyKey {
    type Err = IdempotencyKeyError;

    /// Reads a string of RFC 8941 (§3.3.3); or, as many clients send it, the same without its quotes where it has no quote,
    /// comma, semicolon, backslash or space.
    fn from_str(text: &str) -> Result<Self, IdempotencyKeyError> {
        let value = match text.strip_prefix('"') {
            Some(rest) => unquoted(rest.strip_suffix('"').ok_or(IdempotencyKeyError)?)?,
            None if text
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !b"\",;\\".contains(&byte)) =>
            {
                text.to_owned()
            }
            None => return Err(IdempotencyKeyError),
        };
        if (1..=MAX_CHARACTERS).contains(&value.len()) {
            Ok(Self(value))
        } else {
            Err(IdempotencyKeyError)
        }
    }
}

/// The text between the quotes of a string of RFC 8941.
fn unquoted(text: &str) -> Result<String, IdempotencyKeyError> {
    let mut value = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        value.push(match character {
            '\\' => characters
                .next()
                .filter(|escaped| matches!(escaped, '"' | '\\'))
                .ok_or(IdempotencyKeyError)?,
            '"' => return Err(IdempotencyKeyError),
            ' '..='~' => character,
            _ => return Err(IdempotencyKeyError),
        });
    }
    Ok(value)
}

impl IdempotencyKey {
    /// The value itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdempotencyKey(…)")
    }
}

/// Where a request is remembered: one place for each caller, operation and value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(pub [u8; 32]);

impl Slot {
    /// The place. `caller` is the name that the caller's things belong to, which outlives the rotation of a key that calls.
    pub fn of(caller: &str, operation: Operation, key: &IdempotencyKey) -> Self {
        Self(hash(&[
            b"keyward idempotency slot v1",
            caller.as_bytes(),
            format!("{operation:?}").as_bytes(),
            key.0.as_bytes(),
        ]))
    }
}

/// What was asked: a request with another fingerprint is another request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// That of a path with its query, and a body, byte for byte.
    pub fn of(path_and_query: &str, body: &[u8]) -> Self {
        Self(hash(&[b"keyward request v1", path_and_query.as_bytes(), body]))
    }
}

/// SHA-256 over parts, each with its length in front.
fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// An answer that only its request opens again.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The secret that it takes.
    pub secret: u32,
    /// Nonce and ciphertext.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.bytes.len())
    }
}

/// A request that was done, as it is remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// What was asked.
    pub fingerprint: Fingerprint,
    /// When it was done.
    pub at: Timestamp,
    /// The key that it made, where the answer holds its text.
    pub key: Option<KeyId>,
    /// The answer, while it is kept.
    pub answer: Option<Sealed>,
}

impl Done {
    /// Until when its answer may be given again.
    pub fn answer_ends_at(&self) -> Timestamp {
        after(self.at, ANSWER_KEPT)
    }

    /// From when on the value is a new one.
    pub fn forgotten_at(&self) -> Timestamp {
        after(self.at, REMEMBERED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, IdempotencyKeyError> {
        text.parse::<IdempotencyKey>().map(|key| key.0)
    }

    #[test]
    fn a_string_is_read_with_and_without_its_quotes() {
        for (text, value) in [
            ("\"8e03978e-40d5\"", "8e03978e-40d5"),
            ("8e03978e-40d5", "8e03978e-40d5"),
            (r#""with space, \" and \\""#, r#"with space, " and \"#),
        ] {
            assert_eq!(read(text).unwrap(), value, "{text}");
        }
        let longest = "k".repeat(MAX_CHARACTERS);
        assert_eq!(read(&longest).unwrap(), longest);
        assert_eq!(read(&format!("\"{longest}\"")).unwrap(), longest);
    }

    #[test]
    fn anything_else_is_refused() {
        let too_long = "k".repeat(MAX_CHARACTERS + 1);
        for text in [
            "",
            "\"",
            "\"\"",
            "\"open",
            "open\"",
            "\"a\"b\"",
            "\"a\", \"b\"",
            "\"a\";p=1",
            r#""\n""#,
            r#""end\""#,
            "two words",
            "a,b",
            "a;b",
            "ä",
            "\"ä\"",
            "\"tab\there\"",
            &too_long,
        ] {
            assert_eq!(read(text), Err(IdempotencyKeyError), "{text}");
        }
    }

    #[test]
    fn caller_operation_and_value_have_a_slot_of_their_own() {
        let key = |text: &str| text.parse::<IdempotencyKey>().unwrap();
        let slots = [
            Slot::of("a", Operation::CreateKey, &key("bc")),
            Slot::of("ab", Operation::CreateKey, &key("c")),
            Slot::of("a", Operation::RotateKey, &key("bc")),
            Slot::of("a", Operation::CreateKey, &key("bd")),
        ];
        for (index, slot) in slots.iter().enumerate() {
            assert!(!slots[..index].contains(slot), "{index}");
        }
        assert_eq!(slots[0], Slot::of("a", Operation::CreateKey, &key("\"bc\"")));
    }

    #[test]
    fn it_does_not_print() {
        let key: IdempotencyKey = "8e03978e".parse().unwrap();
        assert!(!format!("{key:?}").contains("8e03"));
    }
}
