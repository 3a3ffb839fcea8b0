//! One KeyGuard object: a guard in memory, and the rows of storage that it lives by.

use keyward_shared::{
    KeyHash, UnixMillis,
    guard::{Guard, KeyUsage, Pending, SignedRecord, UnreadableRow, Write},
    record::RecordError,
};
use serde::Serialize;

use crate::{
    deployment::Deployment,
    guards::{Message, Request},
    usage::{Reporting, alarm::RETRY_AFTER_MS},
};

/// A table of name and value.
pub trait Rows {
    /// All rows.
    ///
    /// # Errors
    /// What the storage says.
    fn read_all(&self) -> Result<Vec<(String, String)>, RowsError>;

    /// Writes all or nothing. With nothing to write it does not touch the storage, so an object that was asked in vain
    /// leaves no trace.
    ///
    /// # Errors
    /// What the storage says.
    fn write(&self, writes: &[Write]) -> Result<(), RowsError>;
}

/// The storage failed, with what the runtime says about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its storage failed: {0}")]
pub struct RowsError(pub String);

/// Why an object does not answer.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// The message is not one of ours.
    #[error("the message cannot be read: {0}")]
    Message(serde_json::Error),
    /// The record in it is not one of ours.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A row is damaged.
    #[error(transparent)]
    Row(#[from] UnreadableRow),
    /// The storage failed.
    #[error(transparent)]
    Rows(#[from] RowsError),
}

/// The object. It remembers nothing that is not stored, so it can be dropped at any moment.
#[derive(Debug, Default)]
pub struct GuardObject {
    guard: Option<Guard>,
    alarm: Alarm,
}

/// What is known of the object's alarm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Alarm {
    /// The runtime was not asked yet.
    #[default]
    Unknown,
    /// None is set.
    Silent,
    SetFor(UnixMillis),
    /// It rings, and sets the next itself.
    Rings,
}

/// What became of the totals of a report.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reported<'t> {
    /// There were none: what there is to count is still out.
    Nothing,
    /// They are the queue's now.
    Taken(&'t [KeyUsage]),
    /// The queue does not have them, as far as is known.
    NotTaken,
}

/// An answer, and the alarm to set before it leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The answer, as JSON.
    pub text: String,
    /// When to wake the object, in place of any later alarm; none leaves the alarm as it is.
    pub alarm: Option<UnixMillis>,
}

impl GuardObject {
    /// Answers a message, after everything it changes is stored.
    ///
    /// # Errors
    /// [`ObjectError`]. The guard in memory is dropped then, and read from storage for the next message.
    pub fn answer(
        &mut self,
        deployment: &Deployment,
        rows: &impl Rows,
        message: &str,
        clock: UnixMillis,
    ) -> Result<Reply, ObjectError> {
        let message: Message = serde_json::from_str(message).map_err(ObjectError::Message)?;
        let verify = |text: &str, key: &KeyHash| {
            SignedRecord::verify(text, &deployment.record_secrets, &deployment.id, key)
        };
        let mut guard = self.take_guard(deployment, rows, clock)?;
        let text = match message.request {
            Request::Ask(ask) => {
                let presented = ask.presented.as_deref().map(|text| verify(text, &ask.key));
                let answer = guard.acquire(&message.name, &ask, presented.transpose()?, clock);
                stored(answer, rows)?
            }
            Request::GiveBack(back) => stored(guard.give_back(back, clock), rows)?,
            Request::Adopt { key, record } => stored(guard.adopt(key, verify(&record, &key)?, clock), rows)?,
        };
        let usage = deployment.usage.as_ref();
        let wanted = usage.and_then(|reporting| guard.wake_at(reporting.after_ms, clock));
        self.guard = Some(guard);
        Ok(Reply {
            text,
            alarm: wanted.filter(|at| self.brings_forward(*at)),
        })
    }

    /// Whether the runtime must be asked for the alarm, to [`recall_alarm`](Self::recall_alarm) it, before a message is answered.
    pub fn forgot_alarm(&self) -> bool {
        self.alarm == Alarm::Unknown
    }

    /// Takes note of the alarm that an earlier object of this name has set, if it is still to ring.
    pub fn recall_alarm(&mut self, set_for: Option<UnixMillis>) {
        if self.forgot_alarm() {
            self.alarm = set_for.map_or(Alarm::Silent, Alarm::SetFor);
        }
    }

    /// Takes note that the alarm has rung, and none is set.
    pub(crate) fn silence(&mut self) {
        self.alarm = Alarm::Silent;
    }

    /// The alarm rings: the totals to report. Until [`end_report`](Self::end_report) messages set no alarm.
    pub(crate) fn begin_report(
        &mut self,
        deployment: &Deployment,
        rows: &impl Rows,
        clock: UnixMillis,
    ) -> Result<Vec<KeyUsage>, ObjectError> {
        let mut guard = self.take_guard(deployment, rows, clock)?;
        let totals = guard.usage(clock).persist(|writes| rows.write(writes))?;
        self.guard = Some(guard);
        self.alarm = Alarm::Rings;
        Ok(totals)
    }

    /// Notes what became of them, prunes, and tells when to ring again.
    pub(crate) fn end_report(
        &mut self,
        deployment: &Deployment,
        reporting: &Reporting,
        rows: &impl Rows,
        reported: Reported<'_>,
        clock: UnixMillis,
    ) -> Result<Option<UnixMillis>, ObjectError> {
        let mut guard = self.take_guard(deployment, rows, clock)?;
        if let Reported::Taken(totals) = reported {
            guard
                .reported(totals, clock)
                .persist(|writes| rows.write(writes))?;
        }
        let oldest_secret = deployment.record_secrets.oldest_id();
        guard
            .prune(oldest_secret, clock)
            .persist(|writes| rows.write(writes))?;
        let next = match reported {
            Reported::Taken(_) => guard.wake_at(reporting.after_ms, clock),
            Reported::NotTaken => guard.wake_at(RETRY_AFTER_MS, clock),
            // An object that was just restored counts leases for longer. It has kept its report waiting once already.
            Reported::Nothing => {
                let wakes = [guard.wake_at(reporting.after_ms, clock), guard.leases_end_at()];
                wakes.into_iter().flatten().min()
            }
        };
        self.guard = Some(guard);
        self.alarm = next.map_or(Alarm::Silent, Alarm::SetFor);
        Ok(next)
    }

    /// The guard, from storage if it is not in memory. It is put back only when all went well: a panic, too, leaves nothing
    /// behind.
    fn take_guard(
        &mut self,
        deployment: &Deployment,
        rows: &impl Rows,
        clock: UnixMillis,
    ) -> Result<Guard, ObjectError> {
        match self.guard.take() {
            Some(guard) => Ok(guard),
            None => Ok(Guard::restore(deployment.lease_term, rows.read_all()?, clock)?),
        }
    }

    /// Notes an alarm, if it is to be set: there is none, or a later one.
    fn brings_forward(&mut self, wanted: UnixMillis) -> bool {
        let sets = match self.alarm {
            Alarm::Unknown | Alarm::Silent => true,
            Alarm::SetFor(at) => wanted < at,
            Alarm::Rings => false,
        };
        if sets {
            self.alarm = Alarm::SetFor(wanted);
        }
        sets
    }
}

fn stored<A: Serialize>(pending: Pending<A>, rows: &impl Rows) -> Result<String, RowsError> {
    let answer = pending.persist(|writes| rows.write(writes))?;
    // Numbers, texts and lists: nothing in an answer can fail to serialise.
    Ok(serde_json::to_string(&answer).unwrap_or_default())
}
