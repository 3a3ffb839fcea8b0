//! When a key ends by itself.

use std::time::Duration;

use jiff::Timestamp;
use keyward_shared::{record::Status, time::MAX_STEP_MS};

use super::{FIRST_REVISION, Key, Refused};
use crate::clock::{after, whole_second};

impl Key {
    /// Whether its time is over.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|expires_at| now >= expires_at)
    }

    /// Whether it opens anything now.
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.published_status() == Status::Active && !self.is_expired(now)
    }

    /// Since when nobody has used it, if it could be and that is longer than a key may be unused: since its last use, or its creation
    /// if there was none.
    pub fn unused_since(&self, allowed: Option<Duration>, now: Timestamp) -> Option<Timestamp> {
        let since = self.last_used_at.unwrap_or(self.created_at);
        let is_too_long = allowed.is_some_and(|allowed| after(since, allowed) <= now);
        (is_too_long && self.is_active(now)).then_some(since)
    }

    /// Its status at this moment: a key whose grace period is over is superseded, whether that was written down yet or not.
    pub fn status_at(&self, now: Timestamp) -> Status {
        if !self.status.has_ended() && self.is_replaced() && self.is_expired(now) {
            Status::Superseded
        } else {
            self.status
        }
    }

    /// How long it lives, from the moment when that was decided; none for ever.
    pub fn lifetime(&self) -> Option<Duration> {
        let expires_at = self.expires_at?;
        Duration::try_from(expires_at.duration_since(self.expiry_set_at)).ok()
    }

    /// The key with another expiry, or none. With the one it has, it stays as it is.
    ///
    /// # Errors
    /// [`Refused`] when it has ended, expired or is in its grace period.
    pub fn expiring(&self, expires_at: Option<Timestamp>, now: Timestamp) -> Result<Self, Refused> {
        self.check_its_own(now)?;
        if expires_at == self.expires_at {
            return Ok(self.clone());
        }
        Ok(Self {
            expiry_set_at: whole_second(now),
            ..self.next().ending_at(expires_at)
        })
    }

    /// The same with this expiry. What was made of it before may end later.
    pub(super) fn ending_at(self, expires_at: Option<Timestamp>) -> Self {
        let both = self.records_end_at.zip(expires_at);
        Self {
            expires_at,
            records_end_at: both.map(|(before, now)| before.max(now)),
            ..self
        }
    }

    /// Whether it has ended for ever, and all records ever made of it have expired for so long. Without an expiry that never comes:
    /// somebody may hold a record that says nothing of an end.
    pub fn is_over_since(&self, kept: Duration, now: Timestamp) -> bool {
        let have_expired = self.records_end_at.is_some_and(|end| after(end, kept) <= now);
        (self.status.has_ended() || self.is_expired(now)) && have_expired
    }

    /// Whether somebody may hold an older record of it that still opens something: there was one, and not all of them have
    /// expired on every clock.
    pub fn has_older_records(&self, now: Timestamp) -> bool {
        let have_ended = self
            .records_end_at
            .is_some_and(|end| after(end, Duration::from_millis(MAX_STEP_MS)) <= now);
        self.revision > FIRST_REVISION && !have_ended
    }
}
