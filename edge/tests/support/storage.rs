//! The storage of a guard's object, in memory.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::Rc,
};

use keyward_edge::guard_object::{Rows, RowsError};
use keyward_shared::guard::Write;

/// Rows by name.
#[derive(Default)]
pub(crate) struct Storage {
    rows: RefCell<BTreeMap<String, String>>,
    /// It cannot write.
    pub(crate) is_read_only: Rc<Cell<bool>>,
}

impl Storage {
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.borrow().is_empty()
    }

    pub(crate) fn has_row(&self, prefix: &str) -> bool {
        self.rows.borrow().keys().any(|name| name.starts_with(prefix))
    }
}

impl Rows for Storage {
    fn read_all(&self) -> Result<Vec<(String, String)>, RowsError> {
        Ok(self.rows.borrow().clone().into_iter().collect())
    }

    fn write(&self, writes: &[Write]) -> Result<(), RowsError> {
        if self.is_read_only.get() {
            return Err(RowsError("the disk is full".to_owned()));
        }
        let mut rows = self.rows.borrow_mut();
        for Write { name, value } in writes {
            match value {
                Some(value) => rows.insert(name.clone(), value.clone()),
                None => rows.remove(name),
            };
        }
        Ok(())
    }
}
