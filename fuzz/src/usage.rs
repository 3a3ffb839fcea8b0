//! Reports of usage: believed from their signer alone and about its deployment, and read back as they were written.

use keyward_edge::usage::Message;
use keyward_shared::{
    UnixMillis,
    usage::{self, Claim, MAX_KEYS, NONCE_BYTES, Report},
};

use crate::{pieces, ring};

const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

pub(crate) fn run(data: &[u8]) {
    let [header, body] = pieces(data);
    let verify = |header: &str, secret: u8| {
        let claim = Claim::read(header).ok()?;
        claim.verify(&ring(secret), NOW, body).ok()
    };
    if let Ok(header) = str::from_utf8(header) {
        assert!(verify(header, 1).is_none(), "nobody signed {header:?}");
    }
    let signed = usage::sign(&ring(1), "main", NOW, &[7; NONCE_BYTES], body);
    assert_eq!(Claim::read(&signed).map(|claim| claim.deployment()), Ok("main"));
    assert!(verify(&signed, 2).is_none() && verify(&signed.replacen("main", "other", 1), 1).is_none());
    let read = serde_json::from_slice::<Report>(body);
    let within = read.ok().filter(|report| report.keys.len() <= MAX_KEYS);
    assert_eq!(verify(&signed, 1), within);
    if let Some(report) = within {
        let written = serde_json::to_vec(&report).unwrap_or_default();
        assert_eq!(serde_json::from_slice::<Report>(&written).ok(), Some(report));
    }
    if let Ok(message) = serde_json::from_slice::<Message>(body) {
        let written = serde_json::to_vec(&message).unwrap_or_default();
        assert_eq!(serde_json::from_slice::<Message>(&written).ok(), Some(message));
    }
}
