//! Randomness as an argument.

/// A source of random bytes fit for secrets: the system's own generator in production, a seeded one in tests.
pub trait Entropy {
    /// Fills the whole buffer with independent, uniformly distributed bytes.
    fn fill(&self, buffer: &mut [u8]);
}

impl<T: Entropy + ?Sized> Entropy for &T {
    fn fill(&self, buffer: &mut [u8]) {
        (**self).fill(buffer);
    }
}
