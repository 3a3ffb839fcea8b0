//! Requests, and the questions and answers they cause.

use std::rc::Rc;

use keyward_shared::{
    guard::{Answer, Ask, Denial, GiveBack, Grant, SignedRecord},
    lease::GIVE_BACK_MS,
};

use crate::{
    host::GUARD,
    isolate::{Fate, PATIENCE_MS, Slot, Waiter},
    world::{Event, Sender, World},
};

impl World {
    pub(crate) fn slot(&mut self) -> Slot {
        let metered = self.setup.monthly.is_some();
        (
            self.chance.place(self.setup.keys),
            metered && self.chance.percent(80),
        )
    }

    /// How long a message takes, in milliseconds; none when it is lost.
    pub(crate) fn travel(&mut self) -> Option<u64> {
        if !self.setup.trouble {
            return Some(self.chance.between(2, 40));
        }
        match self.chance.below(100) {
            0..=2 => None,
            3..=9 => Some(self.chance.between(200, 6_000)),
            _ => Some(self.chance.between(1, 120)),
        }
    }

    pub(crate) fn burst(&mut self, isolate: usize) {
        let mut at = 0;
        let slot = self.slot();
        let pace = self.chance.between(0, 200);
        for _ in 0..self.chance.between(1, 40) {
            let waiter = Waiter {
                since: self.utc + at,
                client: None,
                only_looks: self.chance.percent(self.setup.looks),
            };
            self.after(
                at,
                Event::Request {
                    isolate,
                    slot,
                    waiter,
                },
            );
            at += self.chance.between(0, pace);
        }
        let silence = self.chance.between(1, self.setup.silence_ms);
        self.after(at + silence, Event::Burst { isolate });
    }

    pub(crate) fn request(&mut self, isolate: usize, slot: Slot, waiter: Waiter) {
        let now = self.isolates[isolate].now(self.utc);
        if !waiter.only_looks {
            let held = self.isolates[isolate].held(slot, self.term);
            held.holding.note_request(now);
        }
        if !self.try_request(isolate, slot, waiter) {
            self.isolates[isolate].held(slot, self.term).waiting.push(waiter);
            self.ask(isolate, slot);
        }
    }

    /// Whether it is decided.
    fn try_request(&mut self, isolate: usize, slot: Slot, waiter: Waiter) -> bool {
        match self.isolates[isolate].try_request(slot, self.term, self.utc, waiter.only_looks) {
            Fate::Admitted {
                revision,
                active,
                ask_soon,
            } => {
                self.witness.allowed(self.utc, slot.0, revision, active);
                if !waiter.only_looks {
                    self.witness.admitted(self.utc, slot.1);
                }
                if ask_soon {
                    self.ask(isolate, slot);
                }
            }
            Fate::Refused => {}
            Fate::Ask => return false,
        }
        self.client_goes_on(isolate, slot, waiter);
        true
    }

    fn client_goes_on(&mut self, isolate: usize, slot: Slot, waiter: Waiter) {
        if waiter.client.is_some() {
            let pause = self.chance.between(10, 60);
            let waiter = Waiter {
                since: self.utc + pause,
                ..waiter
            };
            self.after(
                pause,
                Event::Request {
                    isolate,
                    slot,
                    waiter,
                },
            );
        }
    }

    fn ask(&mut self, isolate: usize, slot: Slot) {
        let (utc, term) = (self.utc, self.term);
        let held = self.isolates[isolate].held(slot, term);
        // With single-use leases each request asks for itself; otherwise one question serves all.
        let enough = if term.is_single_use() {
            held.waiting.len()
        } else {
            1
        };
        if held.asked.len() >= enough {
            return;
        }
        // A cold isolate reads KV, which may be stale by any number of versions.
        if self.isolates[isolate].record(slot.0).is_none() {
            let found = self.lineage.any(slot.0, &mut self.chance);
            self.isolates[isolate].learn(slot.0, found);
        }
        let presented = self.isolates[isolate].record(slot.0).cloned();
        let at = self.isolates[isolate].now(utc);
        let generation = self.isolates[isolate].generation;
        let held = self.isolates[isolate].held(slot, term);
        held.asked.push(utc);
        let text = presented.as_ref().map(|signed| signed.text().to_owned());
        let meter = slot.1.then(|| "prediction".to_owned());
        let only_looks = !held.waiting.is_empty() && held.waiting.iter().all(|waiter| waiter.only_looks);
        let mut ask = held.holding.ask(self.lineage.hash(slot.0), meter, text, at);
        if only_looks {
            ask = ask.only_to_look();
        }
        let ask = Rc::new(ask);
        let from = Sender {
            isolate,
            generation,
            slot,
            at,
            utc,
        };
        if let Some(ms) = self.travel() {
            self.after(ms, Event::AskArrives { from, ask, presented });
        }
        self.after(PATIENCE_MS, Event::PatienceEnds { isolate, slot });
    }

    pub(crate) fn answer(&mut self, from: Sender, ask: Rc<Ask>, presented: Option<SignedRecord>) {
        let answer = self.host.operate(self.utc, &mut self.chance, |guard, now| {
            guard.acquire(GUARD, &ask, presented, now)
        });
        if let (Some(answer), Some(ms)) = (answer, self.travel()) {
            let revision = match &answer {
                Answer::Granted(grant) => grant.revision,
                Answer::Denied(denial) => denial.revision,
                other => panic!("{other:?}"),
            };
            self.witness.answered(self.utc, from.slot.0, revision);
            self.after(ms, Event::AnswerArrives { from, ask, answer });
        }
    }

    pub(crate) fn hear(&mut self, from: Sender, ask: &Ask, answer: &Answer) {
        let Sender { isolate, slot, .. } = from;
        if self.isolates[isolate].generation != from.generation {
            return;
        }
        let (Answer::Granted(Grant { record, .. }) | Answer::Denied(Denial { record, .. })) = answer else {
            return;
        };
        if let Some(text) = record {
            let news = self.lineage.verify(slot.0, text);
            self.isolates[isolate].learn(slot.0, news);
        }
        let held = self.isolates[isolate].held(slot, self.term);
        held.asked.retain(|asked| *asked != from.utc);
        let back = self.isolates[isolate].hear(slot, ask, from.at, answer, self.utc);
        self.send_back(back);
        self.serve_waiting(isolate, slot);
        self.give_back_in_time(from);
    }

    fn give_back_in_time(&mut self, from: Sender) {
        let isolate = &mut self.isolates[from.isolate];
        let now = isolate.now(self.utc);
        if !isolate.gives_back {
            return;
        }
        if let Some(ms) = isolate.held(from.slot, self.term).holding.ends_in_ms(now) {
            let due = ms.saturating_sub(GIVE_BACK_MS).max(1);
            self.after(due, Event::GiveBackDue { from });
        }
    }

    fn serve_waiting(&mut self, isolate: usize, slot: Slot) {
        let waiting = std::mem::take(&mut self.isolates[isolate].held(slot, self.term).waiting);
        // With single-use leases an answer is for one request, be it yes or no.
        let served = if self.term.is_single_use() {
            1
        } else {
            waiting.len()
        };
        for (place, waiter) in waiting.iter().enumerate() {
            if place == served {
                let held = self.isolates[isolate].held(slot, self.term);
                held.waiting.extend(&waiting[place..]);
                return;
            }
            if !self.try_request(isolate, slot, *waiter) {
                self.isolates[isolate]
                    .held(slot, self.term)
                    .waiting
                    .extend(&waiting[place..]);
                self.ask(isolate, slot);
                return;
            }
        }
    }

    pub(crate) fn lose_patience(&mut self, isolate: usize, slot: Slot) {
        let utc = self.utc;
        let held = self.isolates[isolate].held(slot, self.term);
        held.asked.retain(|asked| asked + PATIENCE_MS > utc);
        let all = std::mem::take(&mut held.waiting);
        let (gone, waits): (Vec<_>, Vec<_>) = all
            .into_iter()
            .partition(|waiter| waiter.since + PATIENCE_MS <= utc);
        let none_wait = waits.is_empty();
        held.waiting = waits;
        for waiter in gone {
            self.client_goes_on(isolate, slot, waiter);
        }
        if !none_wait {
            self.ask(isolate, slot);
        }
    }

    pub(crate) fn give_back(&mut self, from: Sender) {
        let isolate = &mut self.isolates[from.isolate];
        if isolate.generation == from.generation {
            let now = isolate.now(self.utc);
            let backs = isolate.held(from.slot, self.term).holding.give_back(now);
            for back in backs {
                self.send_back(back);
            }
            self.give_back_in_time(from);
        }
    }

    fn send_back(&mut self, back: Option<GiveBack>) {
        let Some(back) = back else { return };
        let copies = if self.setup.trouble && self.chance.percent(30) {
            3
        } else {
            1
        };
        for _ in 0..copies {
            if let Some(ms) = self.travel() {
                self.after(ms, Event::GiveBackArrives(back));
            }
        }
    }
}
