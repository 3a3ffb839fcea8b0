//! What the control plane tells in one call: a guard that keeps silent holds up none of the others.

use keyward_shared::sync::{Batch, Entry, MAX_RECORDS, Outcome};

use crate::{
    clock::Stopwatch,
    stage::{
        LabKey,
        lab::{self, Answering},
    },
};

cases![a_silent_guard_holds_up_no_other];

/// Where the silent ones are in the batch: were each waited for before the next is asked, it would take three times two seconds.
const SILENT: [usize; 3] = [0, 5, 10];
const ONE_AFTER_THE_OTHER: f64 = 6.0;
/// A busy machine may make guards late that are not silent.
const TRIES: usize = 5;

fn a_silent_guard_holds_up_no_other() {
    let lab = lab::shared();
    let edge = &lab.under_test[0];
    let mut told = Vec::new();
    for _ in 0..TRIES {
        let keys: Vec<_> = (0..MAX_RECORDS).map(|_| LabKey::new(lab)).collect();
        for place in SILENT {
            keys[place].guards_answer(Answering::Silent);
        }
        let records = keys.iter().map(|key| Entry {
            name: key.kv_name(),
            value: key.signed(),
        });
        let batch = Batch {
            records: records.collect(),
        };
        let watch = Stopwatch::start();
        let results = lab.tell(edge, &batch).results;
        let took = watch.elapsed().as_secs_f64();
        assert_eq!(results.len(), keys.len());
        for place in SILENT {
            assert!(matches!(&results[place], Outcome::Failed { error } if error.contains("within")));
        }
        let adopted = results
            .iter()
            .filter(|outcome| matches!(outcome, Outcome::Adopted { .. }));
        let adopted = adopted.count();
        if adopted == keys.len() - SILENT.len() && took < ONE_AFTER_THE_OTHER {
            eprintln!(
                "{adopted} records beside {} silent guards: {took:.1} s",
                SILENT.len()
            );
            return;
        }
        told.push((adopted, took));
    }
    panic!("adopted, and seconds: {told:?}");
}
