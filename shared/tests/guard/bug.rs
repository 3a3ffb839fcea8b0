//! Mistakes that the simulation has to notice. Each is made around the real code: in what the adapters do with it, or in
//! the rows that a guard finds when it starts.

use std::collections::BTreeMap;

use keyward_shared::{UnixMillis, month::Month};
use serde_json::{Value, json};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    /// A guard that starts knows no records: an old one passes for the highest.
    FenceForgotten,
    /// The publisher confirms as soon as the guard has answered.
    QuietIgnored,
    /// The isolate's lease begins when the answer arrives.
    LeaseFromAnswer,
    /// The isolate spends a lease with whatever record it has.
    RevisionIgnored,
    /// The isolate does not notice that its clock went back.
    ClockBackIgnored,
    /// A guard that starts takes the clock of another machine for the one that granted.
    RestartRuleForgotten,
    /// A bucket leaves the window a minute early.
    BucketFreedEarly,
    /// A lease that came back is credited again when the message is repeated.
    CreditedTwice,
    /// The answer leaves before its rows are stored.
    AnsweredBeforeStored,
    /// A lease counts in one month alone, however near the end of it.
    MonthsEndIgnored,
}

impl Bug {
    /// What the mistake makes of the rows that a guard finds. `mended` is the first minute whose bucket has not been
    /// tampered with yet.
    pub(crate) fn tamper(self, rows: &mut BTreeMap<String, String>, mended: &mut u64) {
        match self {
            Self::FenceForgotten => rows.retain(|name, _| !name.starts_with("record:")),
            Self::RestartRuleForgotten => change_ledger(rows, |ledger| {
                for fence in ledger["fences"].as_array_mut().unwrap() {
                    fence["latest"]["hold_ms"] = json!(0);
                    fence["older"]["hold_ms"] = json!(0);
                }
            }),
            Self::BucketFreedEarly => change_ledger(rows, |ledger| {
                let time = ledger["time"].as_u64().unwrap();
                for bucket in ledger["hour"].as_array_mut().unwrap() {
                    let minute = bucket[0].as_u64().unwrap();
                    if minute >= *mended {
                        bucket[0] = json!(minute - 1);
                    }
                }
                *mended = time / 60_000;
            }),
            Self::MonthsEndIgnored => change_ledger(rows, |ledger| {
                let month = Month::of(UnixMillis(ledger["time"].as_u64().unwrap()));
                let counts = ledger["meters"].as_array_mut().unwrap();
                counts.retain(|count| {
                    serde_json::from_value::<Month>(count["month"].clone()).unwrap() <= month
                });
            }),
            _ => {}
        }
    }
}

fn change_ledger(rows: &mut BTreeMap<String, String>, change: impl FnOnce(&mut Value)) {
    if let Some(row) = rows.get_mut("ledger") {
        let mut ledger = serde_json::from_str(row).unwrap();
        change(&mut ledger);
        *row = ledger.to_string();
    }
}

/// The leases out of one ledger put back into a later one.
pub(crate) fn revive_leases(rows: &mut BTreeMap<String, String>, earlier: Option<&String>) {
    let Some(earlier) = earlier else { return };
    let mut earlier: Value = serde_json::from_str(earlier).unwrap();
    change_ledger(rows, |ledger| {
        for fence in ledger["fences"].as_array_mut().unwrap() {
            let mut known = earlier["fences"].as_array_mut().unwrap().iter_mut();
            if let Some(known) = known.find(|known| known["key"] == fence["key"]) {
                fence["leases"] = known["leases"].take();
            }
        }
    });
}
