//! Following the chain of hashes through the whole trail.

use crate::{
    domain::audit::{Anchor, ChainCheck, Fault, Head},
    store::{AuditTrail, StoreError},
};

/// How many events are read at a time.
const PAGE: u32 = 1000;

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    /// Where the chain begins: behind the last event that was pruned.
    pub anchor: Anchor,
    /// How many events follow each other from there on.
    pub events: u64,
    /// The last of them.
    pub head: Option<Head>,
    /// Where the chain breaks, if it does.
    pub fault: Option<Fault>,
}

/// Follows the chain from its first event that is kept, page by page, to its end or its first break. With the hash of an event that
/// was noted earlier, that event has to be there too.
///
/// # Errors
/// Whatever the store reports.
pub async fn verify<S: AuditTrail + ?Sized>(
    store: &S,
    noted: Option<[u8; 32]>,
) -> Result<Verification, StoreError> {
    let mut anchor = store.audit_anchor().await?;
    loop {
        let found = follow(store, anchor, noted).await?;
        if found.fault.is_none() {
            return Ok(found);
        }
        // Events may have been pruned meanwhile. Then it is another chain that is to be followed.
        let now = store.audit_anchor().await?;
        if now == anchor {
            return Ok(found);
        }
        anchor = now;
    }
}

async fn follow<S: AuditTrail + ?Sized>(
    store: &S,
    anchor: Anchor,
    noted: Option<[u8; 32]>,
) -> Result<Verification, StoreError> {
    let mut check = ChainCheck::from(anchor).expecting(noted);
    let fault = loop {
        let page = store.audit_chain(check.position(), PAGE).await?;
        let is_last = page.len() < PAGE as usize;
        if let Some(event) = page.into_iter().find(|event| !check.take(event)) {
            let next = store.audit_chain(event.position, 1).await?;
            break Some(check.fault(event, next.first()));
        }
        if is_last {
            break check.end();
        }
    };
    Ok(Verification {
        anchor,
        events: check.checked(),
        head: check.head().cloned(),
        fault,
    })
}
