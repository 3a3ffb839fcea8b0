//! Where an isolate asks for leases and gives them back: in the way of a request, and in the background.

use std::{cell::RefCell, rc::Rc};

use keyward_shared::guard::{Answer, Ask, GiveBack, SignedRecord};

use crate::{
    clock::{Clock, Timer},
    deployment::Deployment,
    guards::{self, Address, GuardError, Guards},
    local::{Account, Local},
    records::{Cause, Fault, Records},
};

/// How long before its end a lease that nobody spends is given back, in milliseconds: the message needs some of it.
const GIVE_BACK_BEFORE_MS: u64 = 300;
/// By how much a timer may be early against the clock, in milliseconds.
const TIMER_SLACK_MS: u64 = 50;
/// For how long a guard that kept silent is taken to be silent still, in milliseconds. Otherwise each request of an outage
/// would wait for it anew.
pub const SILENCE_MS: u64 = 1000;

/// All that a decision reaches outside the isolate.
pub trait Outside: Clock + Timer + Records + Guards {}

impl<T: Clock + Timer + Records + Guards> Outside for T {}

/// What is left to do after a request was answered.
#[derive(Debug)]
pub enum Errand {
    /// Ask for the next lease, presenting this record.
    Ask(Account, Rc<SignedRecord>),
    /// Give back what was not spent.
    GiveBack(Address, GiveBack),
    /// Give back what will not have been spent when the leases are about to end.
    GiveBackInTime(Account, Address),
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
            (ask, now)
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
        if matches!(&answer, Answer::Granted(grant) if grant.requests > 1) {
            let errand = Errand::GiveBackInTime(account.clone(), address);
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
                Errand::GiveBack(address, back) => {
                    // Lost on the way, it counts as spent.
                    let _ = guards::give_back(self.outside, &address, back).await;
                }
                Errand::GiveBackInTime(account, address) => {
                    let backs = self.unspent(&account).await;
                    let backs = backs.into_iter().flatten();
                    errands.extend(backs.map(|back| Errand::GiveBack(address.clone(), back)));
                }
            }
            faults.extend(aftermath.faults);
            errands.extend(aftermath.errands);
        }
        faults
    }

    /// Waits until the first lease is about to end, and takes what is left out of everyone's hands, unless newer leases have
    /// come in between: then the key is in use.
    async fn unspent(&self, account: &Account) -> [Option<GiveBack>; 2] {
        let Some(ends_in_ms) = self.ends_in_ms(account) else {
            return [None; 2];
        };
        let patience = ends_in_ms.saturating_sub(GIVE_BACK_BEFORE_MS);
        self.outside.pause(patience).await;
        match self.ends_in_ms(account) {
            Some(left) if left <= GIVE_BACK_BEFORE_MS + TIMER_SLACK_MS => {
                let local = &mut *self.local.borrow_mut();
                let now = local.watch.read(self.outside.now());
                let meter = account.meter.as_deref();
                let held = local.holdings.of(account.key, meter, self.deployment.lease_term);
                held.holding.give_back(now)
            }
            _ => [None; 2],
        }
    }

    fn ends_in_ms(&self, account: &Account) -> Option<u64> {
        let local = &mut *self.local.borrow_mut();
        let now = local.watch.read(self.outside.now());
        let meter = account.meter.as_deref();
        let held = local.holdings.of(account.key, meter, self.deployment.lease_term);
        held.holding.ends_in_ms(now)
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
pub fn verified(
    deployment: &Deployment,
    key: &keyward_shared::KeyHash,
    text: &str,
) -> Result<Rc<SignedRecord>, keyward_shared::record::RecordError> {
    SignedRecord::verify(text, &deployment.record_secrets, &deployment.id, key).map(Rc::new)
}

fn next(errands: &mut Vec<Errand>) -> Option<Errand> {
    let due = errands
        .iter()
        .position(|errand| !matches!(errand, Errand::GiveBackInTime(..)));
    if errands.is_empty() {
        None
    } else {
        Some(errands.remove(due.unwrap_or(0)))
    }
}
