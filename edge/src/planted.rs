//! Panics on request, for tests of what becomes of everybody else.

use std::time::Duration;

use wasm_bindgen::JsValue;
use worker::{Delay, js_sys::futures::future_to_promise};

/// Panics at once, or after a wait, where nothing but the runtime's queue goes on with it: then this is the promise.
pub(crate) fn panic_if_asked(url: &str) -> Option<JsValue> {
    assert!(!url.ends_with("/.keyward/panic"), "planted");
    let later = async {
        Delay::from(Duration::from_millis(20)).await;
        panic!("planted")
    };
    url.ends_with("/.keyward/panic/later")
        .then(|| future_to_promise(later).into())
}
