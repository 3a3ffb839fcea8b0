//! Sessions of the web page, so that every control plane of a database knows them and one ends for all at once.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::StoreError;
use crate::domain::{
    AuditEvent,
    session::{AttemptHash, Session, SessionHash},
};

/// The sessions there are.
#[async_trait]
pub trait Sessions {
    /// Writes a new session with the event about it. The one that it takes the place of in a browser ends.
    async fn start_session(
        &self,
        session: &Session,
        replaced: Option<&SessionHash>,
        event: &AuditEvent,
    ) -> Result<(), StoreError>;

    /// Notes that an attempt to sign in with the issuer leads to a session; whether it is the first time. It is known until its end.
    async fn use_sign_in(&self, attempt: &AttemptHash, ends_at: Timestamp) -> Result<bool, StoreError>;

    /// The session with this hash, if it is not over: by its own end, or unused for so long.
    async fn session(
        &self,
        hash: &SessionHash,
        idle: Duration,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError>;

    /// Notes that it was used. One that has ended meanwhile stays ended.
    async fn note_session(&self, hash: &SessionHash, at: Timestamp) -> Result<(), StoreError>;

    /// Ends a session, and writes the event if there was one to end.
    async fn end_session(&self, hash: &SessionHash, event: &AuditEvent) -> Result<bool, StoreError>;

    /// Drops those that are over, and attempts to sign in that are.
    async fn forget_sessions(&self, idle: Duration, now: Timestamp) -> Result<(), StoreError>;
}
