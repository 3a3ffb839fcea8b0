//! What must hold of a control plane that was killed: right after it has started again, and once nothing waits any more.

use std::time::Duration;

use serde_json::json;

use super::{
    promises::Seen,
    world::{Gone, World},
};
use crate::clock::wait_for;

/// How long what waits may take to arrive: a claim of a killed process holds for a minute and a half on PostgreSQL.
const QUIET_WITHIN: Duration = Duration::from_secs(200);

impl World {
    /// After a start: nothing that was acknowledged is lost, nothing was done twice.
    pub(super) fn check(&mut self) -> Result<(), Gone> {
        for Seen { path, shown } in &self.seen {
            let now = self.show(path).ok_or(Gone)?;
            assert_eq!(&now, shown, "{path} is not what it was before the crash");
        }
        if let Some((once, wish)) = self.unanswered.clone() {
            // Whoever got no answer sends the request again; it is done once.
            let first = self.create_once(&once, &wish)?;
            let second = self.create_once(&once, &wish)?;
            assert_eq!(first.text(), second.text());
        }
        self.database.check();
        Ok(())
    }

    /// Waits until nothing waits any more.
    pub(super) fn rest(&self) -> Result<(), Gone> {
        let mut last = None;
        let quiet = wait_for(QUIET_WITHIN, || {
            let Some(answer) = self.admin.attempt("GET", "/api/v1/sync", None) else {
                return Some(Err(Gone));
            };
            let sync = answer.expect(200).json();
            let jobs = ["group_changes", "key_jobs"].map(|jobs| sync[jobs].as_array().map_or(1, Vec::len));
            let is_quiet = sync["waiting"] == 0 && sync["unconfirmed"] == 0 && jobs == [0, 0];
            last = Some(sync);
            is_quiet.then_some(Ok(()))
        });
        quiet.unwrap_or_else(|| panic!("it never comes to rest: {last:#?}"))
    }

    /// What must hold once nothing waits any more: the trail tells of every change once, and the edge has what the database has.
    /// The answer is how many keys that was.
    pub(super) fn check_at_rest(&mut self) -> usize {
        self.rest().expect("nobody kills it");
        self.check().expect("nobody kills it");
        self.check_trail();
        let keys = self.database.keys();
        for (hash, revision, status) in &keys {
            let name = hash.kv_name();
            let (record, at_guards) = self.beyond.has(&name);
            let record = record.unwrap_or_else(|| panic!("KV has nothing under {name}"));
            assert_eq!(record.revision, *revision, "{record:?}");
            assert!(
                at_guards.is_none_or(|at_guards| at_guards <= *revision),
                "guards have {at_guards:?}, the database {revision}"
            );
            let said = serde_json::to_value(record.status).unwrap();
            assert!(
                said == json!(status) || (status == "active" && said == json!("deactivated")),
                "{record:?}, {status}"
            );
        }
        let report = self
            .admin
            .ask("POST", "/api/v1/sync/reconcile", None)
            .expect(200)
            .json();
        let counts = report["deployments"][0].clone();
        for count in ["missing", "stale", "ahead", "foreign", "orphaned"] {
            assert_eq!(counts[count], 0, "{report:#}");
        }
        assert_eq!(self.beyond.faults(), Vec::<String>::new());
        keys.len()
    }

    fn check_trail(&self) {
        let verified = self.admin.get("/api/v1/audit/verify").expect(200).json();
        assert_eq!(verified["valid"], true, "{verified:#}");
        let events = self.admin.get("/api/v1/audit").expect(200).json();
        let events = events.as_array().unwrap();
        let mut told: Vec<_> = events
            .iter()
            .map(|event| {
                let text = |field: &str| event[field].to_string();
                (text("request_id"), text("action"), text("target"))
            })
            .filter(|(request, ..)| request != "\"\"")
            .collect();
        told.sort_unstable();
        for pair in told.windows(2) {
            assert_ne!(pair[0], pair[1], "a change has two events");
        }
        for request in &self.acknowledged {
            let request = json!(request).to_string();
            assert!(
                told.iter().any(|(told, ..)| *told == request),
                "no event tells of the acknowledged request {request}"
            );
        }
    }
}
