//! The control plane of a lab, as far as a test plays it: what it signs, and what it tells.

use std::path::Path;

use keyward_shared::{
    Brands, Environment, Family, KeyHash, KeyText, Record, SecretRing,
    record::{self, Status, Version},
    sync::{Batch, HEADER, NONCE_BYTES, PATH, Report, sign_question, verify_answer},
};
use xtask::secrets::Secrets;

use super::{DEPLOYMENT, ENVIRONMENT};
use crate::{
    actors::Edge,
    clock::{SystemEntropy, now_ms, random},
    evidence,
    stage::dev_stack,
};

/// Whoever has the secrets of a deployment.
#[derive(Debug)]
pub(super) struct Signer {
    pub(super) secrets: Secrets,
}

impl Signer {
    /// One with secrets of its own, which are kept in `folder`.
    pub(super) fn new(folder: &Path) -> Self {
        let file = folder.join("secrets.env");
        let secrets = Secrets::load_or_make(&file, xtask::secrets::system_randomness).unwrap();
        dev_stack::remember_secrets(&file);
        Self { secrets }
    }

    /// The names and texts of the secrets that its Workers have.
    pub(super) fn rings(&self) -> Vec<(String, &str)> {
        let own = [
            ("RECORD_SECRETS".to_owned(), &self.secrets.record_secrets),
            ("SYNC_SECRETS".to_owned(), &self.secrets.sync_secrets),
        ];
        let all = self.secrets.tag_secrets_by_name().chain(own);
        all.map(|(name, ring)| (name, ring.reveal())).collect()
    }

    /// A key with a good tag, of which nobody knows.
    pub(super) fn mint(&self) -> KeyText {
        let of_environment = xtask::secrets::FAMILIES
            .iter()
            .zip(&self.secrets.tag_secrets)
            .find(|(name, _)| **name == ENVIRONMENT.as_str());
        let (_, ring) = of_environment.unwrap();
        let ring: SecretRing = ring.reveal().parse().unwrap();
        let family = Family::Service(ENVIRONMENT);
        let (key, _) = KeyText::mint(&Brands::default(), family, &ring, &SystemEntropy);
        evidence::plant(key.expose());
        key
    }

    /// The value of a record, signed as the control plane signs it.
    pub(super) fn sign(&self, record: &Record, hash: &KeyHash) -> String {
        let ring: SecretRing = self.secrets.record_secrets.reveal().parse().unwrap();
        record::sign(record, &ring, DEPLOYMENT, hash).unwrap()
    }

    /// Tells guards of records, by way of a Worker.
    ///
    /// # Errors
    /// Its answer, if there was any, that is no report.
    pub(super) fn tell(&self, by_way_of: &Edge, batch: &Batch) -> Result<Report, String> {
        let ring: SecretRing = self.secrets.sync_secrets.reveal().parse().unwrap();
        let nonce = *random().first_chunk::<NONCE_BYTES>().unwrap();
        let body = serde_json::to_vec(batch).unwrap();
        let question = sign_question(&ring, DEPLOYMENT, now_ms(), &nonce, &body);
        let call = by_way_of.call("POST", PATH).header(HEADER, &question);
        let answer = call.try_send(Some(&body)).ok_or("no answer")?;
        if answer.status != 200 {
            return Err(answer.to_string());
        }
        let proof = answer
            .header(&HEADER.to_ascii_lowercase())
            .expect("a signed answer");
        Ok(verify_answer(proof, &ring, DEPLOYMENT, &nonce, &answer.body).unwrap())
    }
}

/// The record of a key that passes on the routes of the Worker under test.
pub(super) fn record_of(hash: &KeyHash) -> Record {
    Record {
        version: Version,
        revision: 1,
        key_id: format!("key-of-{hash}"),
        organization: "01900000-0000-7000-8000-000000000002".to_owned(),
        service: Some("lab".to_owned()),
        environment: Some(Environment::Production),
        status: Status::Active,
        scopes: vec!["read".to_owned()],
        allowed_ips: Vec::new(),
        expires_at: None,
        rate_limit_per_hour: None,
        monthly_limit: None,
        plan: "free".to_owned(),
        guard: format!("guard-of-{hash}"),
        home: None,
        in_grace: false,
    }
}
