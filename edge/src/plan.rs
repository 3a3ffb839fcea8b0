//! What the entry is to do with a request: the whole of a decision as one plain value, which crosses to the script once.
//! However a decision was reached, at once or after others were asked, it ends in one of these.

use serde::Serialize;

use crate::{
    answer::Answer,
    cors,
    deployment::Deployment,
    forwarding::{Forward, Passage},
    grant::Grant,
    refusal::Refusal,
    request::RequestHead,
    request_id::RequestId,
};

/// What to do.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Plan {
    /// Answer, and ask nobody else.
    Answer(Answer),
    /// Send the request to its upstream, and hand on what that answers.
    Forward(Box<Forward>),
}

impl Plan {
    /// Gives an answer of the Worker's own. To `HEAD` it has no body (RFC 9110 §9.3.2).
    pub fn answer(mut answer: Answer, head: &RequestHead) -> Self {
        if !head.wants_body() {
            answer.body.clear();
        }
        Self::Answer(answer)
    }

    /// Refuses. Scripts of other origins may read it where the route's rule lets them.
    pub fn refuse(
        deployment: &Deployment,
        refusal: &Refusal<'_>,
        head: &RequestHead,
        request_id: RequestId,
    ) -> Self {
        let mut answer = refusal.answer(&deployment.realm, request_id);
        if let Some(cors) = refusal.route.and_then(|route| route.cors.as_ref()) {
            let origin = head.origin.as_deref();
            answer.headers.extend(cors::headers(cors, origin));
        }
        Self::answer(answer, head)
    }

    /// Lets it pass. None when the route names no upstream, which a checked table never does.
    pub fn forward(
        deployment: &Deployment,
        grant: &Grant<'_>,
        head: &RequestHead,
        passage: &Passage,
        assertion: Option<&str>,
        request_id: RequestId,
    ) -> Option<Self> {
        let forward = Forward::new(deployment, grant, head, passage, assertion, request_id)?;
        Some(Self::Forward(Box::new(forward)))
    }
}
