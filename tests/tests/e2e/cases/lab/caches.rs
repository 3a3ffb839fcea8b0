//! An answer to one key is never served from a cache to another: the credential that tells callers apart is gone before any
//! cache behind the edge, and every cache before it is told to keep out.

use std::collections::HashSet;

use crate::{
    actors::Answer,
    stage::{Lab, LabKey, lab, test_origin::CACHEABLE},
};

cases![
    every_key_gets_an_answer_of_its_own,
    a_route_may_leave_caching_to_its_upstream
];

fn keys(lab: &Lab) -> [LabKey<'_>; 2] {
    [(); 2].map(|()| {
        let key = LabKey::new(lab);
        key.publish();
        key
    })
}

fn get(lab: &Lab, key: &LabKey<'_>, route: &str) -> Answer {
    key.get(&lab.under_test[0], &format!("{route}/cacheable"))
        .admitted_when_decided()
}

fn every_key_gets_an_answer_of_its_own() {
    let lab = lab::shared();
    let keys = keys(lab);
    let mut seen = HashSet::new();
    for key in keys.iter().chain(&keys) {
        let answer = get(lab, key, "/closed");
        assert_eq!(
            answer.header("cache-control"),
            Some("private, max-age=600"),
            "{answer}"
        );
        for name in ["cdn-cache-control", "surrogate-control"] {
            assert_eq!(answer.header(name), None, "{answer}");
        }
        assert_eq!(
            answer.origin_saw("keyward-key-id").as_deref(),
            Some(key.record.key_id.as_str())
        );
        // What the runtime says to caches on the way to the origin.
        assert_eq!(
            answer.origin_saw("cache-control").as_deref(),
            Some("no-cache"),
            "{answer}"
        );
        assert_eq!(answer.origin_saw("authorization"), None, "{answer}");
        assert!(
            seen.insert(answer.origin_saw("keyward-request-id")),
            "an answer came twice: {answer}"
        );
    }
}

fn a_route_may_leave_caching_to_its_upstream() {
    let lab = lab::shared();
    let [key, _] = keys(lab);
    let answer = get(lab, &key, "/shared");
    assert_eq!(answer.header("cache-control"), Some(CACHEABLE));
    assert_eq!(answer.origin_saw("cache-control"), None, "{answer}");
}
