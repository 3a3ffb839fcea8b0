//! What the entry is to do with a request: the whole of a decision as one plain value. However a decision was reached, at once
//! or after others were asked, it ends in one of these.
//!
//! What is the same for many requests is a value of its own, made once ([`crate::ready`]) and handed over once; with each
//! request goes only what is its own.

use std::{any::Any, cell::OnceCell, fmt, rc::Rc};

use crate::{answer::Answer, forwarding::Way, refusal::Refused, request::RequestHead, request_id::RequestId};

/// What to do.
#[derive(Debug)]
pub enum Plan {
    /// Answer, and ask nobody else.
    Answer(Answer),
    /// Refuse the request of this id.
    Refuse(Rc<Refused>, RequestId),
    /// Send the request to its upstream, and hand on what that answers.
    Forward(Forward),
}

/// A request on its way to its upstream.
#[derive(Debug)]
pub struct Forward {
    /// All but the following.
    pub way: Rc<Way>,
    /// The request's id, for the upstream and the caller.
    pub request_id: RequestId,
    /// How the key stands towards its limits, for the caller; empty where it has none.
    pub limits: String,
    /// Path and query, exactly as they were sent.
    pub path: String,
}

impl Plan {
    /// Gives an answer of the Worker's own. To `HEAD` it has no body (RFC 9110 §9.3.2).
    pub fn answer(mut answer: Answer, head: &RequestHead) -> Self {
        if !head.wants_body() {
            answer.body.clear();
        }
        Self::Answer(answer)
    }
}

/// What the runtime has made of a value, kept with it.
#[derive(Default)]
pub struct HandedOver(OnceCell<Box<dyn Any>>);

impl HandedOver {
    /// Uses what was made of the value, now or earlier.
    pub fn with<T: 'static, R>(&self, make: impl Fn() -> T, used: impl FnOnce(&T) -> R) -> R {
        let made = self.0.get_or_init(|| Box::new(make()));
        match made.downcast_ref() {
            Some(made) => used(made),
            None => used(&make()),
        }
    }
}

impl fmt::Debug for HandedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HandedOver(…)")
    }
}
