//! Isolates, a guard, a publisher and a network, in virtual time.

use std::{collections::BTreeMap, rc::Rc};

use keyward_shared::{
    guard::{Adopted, Answer, Ask, GiveBack, SignedRecord},
    lease::{LeaseTerm, Moment},
};

use crate::{
    bug::Bug,
    chance::Chance,
    clock::Clock,
    host::Host,
    isolate::{Isolate, Slot, Waiter},
    records::Lineage,
    witness::Witness,
};

/// 2024-05-15T12:00:00Z.
pub(crate) const NOON: u64 = 1_715_774_400_000;

#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) seed: u64,
    pub(crate) isolates: usize,
    pub(crate) keys: usize,
    pub(crate) lease_seconds: u32,
    pub(crate) hourly: Option<u32>,
    pub(crate) monthly: Option<u64>,
    pub(crate) starts: u64,
    pub(crate) lasts_ms: u64,
    /// Whether messages get lost, slow or repeated, isolates end, and guards move.
    pub(crate) trouble: bool,
    /// How many of a hundred operations of a guard end in a crash.
    pub(crate) crashes: u64,
    /// The longest time between two moves of the guard to another machine, in milliseconds.
    pub(crate) moves_ms: u64,
    /// How many of a hundred isolates hold to the end what they do not spend, instead of giving it back.
    pub(crate) keeps: u64,
    /// How often a record changes, in milliseconds; 0: never.
    pub(crate) changes_ms: u64,
    /// The longest silence of an isolate between two bursts, in milliseconds.
    pub(crate) silence_ms: u64,
    /// How many of a hundred requests of a burst only look whether they would be admitted.
    pub(crate) looks: u64,
    /// How many clients send one request after the other, besides the bursts.
    pub(crate) clients: usize,
    pub(crate) bug: Option<Bug>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            seed: 0,
            isolates: 5,
            keys: 1,
            lease_seconds: 2,
            hourly: None,
            monthly: None,
            starts: NOON,
            lasts_ms: 60_000,
            trouble: true,
            crashes: 1,
            moves_ms: 300_000,
            keeps: 50,
            changes_ms: 0,
            silence_ms: 10_000,
            looks: 20,
            clients: 0,
            bug: None,
        }
    }
}

pub(crate) enum Event {
    Burst {
        isolate: usize,
    },
    Request {
        isolate: usize,
        slot: Slot,
        waiter: Waiter,
    },
    AskArrives {
        from: Sender,
        ask: Rc<Ask>,
        presented: Option<SignedRecord>,
    },
    AnswerArrives {
        from: Sender,
        ask: Rc<Ask>,
        answer: Answer,
    },
    PatienceEnds {
        isolate: usize,
        slot: Slot,
    },
    GiveBackDue {
        from: Sender,
    },
    GiveBackArrives(GiveBack),
    Restart,
    IsolateEnds,
    ClockGoesBack,
    Change,
    SyncArrives {
        key: usize,
        version: usize,
    },
    SyncAnswered {
        key: usize,
        adopted: Adopted,
    },
    Confirmed {
        key: usize,
        revision: u64,
    },
    Alarm,
}

/// Who asked, for what, and when.
#[derive(Clone, Copy)]
pub(crate) struct Sender {
    pub(crate) isolate: usize,
    pub(crate) generation: u64,
    pub(crate) slot: Slot,
    pub(crate) at: Moment,
    pub(crate) utc: u64,
}

pub(crate) struct World {
    pub(crate) setup: Setup,
    pub(crate) term: LeaseTerm,
    pub(crate) chance: Chance,
    pub(crate) utc: u64,
    events: BTreeMap<(u64, u64), Event>,
    count: u64,
    pub(crate) host: Host,
    pub(crate) isolates: Vec<Isolate>,
    pub(crate) lineage: Lineage,
    pub(crate) publisher: Clock,
    pub(crate) witness: Witness,
}

/// What a run has shown.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) faults: Vec<String>,
    pub(crate) admitted: u64,
    pub(crate) reported: u64,
    pub(crate) confirmations: u64,
    pub(crate) operations: u64,
}

pub(crate) fn run(setup: &Setup) -> Outcome {
    let mut world = World::new(setup.clone());
    world.go();
    world.witness.close();
    Outcome {
        reported: world.witness.reported_total(),
        faults: world.witness.faults,
        admitted: world.witness.admitted,
        confirmations: world.witness.confirmations,
        operations: world.host.operations,
    }
}

impl World {
    fn new(setup: Setup) -> Self {
        let mut chance = Chance::new(setup.seed);
        let term = LeaseTerm::new(setup.lease_seconds).unwrap();
        let host = Host::new(term, setup.bug, setup.crashes, &mut chance);
        let mut world = Self {
            lineage: Lineage::new(setup.keys, setup.hourly, setup.monthly),
            publisher: Clock::any(&mut chance),
            witness: Witness::new(setup.hourly.map(u64::from), setup.monthly),
            utc: setup.starts,
            events: BTreeMap::new(),
            count: 0,
            setup,
            term,
            chance,
            host,
            isolates: Vec::new(),
        };
        world.begin();
        world
    }

    fn isolate(&mut self, generation: u64) -> Isolate {
        let mut isolate = Isolate::new(generation, self.setup.bug, &mut self.chance);
        isolate.gives_back = !self.chance.percent(self.setup.keeps);
        isolate
    }

    fn begin(&mut self) {
        for isolate in 0..self.setup.isolates {
            let first = self.isolate(0);
            self.isolates.push(first);
            if self.setup.silence_ms > 0 {
                let within = self.chance.below(self.setup.silence_ms);
                self.after(within, Event::Burst { isolate });
            }
        }
        for client in 0..self.setup.clients {
            let isolate = client % self.setup.isolates;
            let slot = self.slot();
            self.after(
                0,
                Event::Request {
                    isolate,
                    slot,
                    waiter: Waiter {
                        since: self.utc,
                        client: Some(client),
                        only_looks: false,
                    },
                },
            );
        }
        if self.setup.changes_ms > 0 {
            self.after(self.setup.changes_ms, Event::Change);
        }
        if self.setup.trouble {
            self.after(self.setup.moves_ms / 2, Event::Restart);
            self.after(11_000, Event::IsolateEnds);
            self.after(5_000, Event::ClockGoesBack);
        }
        self.after(15_000, Event::Alarm);
    }

    pub(crate) fn after(&mut self, ms: u64, event: Event) {
        self.count += 1;
        self.events.insert((self.utc + ms, self.count), event);
    }

    fn go(&mut self) {
        let end = self.setup.starts + self.setup.lasts_ms;
        while let Some(((utc, _), event)) = self.events.pop_first() {
            if utc > end || !self.witness.faults.is_empty() {
                break;
            }
            self.utc = utc;
            self.happen(event);
        }
        // All leases have ended by now on every clock, so the last report is complete.
        self.utc = end + 60_000;
        while !self.report() {}
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Burst { isolate } => self.burst(isolate),
            Event::Request {
                isolate,
                slot,
                waiter,
            } => self.request(isolate, slot, waiter),
            Event::AskArrives { from, ask, presented } => self.answer(from, ask, presented),
            Event::AnswerArrives { from, ask, answer } => self.hear(from, &ask, &answer),
            Event::PatienceEnds { isolate, slot } => self.lose_patience(isolate, slot),
            Event::GiveBackDue { from } => self.give_back(from),
            Event::GiveBackArrives(back) => self.host.give_back(back, self.utc, &mut self.chance),
            Event::Restart => {
                self.host.restart(&mut self.chance);
                let next = self.chance.between(1, self.setup.moves_ms);
                self.after(next, Event::Restart);
            }
            Event::IsolateEnds => {
                let place = self.chance.place(self.isolates.len());
                let generation = self.isolates[place].generation + 1;
                self.isolates[place] = self.isolate(generation);
                let next = self.chance.between(1_000, 300_000);
                self.after(next, Event::IsolateEnds);
            }
            Event::ClockGoesBack => {
                let place = self.chance.place(self.isolates.len());
                let ms = self.chance.between(1, 5_000);
                // It is in use at that moment: only who looks at a clock before and after sees it go back.
                self.isolates[place].now(self.utc);
                self.isolates[place].clock.set_back(ms, self.utc);
                self.isolates[place].now(self.utc);
                let next = self.chance.between(100, 20_000);
                self.after(next, Event::ClockGoesBack);
            }
            Event::Change => self.change(),
            Event::SyncArrives { key, version } => self.sync(key, version),
            Event::SyncAnswered { key, adopted } => self.wait_for_quiet(key, adopted),
            Event::Confirmed { key, revision } => self.witness.confirmed(key, revision),
            Event::Alarm => {
                self.report();
                self.after(15_000, Event::Alarm);
            }
        }
    }
}
