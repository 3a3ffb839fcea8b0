//! The way to the upstream and back. Bodies pass from stream to stream inside the runtime; no byte of them comes here.

use std::{pin::pin, time::Duration};

use futures_util::future::{Either, select};
use keyward_shared::DenyReason;
use worker::{
    Delay, Error, js_sys,
    wasm_bindgen::{JsCast as _, JsValue},
    wasm_bindgen_futures::JsFuture,
    web_sys::{
        AbortController, Headers, Request, RequestCache, RequestInit, RequestRedirect, Response,
        ResponseInit, WorkerGlobalScope,
    },
};

use super::headers;
use crate::{
    deployment::Deployment,
    forwarding::{AnswerEdits, Failure, HopHeaders, Outbound},
    grant::Grant,
    request::RequestHead,
    request_id::RequestId,
};

impl From<JsValue> for Failure {
    fn from(thrown: JsValue) -> Self {
        Self {
            reason: DenyReason::UpstreamFailed,
            cause: Error::from(thrown).to_string(),
        }
    }
}

/// Sends a request to its upstream and hands on the answer.
pub(super) async fn forward(
    deployment: &Deployment,
    grant: &Grant<'_>,
    request: &Request,
    head: &RequestHead,
    assertion: Option<&str>,
    request_id: RequestId,
) -> Result<Response, Failure> {
    let inbound = request.headers();
    let hop = HopHeaders {
        connection: inbound.get("Connection")?,
        upgrade: inbound.get("Upgrade")?,
    };
    let outbound = Outbound::new(deployment, grant, head, &hop, assertion, request_id);
    let outbound = outbound.ok_or_else(|| Failure {
        reason: DenyReason::UpstreamFailed,
        cause: "the route's upstream is not in the table".to_owned(),
    })?;
    let init = RequestInit::new();
    init.set_method(&head.method);
    init.set_headers(outbound_headers(&inbound, &outbound)?.as_ref());
    init.set_redirect(RequestRedirect::Manual);
    if !grant.route.shared_cache {
        // Callers differ by a header that the upstream and every cache before it no longer see.
        init.set_cache(RequestCache::NoStore);
    }
    if let Some(body) = request.body().filter(|_| outbound.has_body) {
        init.set_body(&body);
    }
    let answer = fetch(&outbound, &init).await?;
    Ok(hand_on(&answer, grant, head, request_id)?)
}

fn outbound_headers(inbound: &Headers, outbound: &Outbound) -> Result<Headers, JsValue> {
    let headers = Headers::new_with_headers(inbound)?;
    for name in headers::names(inbound) {
        if !outbound.passes(&name) {
            headers.delete(&name)?;
        }
    }
    for (name, value) in &outbound.set {
        headers.set(name, value)?;
    }
    Ok(headers)
}

/// Waits for the head of the answer; its body may take as long as it likes.
async fn fetch(outbound: &Outbound, init: &RequestInit) -> Result<Response, Failure> {
    let controller = AbortController::new()?;
    init.set_signal(Some(&controller.signal()));
    let scope: WorkerGlobalScope = js_sys::global().unchecked_into();
    let answer = pin!(JsFuture::from(scope.fetch_with_str_and_init(&outbound.url, init)));
    let timer = pin!(Delay::from(Duration::from_millis(outbound.timeout_ms)));
    match select(answer, timer).await {
        Either::Left((answer, _)) => Ok(answer?.dyn_into()?),
        Either::Right(_) => {
            controller.abort();
            Err(Failure {
                reason: DenyReason::UpstreamTimeout,
                cause: format!("no answer within {} ms", outbound.timeout_ms),
            })
        }
    }
}

/// The same answer with other headers. As the runtime copies status, headers and WebSocket itself, and sees the upstream's
/// own stream under the same `Content-Encoding`, a compressed body passes as it is.
fn hand_on(
    answer: &Response,
    grant: &Grant<'_>,
    head: &RequestHead,
    request_id: RequestId,
) -> Result<Response, JsValue> {
    let like_the_answer: &ResponseInit = answer.unchecked_ref();
    let copy = Response::new_with_opt_readable_stream_and_init(answer.body().as_ref(), like_the_answer)?;
    let headers = copy.headers();
    let names = if grant.route.cors.is_some() {
        headers::names(&headers)
    } else {
        Vec::new()
    };
    let cache_control = headers.get("Cache-Control")?;
    let origin = head.origin.as_deref();
    let edits = AnswerEdits::new(grant, origin, request_id, &names, cache_control.as_deref());
    for name in &edits.removed {
        headers.delete(name)?;
    }
    for (name, value) in &edits.set {
        headers.set(name, value)?;
    }
    for (name, value) in &edits.appended {
        headers.append(name, value)?;
    }
    Ok(copy)
}
