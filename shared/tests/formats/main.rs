//! Formats that outlive the code: what earlier releases wrote is read, and every build says the same of the same bytes.
//!
//! The same tests run natively and inside WebAssembly: `cargo test -p keyward-shared --test formats [--target wasm32-wasip1]`.
#![expect(
    clippy::unwrap_used,
    reason = "what a test's own world cannot make fails that test"
)]

mod anywhere;
mod golden;
