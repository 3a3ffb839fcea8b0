//! Bodies that are read here, which are few: those of the control plane.

use futures_util::TryStreamExt as _;
use worker::web_sys::Request;

/// The whole body, if it is no larger than so many bytes. Of a larger one no more is read than that.
pub(super) async fn at_most(request: &Request, bytes: usize) -> worker::Result<Option<Vec<u8>>> {
    if request.body().is_none() {
        return Ok(Some(Vec::new()));
    }
    // The same request under another type; the method `clone` would be the runtime's, which splits the body in two.
    let mut chunks = worker::Request::from(Clone::clone(request)).stream()?;
    let mut body = Vec::new();
    while let Some(chunk) = chunks.try_next().await? {
        if body.len() + chunk.len() > bytes {
            return Ok(None);
        }
        body.extend(chunk);
    }
    Ok(Some(body))
}
