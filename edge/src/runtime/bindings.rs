//! Variables and secrets.

use worker::{Env, js_sys::Reflect};

/// The text of a variable or secret. A number in `[vars]` reads as its text.
pub(super) fn text(env: &Env, name: &str) -> Option<String> {
    let value = Reflect::get(env, &name.into()).ok()?;
    value
        .as_string()
        .or_else(|| value.as_f64().map(|number| number.to_string()))
}
