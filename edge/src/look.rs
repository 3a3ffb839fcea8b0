//! Looking a key up, where the isolate knows too little of it: in KV, and with the object that knows it by its hash.

use std::pin::pin;

use futures_util::future::{Either, select};
use keyward_shared::{
    KeyHash, UnixMillis,
    guard::{Answer, Ask},
    record::RecordError,
};

use crate::{
    desk::{Aftermath, Desk, Errand, Outside, verified},
    guards::{self, Address, GuardError},
    records::{Cause, Fault, ReadError},
    screen::Candidate,
    verdict,
};

/// How much a look has settled. What it found is in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// All of it: what memory knows of the key now is how things are.
    Settled,
    /// KV has answered, the key's object has not.
    WithoutGuard,
    /// KV has not answered, and the object knows no such key, or has not answered either.
    WithoutKv,
    /// What KV holds is no record of ours.
    Rubbish,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum InKv {
    Record,
    Nothing,
    Silence,
    Rubbish,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum AtObject {
    Record,
    /// A record signed with a secret, of this id, that has been retired. Secrets are retired when KV holds no record of theirs,
    /// so what KV has is no older, and the object is given that.
    Outdated(u32),
    Nothing,
    Silence,
}

impl<O: Outside> Desk<'_, O> {
    /// Looks in KV and asks the key's object: at the same time, or one after the other on a fast route and for an imported
    /// key. A record that admits the request ends it, since the guard, which is asked next, overrules every older one.
    pub(crate) async fn look(&self, candidate: &Candidate<'_>, aftermath: &mut Aftermath) -> Look {
        let key = candidate.hash;
        let began_at = self.outside.now();
        if !self.deployment.guards_are_told() {
            // No object knows more than KV.
            let found = self.outside.read(&key).await;
            let in_kv = self.heard_from_kv(&key, found, began_at, aftermath);
            return self.settle(&key, in_kv, AtObject::Nothing, began_at);
        }
        let question = Ask {
            key,
            meter: None,
            presented: None,
            demand: 0,
            uncovered: 0,
        };
        let directory = Address::directory_of(&key, None);
        let is_kv_first = self.deployment.is_fast(candidate.route) || candidate.is_imported();
        let reading = pin!(self.outside.read(&key));
        let asking = pin!(guards::ask(self.outside, &directory, &question));
        let (in_kv, at_object) = if is_kv_first {
            let in_kv = self.heard_from_kv(&key, reading.await, began_at, aftermath);
            if in_kv == InKv::Rubbish || self.admits(candidate) {
                return self.settle(&key, in_kv, AtObject::Nothing, began_at);
            }
            if candidate.is_imported() && in_kv != InKv::Record {
                // Anyone can make up such a key, and no object is ever asked for one that was made up.
                return self.settle(&key, in_kv, AtObject::Nothing, began_at);
            }
            let at_object = self.heard_from_object(&key, asking.await, began_at, aftermath);
            (in_kv, at_object)
        } else {
            match select(reading, asking).await {
                Either::Left((found, asking)) => {
                    let in_kv = self.heard_from_kv(&key, found, began_at, aftermath);
                    if in_kv == InKv::Rubbish || self.admits(candidate) {
                        return self.settle(&key, in_kv, AtObject::Nothing, began_at);
                    }
                    let at_object = self.heard_from_object(&key, asking.await, began_at, aftermath);
                    (in_kv, at_object)
                }
                Either::Right((answer, reading)) => {
                    let at_object = self.heard_from_object(&key, answer, began_at, aftermath);
                    if at_object == AtObject::Record && self.admits(candidate) {
                        return Look::Settled;
                    }
                    let in_kv = self.heard_from_kv(&key, reading.await, began_at, aftermath);
                    (in_kv, at_object)
                }
            }
        };
        if let AtObject::Outdated(secret) = at_object {
            if in_kv == InKv::Record {
                aftermath.errands.push(Errand::Tell(key));
            } else {
                let cause = Cause::Record(RecordError::UnknownSecret(secret));
                aftermath.faults.push(Fault { hash: key, cause });
            }
        }
        self.settle(&key, in_kv, at_object, began_at)
    }

    /// Gives a key's object what the isolate knows of the key.
    pub(crate) async fn tell(&self, key: &KeyHash, aftermath: &mut Aftermath) {
        let known = self.local.borrow_mut().memory.recall(key);
        let Some(signed) = known.as_ref().and_then(|known| known.highest()) else {
            return;
        };
        let directory = Address::directory_of(key, None);
        if let Err(error) = guards::adopt(self.outside, &directory, *key, signed.text()).await {
            let cause = Cause::Guard(error);
            aftermath.faults.push(Fault { hash: *key, cause });
        }
    }

    /// Looks in KV alone, because the guard has just failed to answer.
    pub(crate) async fn look_in_kv(&self, candidate: &Candidate<'_>, aftermath: &mut Aftermath) -> Look {
        let began_at = self.outside.now();
        let found = self.outside.read(&candidate.hash).await;
        let in_kv = self.heard_from_kv(&candidate.hash, found, began_at, aftermath);
        self.settle(&candidate.hash, in_kv, AtObject::Silence, began_at)
    }

    fn settle(&self, key: &KeyHash, in_kv: InKv, at_object: AtObject, began_at: UnixMillis) -> Look {
        match (in_kv, at_object) {
            (InKv::Rubbish, _) => Look::Rubbish,
            (_, AtObject::Record) | (InKv::Record, AtObject::Nothing | AtObject::Outdated(_)) => {
                Look::Settled
            }
            (InKv::Nothing, AtObject::Nothing) => {
                self.local.borrow_mut().memory.note_absence(*key, began_at);
                Look::Settled
            }
            (InKv::Record, AtObject::Silence)
            | (InKv::Nothing, AtObject::Silence | AtObject::Outdated(_)) => Look::WithoutGuard,
            (InKv::Silence, _) => Look::WithoutKv,
        }
    }

    fn admits(&self, candidate: &Candidate<'_>) -> bool {
        let now = self.outside.now();
        let known = self.local.borrow_mut().memory.recall(&candidate.hash);
        let highest = known.as_ref().and_then(|known| known.highest());
        highest.is_some_and(|signed| verdict::on_record(candidate, signed, now).is_ok())
    }

    /// Reads KV behind the back of a request that did not need it.
    pub(crate) async fn revisit_kv(&self, key: &KeyHash, aftermath: &mut Aftermath) {
        let began_at = self.outside.now();
        let found = self.outside.read(key).await;
        // What it finds is in memory, and the next request is decided on that.
        let _ = self.heard_from_kv(key, found, began_at, aftermath);
    }

    fn heard_from_kv(
        &self,
        key: &KeyHash,
        found: Result<Option<String>, ReadError>,
        began_at: UnixMillis,
        aftermath: &mut Aftermath,
    ) -> InKv {
        self.local.borrow_mut().memory.note_kv_read(*key, began_at);
        match found {
            Ok(None) => InKv::Nothing,
            Ok(Some(text)) => match self.note(key, &text, began_at) {
                Ok(()) => InKv::Record,
                Err(cause) => {
                    aftermath.faults.push(Fault { hash: *key, cause });
                    InKv::Rubbish
                }
            },
            Err(error) => {
                let cause = Cause::Read(error);
                aftermath.faults.push(Fault { hash: *key, cause });
                InKv::Silence
            }
        }
    }

    fn heard_from_object(
        &self,
        key: &KeyHash,
        answer: Result<Answer, GuardError>,
        began_at: UnixMillis,
        aftermath: &mut Aftermath,
    ) -> AtObject {
        let noted = match answer {
            Ok(Answer::Elsewhere { record }) => self.note(key, &record, began_at),
            Ok(Answer::Unknown) => return AtObject::Nothing,
            Ok(Answer::Granted(_) | Answer::Denied(_)) => {
                let error = "a key's object answered as if it were its guard".to_owned();
                Err(Cause::Guard(GuardError::Failed(error)))
            }
            Err(error) => Err(Cause::Guard(error)),
        };
        match noted {
            Ok(()) => AtObject::Record,
            Err(Cause::Record(RecordError::UnknownSecret(secret))) => AtObject::Outdated(secret),
            Err(cause) => {
                aftermath.faults.push(Fault { hash: *key, cause });
                AtObject::Silence
            }
        }
    }

    fn note(&self, key: &KeyHash, text: &str, began_at: UnixMillis) -> Result<(), Cause> {
        let signed = verified(self.deployment, key, text)?;
        self.local.borrow_mut().memory.note_record(*key, signed, began_at);
        Ok(())
    }
}
