//! Keys made elsewhere: what their text may look like.
//!
//! They carry no tag, so whether one is genuine takes a look-up. A deployment lists the patterns of those that it has
//! imported; everything else that is no key of ours is refused by computation alone.
//!
//! A pattern is text with placeholders, and describes the whole key: `sk_live_{base62:32}`, `{hex:8}-{hex:4}-{hex:20}`,
//! `acme.{base64url:40-60}`. A placeholder is an [alphabet](Alphabet) and how many characters of it; only what stands last may
//! have a range of lengths. So a text is compared in one pass and there is nothing to go back to, whatever the patterns are.

use alloc::{string::String, vec::Vec};

use crate::{credential::MAX_TOKEN_BYTES, key::Brands};

mod alphabet;
mod pattern;
#[cfg(test)]
mod tests;

pub use alphabet::Alphabet;
pub use pattern::{MIN_BITS, PatternError};

use pattern::Pattern;

/// The most patterns of a deployment.
pub const MAX_PATTERNS: usize = 16;

/// The patterns of a deployment; by default none, and no key made elsewhere passes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportedKeys(Vec<Pattern>);

/// What is wrong with a list of patterns. It never repeats them: someone may have put a key in their place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportedKeysError {
    /// More than [`MAX_PATTERNS`].
    #[error("has more than {MAX_PATTERNS} patterns")]
    TooMany,
    /// One of them is wrong.
    #[error("pattern {number} {problem}")]
    Pattern {
        /// Which, counted from 1.
        number: usize,
        /// What is wrong with it.
        problem: PatternError,
    },
}

impl ImportedKeys {
    /// Reads patterns separated by commas. `brands` are those of our own keys, which no pattern may match.
    ///
    /// # Errors
    /// [`ImportedKeysError`], for the first pattern that is wrong.
    pub fn parse(text: &str, brands: &Brands) -> Result<Self, ImportedKeysError> {
        if text.split(',').count() > MAX_PATTERNS {
            return Err(ImportedKeysError::TooMany);
        }
        let read = |(number, text): (usize, &str)| {
            Pattern::parse(text.trim_matches(' '), brands)
                .map_err(|problem| ImportedKeysError::Pattern { number, problem })
        };
        let patterns: Result<_, _> = (1..).zip(text.split(',')).map(read).collect();
        patterns.map(Self)
    }

    /// Whether the text looks like a key made elsewhere that this deployment knows of.
    pub fn include(&self, text: &str) -> bool {
        text.len() <= MAX_TOKEN_BYTES && self.0.iter().any(|pattern| pattern.matches(text.as_bytes()))
    }
}

/// The names of all alphabets, for the message that one is unknown.
fn alphabet_names() -> String {
    Alphabet::ALL.map(Alphabet::name).join(", ")
}
