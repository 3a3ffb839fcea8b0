//! A control plane of the tests: it believes what is signed for it, and keeps the greatest.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
};

use keyward_edge::usage::consume::PostError;
use keyward_shared::{
    SecretRing, UnixMillis,
    month::Month,
    usage::{Claim, MAX_BODY_BYTES, RefusalBatch, Report},
};

/// What it knows of a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) last_used_at: UnixMillis,
    /// By hours since 1970.
    pub(crate) hours: BTreeMap<u64, u64>,
    pub(crate) metered: BTreeMap<(String, Month), u64>,
}

impl Known {
    pub(crate) fn requests(&self) -> u64 {
        self.hours.values().sum()
    }
}

#[derive(Debug, Default)]
pub(crate) struct ControlPlane {
    pub(crate) keys: RefCell<BTreeMap<String, Known>>,
    /// Batches of refusals, by their ids.
    pub(crate) refusals: RefCell<BTreeMap<String, RefusalBatch>>,
    /// The keys of each report that it took.
    pub(crate) reports: RefCell<Vec<usize>>,
    /// What it answers instead of taking a report.
    pub(crate) trouble: RefCell<Option<PostError>>,
    /// It takes no report that names one of these.
    pub(crate) refuses: RefCell<BTreeSet<String>>,
    /// It takes the next reports, this many, and the answer is lost.
    pub(crate) silent: Cell<u32>,
}

impl ControlPlane {
    pub(crate) fn known(&self, key_id: &str) -> Known {
        self.keys.borrow().get(key_id).cloned().unwrap_or_default()
    }

    pub(crate) fn take(
        &self,
        ring: &SecretRing,
        now: UnixMillis,
        header: &str,
        body: &str,
    ) -> Result<(), PostError> {
        if let Some(trouble) = self.trouble.borrow().clone() {
            return Err(trouble);
        }
        let claim = Claim::read(header).unwrap();
        assert_eq!(claim.deployment(), "main");
        assert!(body.len() <= MAX_BODY_BYTES, "{} bytes", body.len());
        let report = claim.verify(ring, now, body.as_bytes()).unwrap();
        let refuses = self.refuses.borrow();
        if report.keys.iter().any(|key| refuses.contains(&key.key_id)) {
            return Err(PostError::Status(500));
        }
        self.reports.borrow_mut().push(report.keys.len());
        self.keep(report);
        if self.silent.get() > 0 {
            self.silent.set(self.silent.get() - 1);
            return Err(PostError::Timeout(1));
        }
        Ok(())
    }

    fn keep(&self, report: Report) {
        for batch in report.refusals {
            let known = self.refusals.borrow_mut().insert(batch.id.clone(), batch.clone());
            assert!(
                known.is_none_or(|known| known == batch),
                "two batches have one id"
            );
        }
        let mut keys = self.keys.borrow_mut();
        for usage in report.keys {
            let known = keys.entry(usage.key_id).or_default();
            known.last_used_at = known.last_used_at.max(usage.last_used_at);
            for (hour, requests) in usage.hours {
                let kept = known.hours.entry(hour).or_default();
                *kept = requests.max(*kept);
            }
            for count in usage.metered {
                let kept = known.metered.entry((count.meter, count.month)).or_default();
                *kept = count.requests.max(*kept);
            }
        }
    }
}
