//! The files of the page.

use std::{collections::HashMap, fmt::Write as _};

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use sha2::{Digest as _, Sha256};

use super::{headers, negotiation::Accepted};

/// A file of the page, as `build.rs` lists it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asset {
    /// Where it is served.
    pub(super) path: &'static str,
    pub(super) bytes: &'static [u8],
    /// The same compressed, where that is worth it.
    pub(super) gzip: Option<&'static [u8]>,
}

static BUILT_IN: &[Asset] = include!(concat!(env!("OUT_DIR"), "/web_assets.rs"));

/// The page itself.
const INDEX: &str = "/index.html";
/// Where the names of files hold their hashes, so that what is under a name never changes.
const HASHED: &str = "/assets/";

/// What stands in for a page that was not built.
const NOT_BUILT: Asset = Asset {
    path: INDEX,
    bytes: include_bytes!("not_built.html"),
    gzip: None,
};

/// The files of the page, each with the tag of its content.
pub(super) struct Site {
    files: HashMap<&'static str, (Asset, String)>,
    index: (Asset, String),
}

impl Site {
    /// The page that is part of this program.
    pub(super) fn built_in() -> Self {
        Self::of(BUILT_IN)
    }

    pub(super) fn of(assets: &[Asset]) -> Self {
        let tagged = |asset: &Asset| (*asset, tag(asset.bytes));
        let index = assets.iter().find(|asset| asset.path == INDEX);
        Self {
            files: assets.iter().map(|asset| (asset.path, tagged(asset))).collect(),
            index: tagged(index.unwrap_or(&NOT_BUILT)),
        }
    }

    /// The page. No cache keeps it: it names the files that go with it.
    pub(super) fn index(&self, accepted: &Accepted) -> Response {
        let (asset, tag) = &self.index;
        let mut response = answer(asset, tag, "no-store", accepted);
        headers::on_page(response.headers_mut());
        response
    }

    /// The file at a path.
    pub(super) fn file(&self, path: &str, accepted: &Accepted) -> Option<Response> {
        let (asset, tag) = self.files.get(path)?;
        if path == INDEX {
            return Some(self.index(accepted));
        }
        let kept = if path.starts_with(HASHED) {
            "public, max-age=31536000, immutable"
        } else {
            "no-cache"
        };
        Some(answer(asset, tag, kept, accepted))
    }
}

fn answer(asset: &Asset, tag: &str, kept: &'static str, accepted: &Accepted) -> Response {
    let (bytes, encoding) = match asset.gzip {
        Some(gzip) if accepted.gzip => (gzip, Some("gzip")),
        _ => (asset.bytes, None),
    };
    // What is encoded otherwise is another thing to a cache (RFC 9110 §8.8.3.3).
    let tag = format!("\"{tag}{}\"", encoding.unwrap_or_default());
    let mut response = if accepted.has(&tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let mut response = bytes.into_response();
        let content_type = HeaderValue::from_static(content_type(asset.path));
        response.headers_mut().insert(header::CONTENT_TYPE, content_type);
        if let Some(encoding) = encoding {
            let encoding = HeaderValue::from_static(encoding);
            response.headers_mut().insert(header::CONTENT_ENCODING, encoding);
        }
        response
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(kept));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(tag) = HeaderValue::try_from(tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}

/// The first half of the content's SHA-256, in hexadecimal.
fn tag(bytes: &[u8]) -> String {
    let hash: [u8; 32] = Sha256::digest(bytes).into();
    hash[..16].iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// By the end of the name. Nothing is ever left to guessing: what is not known is a file to save.
fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, end)| end) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        Some("txt") => "text/plain; charset=utf-8",
        Some("json" | "map") => "application/json",
        Some("webmanifest") => "application/manifest+json",
        _ => "application/octet-stream",
    }
}
