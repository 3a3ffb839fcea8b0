//! Heads of requests, from the runtime's types.

use wasm_bindgen::{JsCast as _, prelude::wasm_bindgen};
use worker::{
    js_sys::{Array, Iterator, JsString},
    web_sys::Request,
};

use crate::{forwarding::Passage, request::RequestHead};

#[wasm_bindgen]
extern "C" {
    /// `Headers`, read by names that are strings of the script already. Since they are names, no call throws.
    type Headers;
    #[wasm_bindgen(method)]
    fn get(this: &Headers, name: &JsString) -> Option<String>;
    #[wasm_bindgen(method)]
    fn has(this: &Headers, name: &JsString) -> bool;
    #[wasm_bindgen(method)]
    fn keys(this: &Headers) -> Iterator;
}

/// The names of the fields that are read. They are handed over once: with each request that would cost more than to read
/// the fields.
struct Names {
    access_control_request_method: JsString,
    api_key: JsString,
    authorization: JsString,
    cf_connecting_ip: JsString,
    connection: JsString,
    origin: JsString,
    upgrade: JsString,
}

thread_local! {
    static NAMES: Names = Names {
        access_control_request_method: "Access-Control-Request-Method".into(),
        api_key: "Api-Key".into(),
        authorization: "Authorization".into(),
        cf_connecting_ip: "CF-Connecting-IP".into(),
        connection: "Connection".into(),
        origin: "Origin".into(),
        upgrade: "Upgrade".into(),
    };
}

/// Reads what the decision needs, each header once.
pub(super) fn request_head(request: &Request) -> RequestHead {
    let headers = fields(request);
    let method = request.method();
    NAMES.with(|names| RequestHead {
        url: request.url(),
        authorization: headers.get(&names.authorization),
        has_api_key: headers.has(&names.api_key),
        origin: headers.get(&names.origin),
        client_ip: headers
            .get(&names.cf_connecting_ip)
            .and_then(|address| address.trim().parse().ok()),
        requested_method: match method.as_str() {
            "OPTIONS" => headers.get(&names.access_control_request_method),
            _ => None,
        },
        method,
    })
}

/// Reads what is needed besides of a request that is forwarded.
pub(super) fn passage(request: &Request) -> Passage {
    let headers = fields(request);
    NAMES.with(|names| Passage {
        names: Array::from(&headers.keys()).join(",").into(),
        connection: headers.get(&names.connection),
        upgrade: headers.get(&names.upgrade),
    })
}

fn fields(request: &Request) -> Headers {
    request.headers().unchecked_into()
}
