//! What control plane and edge say to each other of changes: believed from its signer alone, and read back as it was written.

use keyward_shared::{
    UnixMillis,
    sync::{self, Batch, NONCE_BYTES, Report},
};

use crate::{pieces, ring};

const NOW: UnixMillis = UnixMillis(1_800_000_000_000);
const NONCE: [u8; NONCE_BYTES] = [7; NONCE_BYTES];

pub(crate) fn run(data: &[u8]) {
    let [header, body] = pieces(data);
    if let Ok(header) = str::from_utf8(header) {
        let question = sync::verify_question(header, &ring(1), "main", NOW, body);
        assert!(question.is_err(), "nobody signed {header:?}");
        assert!(sync::verify_answer(header, &ring(1), "main", &NONCE, body).is_err());
    }
    let question = sync::sign_question(&ring(1), "main", NOW, &NONCE, body);
    let verify = |header: &str, deployment: &str, body: &[u8]| {
        sync::verify_question(header, &ring(1), deployment, NOW, body)
    };
    assert_eq!(verify(&question, "main", body), Ok(NONCE));
    assert!(verify(&question, "other", body).is_err());
    assert!(verify(&question, "main", &[body, b"x"].concat()).is_err());
    let answer = sync::sign_answer(&ring(1), &question, "main", &NONCE, body);
    let Some(answer) = answer else {
        panic!("a question that was signed has an answer");
    };
    let read = sync::verify_answer(&answer, &ring(1), "main", &NONCE, body);
    assert_eq!(read.ok(), serde_json::from_slice::<Report>(body).ok());
    assert!(sync::verify_answer(&answer, &ring(1), "main", &[8; NONCE_BYTES], body).is_err());
    assert!(verify(&answer, "main", body).is_err(), "an answer is no question");
    if let Ok(batch) = serde_json::from_slice::<Batch>(body) {
        let written = serde_json::to_vec(&batch).unwrap_or_default();
        assert_eq!(serde_json::from_slice::<Batch>(&written).ok(), Some(batch));
    }
}
