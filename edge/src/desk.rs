//! Where an isolate asks for leases and gives them back: in the way of a request, and in the background.

use std::{cell::RefCell, rc::Rc};

use keyward_shared::{
    KeyHash, UnixMillis,
    guard::{Answer, Ask, GiveBack, SignedRecord},
    lease::GIVE_BACK_MS,
    record::RecordError,
};

use crate::{
    clock::{Clock, Timer},
    deployment::Deployment,
    guards::{self, Address, GuardError, Guards},
    local::{Account, Local},
    misses::{Client, Limiters},
    records::{Cause, Fault, Records},
};

/// For how long a guard that kept silent is taken to be silent still, in milliseconds. Otherwise each request of an outage
/// would wait for it anew.
pub const SILENCE_MS: u64 = 1000;

/// All that a decision reaches outside the isolate.
pub trait Outside: Clock + Timer + Records + Guards + Limiters {}

impl<T: Clock + Timer + Records + Guards + Limiters> Outside for T {}

/// What is left to do after a request was answered.
#[derive(Debug)]
pub enum Errand {
    /// Ask for the next lease, presenting this record.
    Ask(Account, Rc<SignedRecord>),
    /// Read KV again for a key in use.
    RevisitKv(KeyHash),
    /// Give a key's object the record that KV has, because the one it has can no longer be verified.
    Tell(KeyHash),
    /// Tell the other isolates of this location of a miss.
    CountMiss(Client),
    /// Give back what was not spent.
    GiveBack(Address, GiveBack),
    /// Give back what will not have been spent when a lease is about to end, at this time.
    GiveBackAt(UnixMillis, Account, Address),
}

/// What came of a question, besides what was learnt.
#[derive(Debug, Default)]
pub struct Aftermath {
    /// To be reported.
    pub faults: Vec<Fault>,
    /// To be done.
    pub errands: Vec<Errand>,
}

/// One isolate of a deployment, and the outside.
pub struct Desk<'a, O> {
    /// The deployment.
    pub deployment: &'a Deployment,
    /// What the isolate keeps.
    pub local: &'a RefCell<Local>,
    /// KV, guards, clock.
    pub outside: &'a O,
}

impl<O: Outside> Desk<'_, O> {
    /// Asks the guard of the record for a lease, and takes in what it answers: its lease or refusal, and its record where
    /// that is newer.
    ///
    /// # Errors
    /// When the guard does not answer.
    pub async fn ask(
        &self,
        account: &Account,
        record: &Rc<SignedRecord>,
        aftermath: &mut Aftermath,
    ) -> Result<(), GuardError> {
        self.send(account, record, |ask| ask, aftermath).await
    }

    /// The same for one who has no request to admit: the lease that the guard grants is for none.
    ///
    /// # Errors
    /// When the guard does not answer.
    pub async fn ask_only_to_look(
        &self,
        account: &Account,
        record: &Rc<SignedRecord>,
        aftermath: &mut Aftermath,
    ) -> Result<(), GuardError> {
        self.send(account, record, Ask::only_to_look, aftermath).await
    }

    async fn send(
        &self,
        account: &Account,
        record: &Rc<SignedRecord>,
        worded: fn(Ask) -> Ask,
        aftermath: &mut Aftermath,
    ) -> Result<(), GuardError> {
        let address = Address::guard_of(record.record());
        let (ask, asked_at) = {
            let local = &mut *self.local.borrow_mut();
            let now = local.watch.read(self.outside.now());
            let held = local
                .holdings
                .of(account.key, account.meter.as_deref(), self.deployment.lease_term);
            held.asked_at = Some(now);
            let presented = Some(record.text().to_owned());
            let ask = held
                .holding
                .ask(account.key, account.meter.clone(), presented, now);
            (worded(ask), now)
        };
        let answer = guards::ask(self.outside, &address, &ask).await;
        let local = &mut *self.local.borrow_mut();
        let now = local.watch.read(self.outside.now());
        let held = local
            .holdings
            .of(account.key, account.meter.as_deref(), self.deployment.lease_term);
        held.asked_at = None;
        let answer = match answer {
            Ok(Answer::Unknown) => Err(GuardError::Failed(
                "it does not know the record it was shown".to_owned(),
            )),
            answer => answer,
        };
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                if matches!(error, GuardError::Timeout(_)) {
                    held.silent_at = Some(now);
                }
                aftermath.fault(&ask, error.clone());
                return Err(error);
            }
        };
        held.silent_at = None;
        let replaced = held.holding.hear(&ask, asked_at, &answer, now);
        let returned = replaced.map(|back| Errand::GiveBack(address.clone(), back));
        aftermath.errands.extend(returned);
        if let Answer::Granted(grant) = &answer
            && grant.requests > 1
        {
            let due = asked_at.at().after(grant.duration_ms).before(GIVE_BACK_MS);
            let errand = Errand::GiveBackAt(due, account.clone(), address);
            aftermath.errands.push(errand);
        }
        let newest = match news(&answer) {
            Some(text) => verified(self.deployment, &ask.key, text).map(Some),
            // The guard knows of none higher. That counts for a look only where guards hear of every change.
            None => Ok(self.deployment.guards_are_told().then(|| Rc::clone(record))),
        };
        match newest {
            Ok(Some(newest)) => {
                local.memory.note_record(ask.key, newest, asked_at.at());
            }
            Ok(None) => {}
            Err(error) => aftermath.fault(&ask, error),
        }
        Ok(())
    }

    /// Does what is left to do, what is due at once first. Returns the faults met.
    pub async fn run(&self, mut errands: Vec<Errand>) -> Vec<Fault> {
        let mut faults = Vec::new();
        while let Some(errand) = next(&mut errands) {
            let mut aftermath = Aftermath::default();
            match errand {
                Errand::Ask(account, record) => {
                    // A failure is among the faults; who needs the lease asks again.
                    let _ = self.ask(&account, &record, &mut aftermath).await;
                }
                Errand::RevisitKv(key) => self.revisit_kv(&key, &mut aftermath).await,
                Errand::Tell(key) => self.tell(&key, &mut aftermath).await,
                Errand::CountMiss(client) => {
                    if self.outside.is_over(client).await {
                        let now = self.outside.now();
                        self.local.borrow_mut().misses.note_over(client, now);
                    }
                }
                Errand::GiveBack(address, back) => {
                    // Lost on the way, it counts as spent.
                    let _ = guards::give_back(self.outside, &address, back).await;
                }
                Errand::GiveBackAt(due, account, address) => {
                    self.outside.pause(self.outside.now().until(due)).await;
                    let backs = self.unspent(&account);
                    let backs = backs.into_iter().flatten();
                    errands.extend(backs.map(|back| Errand::GiveBack(address.clone(), back)));
                }
            }
            faults.extend(aftermath.faults);
            errands.extend(aftermath.errands);
        }
        faults
    }

    /// Takes what is left of leases about to end out of everyone's hands.
    fn unspent(&self, account: &Account) -> [Option<GiveBack>; 2] {
        let local = &mut *self.local.borrow_mut();
        let now = local.watch.read(self.outside.now());
        let meter = account.meter.as_deref();
        let held = local.holdings.of(account.key, meter, self.deployment.lease_term);
        held.holding.give_back(now)
    }
}

impl Aftermath {
    fn fault(&mut self, ask: &Ask, cause: impl Into<Cause>) {
        self.faults.push(Fault {
            hash: ask.key,
            cause: cause.into(),
        });
    }
}

/// The guard's own record, where it is higher than the one it was shown.
fn news(answer: &Answer) -> Option<&str> {
    match answer {
        Answer::Granted(grant) => grant.record.as_deref(),
        Answer::Denied(denial) => denial.record.as_deref(),
        Answer::Elsewhere { record } => Some(record.as_str()),
        Answer::Unknown => None,
    }
}

/// Reads a signed record.
///
/// # Errors
/// When it is none of this key in this deployment.
pub fn verified(deployment: &Deployment, key: &KeyHash, text: &str) -> Result<Rc<SignedRecord>, RecordError> {
    SignedRecord::verify(text, &deployment.record_secrets, &deployment.id, key).map(Rc::new)
}

fn next(errands: &mut Vec<Errand>) -> Option<Errand> {
    let due = errands
        .iter()
        .position(|errand| !matches!(errand, Errand::GiveBackAt(..)));
    if errands.is_empty() {
        None
    } else {
        Some(errands.remove(due.unwrap_or(0)))
    }
}
