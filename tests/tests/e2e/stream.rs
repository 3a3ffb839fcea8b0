//! Long bodies: noise that is the same on both ends, so that what arrives can be compared byte for byte.

use std::{
    io::{self, Read},
    sync::OnceLock,
};

/// How much is sent at a time, in bytes.
pub(crate) const CHUNK: usize = 64 * 1024;

/// After so many bytes the noise starts over. No power of two, nor a multiple of anybody's buffer, so that a piece that
/// is lost, repeated or swapped shows.
const PERIOD: usize = 1_000_003;

/// Bytes that cannot be compressed (xorshift64*), the same every time.
fn period() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| {
        let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut next = || {
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes()
        };
        std::iter::repeat_with(&mut next).flatten().take(PERIOD).collect()
    })
}

/// A stretch of noise.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Noise {
    at: usize,
    end: usize,
}

impl Noise {
    pub(crate) fn of(length: usize) -> Self {
        Self { at: 0, end: length }
    }

    /// What comes next, at most `most` bytes of it. Empty at the end.
    fn next(&mut self, most: usize) -> &'static [u8] {
        let rest = &period()[self.at % PERIOD..];
        let piece = &rest[..most.min(rest.len()).min(self.end - self.at)];
        self.at += piece.len();
        piece
    }
}

impl Iterator for Noise {
    type Item = &'static [u8];

    fn next(&mut self) -> Option<Self::Item> {
        let piece = Self::next(self, CHUNK);
        (!piece.is_empty()).then_some(piece)
    }
}

impl Read for Noise {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let piece = Self::next(self, buffer.len());
        buffer[..piece.len()].copy_from_slice(piece);
        Ok(piece.len())
    }
}

/// Compares what arrives with what was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Comparison {
    /// How many bytes have arrived.
    pub(crate) bytes: usize,
    /// Whether all of them are the noise that they should be.
    pub(crate) is_noise: bool,
}

impl Default for Comparison {
    fn default() -> Self {
        Self {
            bytes: 0,
            is_noise: true,
        }
    }
}

impl Comparison {
    /// What it is when noise of this length has arrived whole.
    pub(crate) fn whole(length: usize) -> Self {
        Self {
            bytes: length,
            is_noise: true,
        }
    }

    /// The same, after these bytes too.
    pub(crate) fn and(mut self, mut arrived: &[u8]) -> Self {
        let mut expected = Noise {
            at: self.bytes,
            end: self.bytes + arrived.len(),
        };
        self.bytes += arrived.len();
        while !arrived.is_empty() {
            let piece = Noise::next(&mut expected, arrived.len());
            let (now, later) = arrived.split_at(piece.len());
            self.is_noise &= now == piece;
            arrived = later;
        }
        self
    }

    /// Reads to the end.
    pub(crate) fn of(reader: &mut dyn Read) -> io::Result<Self> {
        let mut comparison = Self::default();
        let mut buffer = vec![0; CHUNK];
        loop {
            match reader.read(&mut buffer)? {
                0 => return Ok(comparison),
                count => comparison = comparison.and(&buffer[..count]),
            }
        }
    }
}
