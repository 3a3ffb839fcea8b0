//! What a killed control plane was asked for, and what it has promised.

use serde_json::Value;

use super::world::{Gone, World};
use crate::actors::{Answer, NewKey, line::Outgoing};

/// What was acknowledged of a key.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) path: String,
    pub(super) shown: Value,
}

impl World {
    /// A change that has to be made. Its request is noted once it is acknowledged.
    #[track_caller]
    pub(super) fn change(
        &mut self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        status: u16,
    ) -> Result<Answer, Gone> {
        let answer = self.admin.attempt(method, path, body).ok_or(Gone)?;
        self.acknowledge(answer, status)
    }

    /// The same, under an `Idempotency-Key`.
    #[track_caller]
    pub(super) fn create_once(&mut self, once: &str, wish: &Value) -> Result<Answer, Gone> {
        self.unanswered = Some((once.to_owned(), wish.clone()));
        let answer = self.attempt_once(once, wish).ok_or(Gone)?;
        self.unanswered = None;
        self.acknowledge(answer, 201)
    }

    fn attempt_once(&self, once: &str, wish: &Value) -> Option<Answer> {
        let headers = [
            (
                "authorization".to_owned(),
                format!("Bearer {}", self.admin.token()),
            ),
            ("content-type".to_owned(), "application/json".to_owned()),
            ("idempotency-key".to_owned(), once.to_owned()),
        ];
        let request = Outgoing {
            method: "POST",
            path: "/api/v1/keys",
            headers: &headers,
        };
        let body = wish.to_string();
        self.admin.line().try_send(&request, Some(body.as_bytes())).ok()
    }

    #[track_caller]
    fn acknowledge(&mut self, answer: Answer, status: u16) -> Result<Answer, Gone> {
        let answer = answer.expect(status);
        if answer.header("idempotency-replayed").is_none() {
            let request = answer
                .header("keyward-request-id")
                .expect("an answer names its request");
            self.acknowledged.push(request.to_owned());
        }
        if status == 201 && answer.json().get("api_key").is_some() {
            NewKey::of(&answer);
        }
        Ok(answer)
    }

    /// What a key is now stays so until the next change.
    pub(super) fn note(&mut self, key: &str) -> Result<(), Gone> {
        let path = format!("/api/v1/keys/{key}");
        let shown = self.show(&path).ok_or(Gone)?;
        self.doubt(key);
        self.seen.push(Seen { path, shown });
        Ok(())
    }

    /// A change of a key is on its way: who knows what it is.
    pub(super) fn doubt(&mut self, key: &str) {
        self.seen.retain(|seen| !seen.path.ends_with(key));
    }

    pub(super) fn show(&self, path: &str) -> Option<Value> {
        let answer = self.admin.attempt("GET", path, None)?;
        let mut shown = answer.expect(200).json();
        // What the edge tells changes by itself.
        for field in ["edge", "last_used_at"] {
            shown.as_object_mut().unwrap().remove(field);
        }
        Some(shown)
    }
}
