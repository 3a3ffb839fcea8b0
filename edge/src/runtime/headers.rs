//! Heads of requests and whole answers, to and from the runtime's types.

use worker::{
    Error,
    web_sys::{Headers, Request, Response, ResponseInit},
};

use crate::{answer::Answer, request::RequestHead};

/// Reads what the decision needs, each header once.
pub(super) fn request_head(request: &Request) -> Result<RequestHead, Error> {
    let headers = request.headers();
    let method = request.method();
    let requested_method = if method == "OPTIONS" {
        headers.get("Access-Control-Request-Method")?
    } else {
        None
    };
    Ok(RequestHead {
        url: request.url(),
        authorization: headers.get("Authorization")?,
        has_api_key: headers.has("Api-Key")?,
        origin: headers.get("Origin")?,
        client_ip: headers
            .get("CF-Connecting-IP")?
            .and_then(|address| address.trim().parse().ok()),
        requested_method,
        method,
    })
}

/// Makes the runtime's answer of a plain one.
pub(super) fn response(answer: &Answer, wants_body: bool) -> Result<Response, Error> {
    let headers = Headers::new()?;
    for (name, value) in &answer.headers {
        headers.set(name, value)?;
    }
    let init = ResponseInit::new();
    init.set_status(answer.status);
    init.set_headers(&headers);
    let body = (!answer.body.is_empty() && wants_body).then_some(answer.body.as_str());
    Ok(Response::new_with_opt_str_and_init(body, &init)?)
}

/// The names of all headers, in lower case.
pub(super) fn names(headers: &Headers) -> Vec<String> {
    headers
        .keys()
        .into_iter()
        .filter_map(|name| name.ok()?.as_string())
        .collect()
}
