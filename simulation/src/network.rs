//! What becomes of a message on its way.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::chance::Chance;

/// Between whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// From a control plane to the API of KV.
    KvApi,
    /// From an isolate to KV.
    KvRead,
    /// From a control plane to the Worker.
    Sync,
    /// From an isolate to an object.
    Guard,
    /// From an object to the queue, and from there to a control plane.
    Usage,
}

impl Link {
    /// Each of them.
    pub const ALL: [Self; 5] = [Self::KvApi, Self::KvRead, Self::Sync, Self::Guard, Self::Usage];
}

/// How a link is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weather {
    /// How many of a thousand messages are lost, on either way.
    pub lost: u64,
    /// How many of a thousand arrive twice.
    pub doubled: u64,
    /// The longest that a message takes one way, in milliseconds.
    pub slowest_ms: u64,
    /// Nothing arrives.
    pub is_cut: bool,
}

impl Weather {
    /// As on most days.
    pub const FAIR: Self = Self {
        lost: 0,
        doubled: 0,
        slowest_ms: 40,
        is_cut: false,
    };
}

/// What becomes of one message and its answer.
#[derive(Clone, Copy, Debug)]
pub struct Passage {
    /// How long it takes.
    pub there: Duration,
    /// How long its answer takes.
    pub back: Duration,
    /// It never arrives.
    pub is_lost: bool,
    /// Its answer never does.
    pub is_answer_lost: bool,
    /// It arrives once more, so much later.
    pub again: Option<Duration>,
}

/// All links.
#[derive(Debug)]
pub struct Network {
    chance: Chance,
    weather: Mutex<[Weather; Link::ALL.len()]>,
}

impl Network {
    /// A network in fair weather.
    pub fn new(chance: Chance) -> Self {
        Self {
            chance,
            weather: Mutex::new([Weather::FAIR; Link::ALL.len()]),
        }
    }

    /// From now on a link is like this.
    pub fn set(&self, link: Link, weather: Weather) {
        self.weather.lock().unwrap_or_else(PoisonError::into_inner)[link as usize] = weather;
    }

    /// All links are as on most days.
    pub fn clear(&self) {
        for link in Link::ALL {
            self.set(link, Weather::FAIR);
        }
    }

    /// What becomes of the next message.
    pub fn passage(&self, link: Link) -> Passage {
        let weather = self.weather.lock().unwrap_or_else(PoisonError::into_inner)[link as usize];
        let delay = || self.chance.between_ms(0, weather.slowest_ms);
        Passage {
            there: delay(),
            back: delay(),
            is_lost: weather.is_cut || self.chance.per_mille(weather.lost),
            is_answer_lost: self.chance.per_mille(weather.lost),
            again: self.chance.per_mille(weather.doubled).then(delay),
        }
    }

    /// What else chance decides on the way.
    pub const fn chance(&self) -> &Chance {
        &self.chance
    }
}
