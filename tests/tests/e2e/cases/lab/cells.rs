//! The machinery of the failure table: every cell is a request with a key of its own, and all are under way together.

use std::{
    sync::{Mutex, PoisonError},
    thread,
    time::Duration,
};

use keyward_shared::{
    UnixSeconds,
    record::Status,
    sync::{Batch, Entry, MAX_RECORDS, Outcome},
};

use super::table::{Fault, OK, State, TAG};
use crate::{
    actors::{Answer, Call, Edge},
    clock::{now, wait_for},
    stage::{
        Lab, LabKey,
        lab::{Answering, Reading},
    },
};

/// A lease and a record that an isolate has read are good for two seconds.
pub(super) const FORGOTTEN: Duration = Duration::from_millis(2500);
/// How many requests are under way at a time: most wait for someone who does not answer.
const AT_A_TIME: usize = 24;
const ADOPTED_WITHIN: Duration = Duration::from_secs(30);
/// So that KV is the first to answer.
const A_MOMENT: Duration = Duration::from_millis(300);

/// One request, and what should come of it.
pub(super) struct Cell<'a> {
    edge: &'a Edge,
    state: State,
    fault: Fault,
    route: &'static str,
    expected: &'static str,
    key: LabKey<'a>,
}

impl<'a> Cell<'a> {
    pub(super) fn new(
        lab: &'a Lab,
        edge: &'a Edge,
        (state, fault): (State, Fault),
        (route, expected): (&'static str, &'static str),
    ) -> Self {
        let key = LabKey::new(lab).with(|record| match state {
            State::ExpiredCold | State::ExpiredWarm => record.expires_at = Some(UnixSeconds(now().0 - 1)),
            State::DeactivatedCold => record.status = Status::Deactivated,
            State::EndedCold | State::EndedWarm => record.status = Status::Revoked,
            _ => {}
        });
        Self {
            edge,
            state,
            fault,
            route,
            expected,
            key,
        }
    }

    /// Writes to KV what KV is to hold, and returns what the guards are to be told.
    fn prepare(&mut self) -> Option<Entry> {
        let mut told = self.entry();
        match self.state {
            State::Unknown => return None,
            State::InKvAlone => {
                self.key.publish();
                return None;
            }
            State::AtGuardsAlone => {}
            State::EndedAtGuardsAlone => {
                self.key.publish();
                self.key.change(|record| record.status = Status::Revoked);
                told = self.entry();
            }
            State::EndedInKvAlone => {
                self.key.change(|record| record.status = Status::Revoked);
                self.key.publish();
            }
            _ => self.key.publish(),
        }
        Some(told)
    }

    fn entry(&self) -> Entry {
        Entry {
            name: self.key.kv_name(),
            value: self.key.signed(),
        }
    }

    fn call(&self) -> Call<'_> {
        self.key.get(self.edge, self.route)
    }

    fn fail(&self, lab: &Lab) {
        let rubbish = || Reading::Finds("{}\n1.AAAA".to_owned());
        let (reading, answering) = match self.fault {
            Fault::Nothing => (Reading::Fine, Answering::Fine),
            Fault::GuardsAway => (Reading::Fine, Answering::Away),
            Fault::GuardsSilent => (Reading::Fine, Answering::Silent),
            Fault::KvDown => (Reading::Down, Answering::Fine),
            Fault::KvSilent => (Reading::Silent, Answering::Fine),
            Fault::BothDown => (Reading::Down, Answering::Away),
            Fault::BothSilent => (Reading::Silent, Answering::Silent),
            Fault::Rubbish => (rubbish(), Answering::Slow(A_MOMENT)),
            Fault::BadMac => (
                Reading::Finds(LabKey::new(lab).signed()),
                Answering::Slow(A_MOMENT),
            ),
            Fault::RubbishAndGuardsAway => (rubbish(), Answering::Away),
        };
        self.key.kv_answers(reading);
        self.key.guards_answer(answering);
    }

    /// What came of it, where that is not as it should be.
    fn fault_in(&self, answer: &Answer) -> Option<String> {
        let came = match answer.status {
            200 if answer.origin_saw("keyward-key-id").is_some() => OK.to_owned(),
            200 => TAG.to_owned(),
            503 if answer.header("retry-after").is_none() => "unavailable for ever".to_owned(),
            _ => answer.code().unwrap_or_else(|| answer.to_string()),
        };
        let (state, fault, route, expected) = (self.state, self.fault, self.route, self.expected);
        (came != expected).then(|| format!("{state:?}, {fault:?}, {route}: {came}, not {expected}"))
    }
}

/// Does something with each, a few at a time.
fn for_each<'c, 'a: 'c, T: Send>(
    cells: impl Iterator<Item = &'c Cell<'a>> + Send,
    work: impl Fn(&'c Cell<'a>) -> Option<T> + Sync,
) -> Vec<T> {
    let (cells, done) = (Mutex::new(cells), Mutex::new(Vec::new()));
    let next = || cells.lock().unwrap_or_else(PoisonError::into_inner).next();
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some(cell) = next() {
                    let outcome = work(cell);
                    done.lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .extend(outcome);
                }
            });
        }
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Tries all cells of a table. Guards hear of what they are to know by way of another isolate; where there is none, by KV.
#[track_caller]
pub(super) fn check<'a>(lab: &'a Lab, tell_by_way_of: Option<&Edge>, mut cells: Vec<Cell<'a>>) {
    /// A machine too busy for its guards makes some silent that should not be. A fault of the edge stays.
    const TRIES: usize = 3;
    let count = cells.len();
    let mut faults = Vec::new();
    for _ in 0..TRIES {
        (faults, cells) = wrong_among(lab, tell_by_way_of, cells).into_iter().unzip();
        if faults.is_empty() {
            eprintln!("{count} cells of the failure table");
            return;
        }
        eprintln!("not as it should be:\n{}", faults.join("\n"));
    }
    panic!("{} of {count} cells:\n{}", faults.len(), faults.join("\n"));
}

/// Those where something else came than should have, each with what came, and the same cell with a new key.
#[track_caller]
fn wrong_among<'a>(
    lab: &'a Lab,
    tell_by_way_of: Option<&Edge>,
    mut cells: Vec<Cell<'a>>,
) -> Vec<(String, Cell<'a>)> {
    let records: Vec<_> = cells.iter_mut().filter_map(Cell::prepare).collect();
    for records in records.chunks(MAX_RECORDS) {
        let Some(other) = tell_by_way_of else { break };
        let batch = Batch {
            records: records.to_vec(),
        };
        let adopted = wait_for(ADOPTED_WITHIN, || {
            let report = lab.tell(other, &batch);
            let is_adopted = |outcome: &Outcome| matches!(outcome, Outcome::Adopted { .. });
            report.results.iter().all(is_adopted).then_some(())
        });
        adopted.expect("guards adopt the records");
    }
    let warm = cells.iter().filter(|cell| cell.state.is_warm());
    for_each(warm, |cell| {
        let answer = cell.call().decided();
        // What it is to know.
        let is_expected = matches!((cell.state, answer.status), (State::Warm, 200) | (_, 401));
        assert!(is_expected, "{answer}");
        None::<()>
    });
    thread::sleep(FORGOTTEN);
    cells.iter().for_each(|cell| cell.fail(lab));
    for_each(cells.iter(), |cell| {
        let fault = cell.fault_in(&cell.call().send())?;
        let (case, column) = ((cell.state, cell.fault), (cell.route, cell.expected));
        Some((fault, Cell::new(lab, cell.edge, case, column)))
    })
}
