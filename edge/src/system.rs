//! The Worker's own clock and randomness: the one place that reads either.

use std::cell::RefCell;

use keyward_shared::Entropy;
use worker::js_sys::Date;

use crate::clock::{Clock, UnixMillis};

/// How much randomness is fetched at a time, in bytes: enough for the ids of a hundred requests. A call to the runtime costs as
/// much as the rest of such an id.
const STOCK_BYTES: usize = 1024;

/// The runtime's clock and generator.
#[derive(Clone, Copy)]
pub(crate) struct System;

impl Clock for System {
    #[expect(
        clippy::disallowed_methods,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the clock is read here alone; it counts whole milliseconds since 1970"
    )]
    fn now(&self) -> UnixMillis {
        UnixMillis(Date::now() as u64)
    }
}

impl Entropy for System {
    fn fill(&self, buffer: &mut [u8]) {
        STOCK.with_borrow_mut(|stock| stock.take(buffer));
    }
}

thread_local! {
    static STOCK: RefCell<Stock> = const { RefCell::new(Stock::used_up()) };
}

/// Random bytes, each handed out once.
struct Stock {
    bytes: [u8; STOCK_BYTES],
    left: usize,
}

impl Stock {
    const fn used_up() -> Self {
        Self {
            bytes: [0; STOCK_BYTES],
            left: 0,
        }
    }

    fn take(&mut self, buffer: &mut [u8]) {
        for wanted in buffer.chunks_mut(STOCK_BYTES) {
            if self.left < wanted.len() {
                fetch(&mut self.bytes);
                self.left = STOCK_BYTES;
            }
            let rest = self.left - wanted.len();
            let taken = &mut self.bytes[rest..self.left];
            wanted.copy_from_slice(taken);
            taken.fill(0);
            self.left = rest;
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place of the Worker that reads randomness"
)]
fn fetch(bytes: &mut [u8]) {
    // The runtime's generator does not fail for so few bytes; if it did, zeros would make poor ids and open nothing.
    if getrandom::fill(bytes).is_err() {
        bytes.fill(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_byte_is_handed_out_twice() {
        let mut stock = Stock::used_up();
        let mut seen = std::collections::HashSet::new();
        for size in [10, 16, 1000, 8, 1024, 2500] {
            let mut buffer = vec![0; size];
            stock.take(&mut buffer);
            for piece in buffer.chunks_exact(8) {
                assert!(seen.insert(piece.to_vec()), "{piece:?} comes again");
            }
        }
    }
}
