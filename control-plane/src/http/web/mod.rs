//! The web page: files that are part of the program (`build.rs`), served beside the API at the same origin.

use std::sync::LazyLock;

use axum::{
    http::{HeaderValue, Method, Uri, header},
    response::{IntoResponse, Response},
};

use self::{assets::Site, negotiation::Accepted};
use super::problem;

mod assets;
mod headers;
mod negotiation;

pub(super) use headers::protect;

static SITE: LazyLock<Site> = LazyLock::new(Site::built_in);

/// Where no page of ours ever is, whatever a client accepts: what answers there speaks JSON.
const NO_PAGES: [&str; 5] = ["/api", "/assets", "/healthz", "/internal", "/readyz"];

/// Answers what no operation does: the page and its files, and a problem everywhere else.
pub(super) async fn page_or_nothing(method: Method, uri: Uri, headers: axum::http::HeaderMap) -> Response {
    if method != Method::GET && method != Method::HEAD {
        return problem::no_such_path().await.into_response();
    }
    match find(&SITE, uri.path(), &Accepted::of(&headers)) {
        Some(response) => response,
        None => problem::no_such_path().await.into_response(),
    }
}

/// The file at a path; and the page itself where one of its routes is asked for by somebody who wants to see a page.
fn find(site: &Site, path: &str, accepted: &Accepted) -> Option<Response> {
    if path == "/" {
        return Some(site.index(accepted));
    }
    let is_under = |place: &str| {
        path.strip_prefix(place)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if let Some(response) = site.file(path, accepted) {
        return Some(response);
    }
    let is_route = accepted.html && !NO_PAGES.into_iter().any(is_under);
    is_route.then(|| {
        let mut response = site.index(accepted);
        let vary = HeaderValue::from_static("accept, accept-encoding");
        response.headers_mut().insert(header::VARY, vary);
        response
    })
}

#[cfg(test)]
mod tests;
