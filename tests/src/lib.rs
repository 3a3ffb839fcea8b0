//! What the end-to-end tests and the development stack share: the sample origin.

pub mod assertion;
pub mod origin;
