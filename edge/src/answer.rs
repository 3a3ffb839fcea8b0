//! Answers that the Worker gives itself, as plain values.

use serde::Serialize;

use crate::{
    deployment::{Deployment, SettingError},
    request_id::RequestId,
};

/// The address of the health report.
pub const HEALTH_PATH: &str = "/.keyward/health";

/// A whole answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers, each name once.
    pub headers: Vec<(&'static str, String)>,
    /// The body; empty for none.
    pub body: String,
}

impl Answer {
    /// An answer without a body.
    pub fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: String::new(),
        }
    }

    /// JSON that nobody stores: each of these answers is about this moment.
    pub fn json(status: u16, media_type: &str, body: &impl Serialize) -> Self {
        Self {
            status,
            headers: vec![
                ("Content-Type", media_type.to_owned()),
                ("Cache-Control", "no-store".to_owned()),
            ],
            // Names, numbers and text: nothing in these documents can fail to serialise.
            body: serde_json::to_string(body).unwrap_or_default(),
        }
    }
}

/// What a problem document (RFC 9457) says.
#[derive(Clone, Copy, Debug)]
pub struct Problem<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The stable name for programs.
    pub code: &'a str,
    /// A few words, the same for every occurrence.
    pub title: &'a str,
    /// A sentence: what was wrong, and what to do.
    pub detail: &'a str,
}

#[derive(Serialize)]
struct ProblemDocument<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    code: &'a str,
    request_id: String,
}

impl Problem<'_> {
    /// The document as an answer.
    pub fn answer(&self, request_id: RequestId) -> Answer {
        self.answer_naming(request_id.to_string())
    }

    /// The same for any request: the answer without a body, and the two halves of the body, between which the id of a request
    /// makes them whole.
    pub fn answer_to_any(&self) -> (Answer, (String, String)) {
        let mut answer = self.answer_naming(String::new());
        let mut body = std::mem::take(&mut answer.body);
        // The id is the last field, and ends with a quote and a brace.
        let rest = body.split_off(body.len().saturating_sub(2));
        (answer, (body, rest))
    }

    fn answer_naming(&self, request_id: String) -> Answer {
        let document = ProblemDocument {
            r#type: format!("urn:keyward:problem:{}", self.code),
            title: self.title,
            status: self.status,
            detail: self.detail,
            code: self.code,
            request_id,
        };
        Answer::json(self.status, "application/problem+json", &document)
    }
}

#[derive(Serialize)]
struct Health<'a> {
    status: &'static str,
    deployment: &'a str,
    environment: &'static str,
    version: &'static str,
}

/// The health of a Worker that serves.
pub fn healthy(deployment: &Deployment) -> Answer {
    let health = Health {
        status: "ok",
        deployment: &deployment.id,
        environment: deployment.environment.as_str(),
        version: env!("CARGO_PKG_VERSION"),
    };
    Answer::json(200, "application/json", &health)
}

#[derive(Serialize)]
struct Misconfigured {
    status: &'static str,
    detail: String,
}

/// The health of a Worker that cannot serve until a setting is put right.
pub fn misconfigured(error: &SettingError) -> Answer {
    let health = Misconfigured {
        status: "misconfigured",
        detail: error.to_string(),
    };
    Answer::json(503, "application/json", &health)
}
