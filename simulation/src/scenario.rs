//! What happens in a run: how it is set up, and its steps, drawn from a seed before anything begins. So a step can be left out
//! and the others stay what they are.

use crate::{
    chance::Chance,
    network::{Link, Weather},
};

/// Noon of a day in the middle of its month, in milliseconds since 1970.
const NOON_MS: u64 = 1_800_014_400_000;
/// The end of that month, UTC.
const MONTHS_END_MS: u64 = 1_801_440_000_000;

/// How a run is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setup {
    /// When it begins, in milliseconds since 1970.
    pub begins_at_ms: u64,
    /// How many control planes share the database.
    pub processes: usize,
    /// How many isolates there are at a time.
    pub isolates: usize,
    /// In how many places.
    pub places: usize,
    /// How long leases last.
    pub lease_seconds: u32,
    /// Whether some routes go on with what they know in an outage.
    pub has_outage_routes: bool,
    /// Whether some route decides on KV alone.
    pub has_fast_routes: bool,
    /// Whether hours pass, or minutes.
    pub takes_hours: bool,
    /// Whether there are hundreds of keys in a group.
    pub has_many_keys: bool,
}

/// Something that happens. Indices are taken modulo how many there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Requests arrive at an isolate.
    Requests {
        /// At which.
        isolate: u64,
        /// With which key.
        key: u64,
        /// On which route.
        route: u64,
        /// How many at once.
        count: u64,
    },
    /// Somebody asks a control plane for a change.
    Change {
        /// Which control plane.
        process: usize,
        /// Of which key, or group.
        key: u64,
        /// For what.
        wish: Wish,
    },
    /// Two control planes are asked for changes of one key, one shortly after the other, while the way to KV is slow.
    Both {
        /// Which key.
        key: u64,
        /// How long the second one is asked after the first, in milliseconds.
        apart_ms: u64,
    },
    /// A key is in use at an isolate all the time, while a right is taken from it.
    Race {
        /// Which control plane is asked.
        process: usize,
        /// At which isolate.
        isolate: u64,
        /// Which key.
        key: u64,
        /// What is asked for.
        wish: Wish,
    },
    /// Somebody of another organization asks about a key.
    Stranger {
        /// Which control plane.
        process: usize,
        /// About which key.
        key: u64,
    },
    /// An isolate ends, and another one begins.
    IsolateDies(u64),
    /// An object goes on elsewhere.
    ObjectMoves(u64),
    /// All objects do.
    AllObjectsMove,
    /// A control plane is killed.
    Kill(usize),
    /// A control plane is started.
    Start(usize),
    /// A link gets better or worse.
    Weather(Link, Weather),
    /// KV gets better or worse: how late its reads are, and how many of a thousand writes are refused, done in part, or late.
    /// The first everywhere, or at one place.
    Kv([u64; 4], Option<u64>),
    /// The clock of an isolate is set, to so many milliseconds off.
    IsolateClock(u64, i64),
    /// The clock of a control plane is.
    ProcessClock(usize, i64),
    /// The next stage in replacing the secrets that sign records and sync, and make tags.
    ReplaceSecret,
    /// A control plane compares everything.
    Reconcile(usize),
    /// The database is copied.
    BackUp,
    /// A copy takes the place of the database.
    Restore(u64),
}

/// A change that somebody wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// A new key, with limits per hour and month, in groups or not.
    Create {
        /// Per hour.
        hourly: u64,
        /// Per month; 0 is none.
        monthly: u64,
        /// Whether a group gives it its scope.
        is_grouped: bool,
    },
    /// Its end.
    Revoke,
    /// Its end for a while.
    Deactivate,
    /// The end of that.
    Activate,
    /// A new text, with a grace period of so many seconds for the old one.
    Rotate(u64),
    /// The scope that routes ask for, or none.
    Scope(bool),
    /// An expiry so many seconds from now.
    Expire(u64),
    /// The scope of a group, or none.
    GroupScope(bool),
    /// The same request to create a key, sent again.
    CreateAgain,
    /// The end of all keys of a group.
    RevokeGroup,
    /// The end of all keys of the organization.
    RevokeAll,
    /// The organization's keys open nothing.
    Suspend,
    /// They do again.
    Resume,
}

/// A step: a pause, in milliseconds, and then something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// How long nothing new happens before it.
    pub after_ms: u64,
    /// What happens.
    pub event: Event,
}

/// A run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// What chance goes on from.
    pub seed: u64,
    /// How it is set up.
    pub setup: Setup,
    /// What happens.
    pub steps: Vec<Step>,
}

impl Scenario {
    /// The run of a seed, with so many steps.
    pub fn of(seed: u64, steps: usize) -> Self {
        let chance = Chance::of(seed, 1);
        let setup = Setup::of(&chance);
        let steps = (0..steps).map(|_| Step::of(&chance, &setup)).collect();
        Self { seed, setup, steps }
    }
}

impl Setup {
    fn of(chance: &Chance) -> Self {
        let takes_hours = chance.per_mille(250);
        let ends_month = chance.per_mille(200);
        let before_ms = if takes_hours { 9 * 3_600_000 } else { 240_000 };
        Self {
            begins_at_ms: if ends_month {
                MONTHS_END_MS - before_ms + chance.below(60_000)
            } else {
                NOON_MS + chance.below(3_600_000)
            },
            processes: chance.pick(&[1, 1, 2]),
            isolates: chance.pick(&[2, 3, 4]),
            places: chance.pick(&[1, 2, 3]),
            lease_seconds: chance.pick(&[0, 1, 2, 2, 2, 5]),
            has_outage_routes: chance.per_mille(250),
            has_fast_routes: chance.per_mille(250),
            takes_hours,
            has_many_keys: chance.per_mille(20),
        }
    }
}

impl Step {
    fn of(chance: &Chance, setup: &Setup) -> Self {
        let after_ms = match (chance.below(100), setup.takes_hours) {
            (0..=1, true) => chance.between_ms(600_000, 3_900_000),
            (0..=1, false) => chance.between_ms(20_000, 70_000),
            (2..=6, _) => chance.between_ms(3_000, 20_000),
            (7..=29, _) => chance.between_ms(300, 3_000),
            _ => chance.between_ms(0, 300),
        };
        Self {
            after_ms: u64::try_from(after_ms.as_millis()).unwrap_or(0),
            event: Event::of(chance, setup),
        }
    }
}

impl Event {
    fn of(chance: &Chance, setup: &Setup) -> Self {
        let process = chance.index(setup.processes);
        let (key, any) = (chance.next() >> 32, chance.next() >> 32);
        match chance.below(1000) {
            0..=14 if setup.processes > 1 => Self::Both {
                key,
                apart_ms: chance.pick(&[200, 700, 1500, 3000]),
            },
            0..=29 => Self::Race {
                process,
                isolate: any,
                key,
                wish: chance.pick(&[
                    Wish::Revoke,
                    Wish::Deactivate,
                    Wish::Scope(false),
                    Wish::Rotate(0),
                ]),
            },
            30..=549 => Self::Requests {
                isolate: any,
                key,
                route: chance.below(8),
                count: chance.pick(&[1, 1, 1, 2, 3, 8]),
            },
            550..=769 => Self::Change {
                process,
                key,
                wish: Wish::of(chance),
            },
            770..=784 => Self::Stranger { process, key },
            785..=804 => Self::IsolateDies(any),
            805..=834 => Self::ObjectMoves(any),
            835..=839 => Self::AllObjectsMove,
            840..=864 => Self::Kill(process),
            865..=899 => Self::Start(process),
            900..=934 => Self::Weather(chance.pick(&Link::ALL), weather(chance)),
            935..=959 => Self::Kv(kv(chance), chance.per_mille(500).then(|| chance.next())),
            960..=969 => Self::IsolateClock(any, skew(chance)),
            970..=974 => Self::ProcessClock(process, skew(chance)),
            975..=984 => Self::ReplaceSecret,
            985..=989 => Self::Reconcile(process),
            990..=994 => Self::BackUp,
            995 | 996 => Self::Restore(any),
            _ => Self::Start(process),
        }
    }
}

impl Wish {
    fn of(chance: &Chance) -> Self {
        match chance.below(1000) {
            0..=6 => return Self::RevokeGroup,
            7..=9 => return Self::RevokeAll,
            10..=19 => return Self::Suspend,
            20..=49 => return Self::Resume,
            _ => {}
        }
        match chance.below(100) {
            0..=19 => Self::Create {
                hourly: chance.pick(&[6, 20, 20, 60, 5000]),
                monthly: chance.pick(&[0, 0, 8, 30]),
                is_grouped: chance.per_mille(400),
            },
            20..=27 => Self::Revoke,
            28..=42 => Self::Deactivate,
            43..=60 => Self::Activate,
            61..=68 => Self::Rotate(chance.pick(&[0, 0, 5, 60])),
            69..=78 => Self::Scope(chance.per_mille(500)),
            79..=84 => Self::Expire(chance.pick(&[2, 5, 20, 90])),
            85..=96 => Self::GroupScope(chance.per_mille(500)),
            _ => Self::CreateAgain,
        }
    }
}

fn weather(chance: &Chance) -> Weather {
    if chance.per_mille(400) {
        return Weather::FAIR;
    }
    Weather {
        lost: chance.pick(&[0, 50, 200, 500]),
        doubled: chance.pick(&[0, 100, 300]),
        slowest_ms: chance.pick(&[40, 400, 1500, 5000]),
        is_cut: chance.per_mille(150),
    }
}

fn kv(chance: &Chance) -> [u64; 4] {
    if chance.per_mille(300) {
        return [0; 4];
    }
    [
        chance.pick(&[0, 5_000, 60_000, 180_000]),
        chance.pick(&[0, 0, 100, 400]),
        chance.pick(&[0, 0, 200]),
        chance.pick(&[0, 100, 400]),
    ]
}

/// Within what is assumed of clocks.
fn skew(chance: &Chance) -> i64 {
    if chance.per_mille(400) {
        return 0;
    }
    i64::try_from(chance.below(2 * 9_900)).unwrap_or(0) - 9_900
}
