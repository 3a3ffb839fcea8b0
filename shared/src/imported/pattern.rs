//! One pattern: read, checked, compared.

use alloc::{vec, vec::Vec};

use super::{Alphabet, alphabet_names};
use crate::{
    credential::MAX_TOKEN_BYTES,
    environment::Environment,
    key::{BODY_DIGITS, Brands, Family},
};

/// The fewest random bits that a pattern may ask for. Keys of fewer could be guessed, and each guess would cost a look-up.
pub const MIN_BITS: u32 = 64;

/// What the whole text of a key looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    /// What stands where, up to the shortest text.
    places: Vec<Place>,
    /// How many more characters of the last place there may be.
    more: usize,
}

/// What may stand at one place of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// This character.
    Byte(u8),
    /// One of these.
    Of(Alphabet),
}

/// What is wrong with a pattern. Places are counted in characters, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// There is none.
    #[error("is empty; separate patterns with one comma")]
    Empty,
    /// A character that no key has.
    #[error(
        "has a character that no key can have, at place {at}: use printable ASCII without space or comma"
    )]
    Character {
        /// Where it stands.
        at: usize,
    },
    /// A brace without its other half.
    #[error("has half a placeholder at place {at}: write {{<alphabet>:<length>}}, for example {{base62:32}}")]
    Brace {
        /// Where it stands.
        at: usize,
    },
    /// A placeholder of an unknown alphabet.
    #[error(
        "has a placeholder of an unknown alphabet at place {at}; there are {}",
        alphabet_names()
    )]
    Alphabet {
        /// Where the placeholder begins.
        at: usize,
    },
    /// A placeholder of no length, or a wrong one.
    #[error(
        "has a placeholder without a good length at place {at}: write a whole number from 1 to {MAX_TOKEN_BYTES}, or the shortest and the longest, for \
         example {{base62:32}} or {{base62:20-40}}"
    )]
    Length {
        /// Where the placeholder begins.
        at: usize,
    },
    /// Something follows a range of lengths.
    #[error(
        "goes on at place {at} after a range of lengths: only what stands last may have one; list a pattern for each length"
    )]
    AfterRange {
        /// Where it goes on.
        at: usize,
    },
    /// It matches texts that no header may carry.
    #[error("matches keys of more than {MAX_TOKEN_BYTES} characters, which no request may carry")]
    TooLong,
    /// It could be guessed, or it is a key rather than a pattern.
    #[error(
        "has placeholders for fewer than {MIN_BITS} random bits: such keys could be guessed. A pattern describes keys and is none \
         itself"
    )]
    TooWeak,
    /// It could match a key of ours.
    #[error(
        "could match keys that Keyward makes, or begins as they do: such a key would pass without its tag. Make it narrower"
    )]
    Ours,
}

impl Pattern {
    pub(super) fn parse(text: &str, brands: &Brands) -> Result<Self, PatternError> {
        if text.is_empty() {
            return Err(PatternError::Empty);
        }
        let mut pattern = Self {
            places: Vec::new(),
            more: 0,
        };
        let mut centibits = 0;
        let mut at = 1;
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            if pattern.more > 0 {
                return Err(PatternError::AfterRange { at });
            }
            let length = if next == '{' {
                let end = rest.find('}').ok_or(PatternError::Brace { at })?;
                let placeholder = Placeholder::parse(&rest[1..end], at)?;
                centibits += placeholder.alphabet.centibits() * u32::from(placeholder.least);
                pattern.push(&placeholder);
                end + 1
            } else {
                pattern.places.push(Place::Byte(plain(next, at)?));
                next.len_utf8()
            };
            if pattern.places.len() + pattern.more > MAX_TOKEN_BYTES {
                return Err(PatternError::TooLong);
            }
            rest = &rest[length..];
            at += length;
        }
        if centibits < MIN_BITS * 100 {
            return Err(PatternError::TooWeak);
        }
        if pattern.is_ours(brands) {
            return Err(PatternError::Ours);
        }
        Ok(pattern)
    }

    fn push(&mut self, placeholder: &Placeholder) {
        let place = Place::Of(placeholder.alphabet);
        self.places.extend(vec![place; placeholder.least.into()]);
        self.more = usize::from(placeholder.most - placeholder.least);
    }

    /// Whether the whole text is as the pattern says.
    pub(super) fn matches(&self, text: &[u8]) -> bool {
        self.includes_length(text.len())
            && text
                .iter()
                .enumerate()
                .all(|(index, byte)| self.accepts(index, *byte))
    }

    fn includes_length(&self, length: usize) -> bool {
        (self.places.len()..=self.places.len() + self.more).contains(&length)
    }

    /// Whether the character may stand there, in a text of a length that matches.
    fn accepts(&self, index: usize, byte: u8) -> bool {
        match self.places.get(index).or(self.places.last()) {
            Some(Place::Byte(own)) => *own == byte,
            Some(Place::Of(alphabet)) => alphabet.contains(byte),
            None => false,
        }
    }

    /// Whether some text is both as the pattern says and of the shape of a key of ours, or all begin as ours do.
    fn is_ours(&self, brands: &Brands) -> bool {
        let services = Environment::ALL.map(Family::Service);
        let mut families = services.into_iter().chain([Family::Gateway]);
        families.any(|family| {
            let prefix = brands.prefix(family);
            let begins = |(index, byte)| self.places.get(index) == Some(&Place::Byte(byte));
            let begins_as_ours = prefix.bytes().enumerate().all(begins);
            begins_as_ours || self.meets(prefix.as_bytes())
        })
    }

    /// Whether a text of this prefix and 44 letters and digits matches: at each place there is a character that both allow.
    fn meets(&self, prefix: &[u8]) -> bool {
        let length = prefix.len() + BODY_DIGITS;
        let is_shared = |index: usize| match prefix.get(index) {
            Some(byte) => self.accepts(index, *byte),
            None => (b'0'..=b'z').any(|byte| byte.is_ascii_alphanumeric() && self.accepts(index, byte)),
        };
        self.includes_length(length) && (0..length).all(is_shared)
    }
}

/// So many characters of an alphabet.
struct Placeholder {
    alphabet: Alphabet,
    least: u8,
    most: u8,
}

impl Placeholder {
    /// Reads what stands between the braces.
    fn parse(text: &str, at: usize) -> Result<Self, PatternError> {
        if text.contains('{') {
            return Err(PatternError::Brace { at });
        }
        let (name, length) = text.split_once(':').unwrap_or((text, ""));
        let alphabet = Alphabet::named(name).ok_or(PatternError::Alphabet { at })?;
        let (least, most) = length.split_once('-').unwrap_or((length, length));
        let lengths = number(least).zip(number(most));
        let (least, most) = lengths.ok_or(PatternError::Length { at })?;
        if least == 0 || most < least {
            return Err(PatternError::Length { at });
        }
        Ok(Self {
            alphabet,
            least,
            most,
        })
    }
}

/// Digits only: a sign or a leading zero is more likely a slip than a number.
fn number(digits: &str) -> Option<u8> {
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    digits.parse().ok().filter(|_| is_plain)
}

/// A character that stands for itself.
fn plain(character: char, at: usize) -> Result<u8, PatternError> {
    match character {
        '}' => Err(PatternError::Brace { at }),
        '!'..='~' => u8::try_from(character).map_err(|_| PatternError::Character { at }),
        _ => Err(PatternError::Character { at }),
    }
}
