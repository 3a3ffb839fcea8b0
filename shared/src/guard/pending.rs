//! An answer that may not leave before it is stored.

use alloc::{string::String, vec::Vec};

/// One row of storage to write or delete. A table of name and value is all that a guard needs of its store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The row's name.
    pub name: String,
    /// What to store under it; none deletes it.
    pub value: Option<String>,
}

/// An answer, and the rows that must be stored before it leaves. There is no way to the answer but past the rows.
#[derive(Debug)]
#[must_use = "nothing was stored and nobody was answered yet"]
pub struct Pending<A> {
    answer: A,
    writes: Vec<Write>,
}

impl<A> Pending<A> {
    pub(super) fn new(answer: A, writes: Vec<Write>) -> Self {
        Self { answer, writes }
    }

    /// Stores the rows, all in one transaction, and returns the answer. `store` is called even when there are none.
    ///
    /// # Errors
    /// Those of `store`. The guard in memory is then ahead of its storage: it must be dropped, and restored from there.
    pub fn persist<E>(self, store: impl FnOnce(&[Write]) -> Result<(), E>) -> Result<A, E> {
        store(&self.writes)?;
        Ok(self.answer)
    }
}
