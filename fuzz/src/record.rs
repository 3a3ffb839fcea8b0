//! Records in KV: nothing is believed that is not signed for this key and this deployment, and what is signed is read back.

use keyward_shared::{KeyHash, Record, record};

use crate::{pieces, ring};

const DEPLOYMENT: &str = "main";

pub(crate) fn run(data: &[u8]) {
    let hash = KeyHash::of("hk_live_x");
    let verify = |value: &str| record::verify(value, &ring(1), DEPLOYMENT, &hash);
    let [json, place] = pieces(data);
    if let Ok(value) = str::from_utf8(data) {
        assert!(verify(value).is_err(), "nobody signed {value:?}");
    }
    let Ok(record) = serde_json::from_slice::<Record>(json) else {
        return;
    };
    let Ok(signed) = record::sign(&record, &ring(1), DEPLOYMENT, &hash) else {
        return;
    };
    assert_eq!(verify(&signed).map(|verified| verified.record), Ok(record));
    let elsewhere = [
        record::verify(&signed, &ring(2), DEPLOYMENT, &hash),
        record::verify(&signed, &ring(1), "other", &hash),
        record::verify(&signed, &ring(1), DEPLOYMENT, &KeyHash::of("hk_live_y")),
    ];
    assert!(elsewhere.iter().all(Result::is_err), "{signed}");
    // One byte changed, wherever and however.
    let mut bytes = signed.clone().into_bytes();
    let at = place.iter().map(|byte| usize::from(*byte)).sum::<usize>() % bytes.len();
    bytes[at] ^= place.first().copied().unwrap_or_default() | 1;
    if let Ok(changed) = String::from_utf8(bytes) {
        assert!(verify(&changed).is_err(), "{changed}");
    }
}
