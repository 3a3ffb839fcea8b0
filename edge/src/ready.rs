//! Parts of plans that are ready: the ways of requests that are told the same, and refusals that are the same for everyone.
//!
//! What an origin is told of a caller changes with the lease, by the assertion in it; until then a request only copies it.

use std::{fmt, rc::Rc};

use keyward_shared::{DenyReason, guard::SignedRecord};

use crate::{
    deployment::Deployment,
    forwarding::{Way, has_body},
    generations::Generations,
    grant::{Caller, Grant},
    limits,
    refusal::{Refusal, Refused},
    request::RequestHead,
};

/// How many ways are kept: each takes about 4 KB, most of it in the script's memory.
pub const CAPACITY: usize = 2000;

/// The ready parts of an isolate.
pub struct Ready {
    ways: Generations<Place, Rc<ReadyWay>>,
    refusals: Vec<ReadyRefusal>,
}

/// The addresses of a record, or 0 without one, and of a route in the table. What is found there holds the record, so no other
/// can have come to that address.
type Place = (usize, usize);

/// A way, and what it was made of besides the route.
struct ReadyWay {
    record: Option<Rc<SignedRecord>>,
    assertion: Option<Rc<str>>,
    quotas: limits::Quotas,
    /// Where browsers are told something, it depends on it.
    origin: Option<String>,
    way: Rc<Way>,
}

/// A refusal, and what its answer was made of.
struct ReadyRefusal {
    reason: DenyReason,
    wants_body: bool,
    answer: Rc<Refused>,
}

impl Default for Ready {
    fn default() -> Self {
        Self {
            ways: Generations::with_capacity(CAPACITY, |_| 1),
            refusals: Vec::new(),
        }
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ready(…)")
    }
}

impl Ready {
    /// The way of a request that may pass. None when the route names no upstream, which a checked table never does.
    pub fn way(
        &mut self,
        deployment: &Deployment,
        grant: &Grant<'_>,
        head: &RequestHead,
        assertion: Option<&Rc<str>>,
    ) -> Option<Rc<Way>> {
        let record = match &grant.caller {
            Caller::Known(record) => Some(record),
            Caller::Anyone | Caller::Unknown => None,
        };
        let place = (
            record.map_or(0, |record| Rc::as_ptr(record).addr()),
            std::ptr::from_ref(grant.route).addr(),
        );
        let quotas = limits::quotas(&grant.standing);
        let origin = grant.route.cors.as_ref().and(head.origin.as_deref());
        let is_good = |ready: &Rc<ReadyWay>| {
            ready.way.has_body == has_body(head)
                && ready.quotas == quotas
                && ready.origin.as_deref() == origin
                && is_same(ready.assertion.as_ref(), assertion)
        };
        if let Some(ready) = self.ways.recall(&place).filter(is_good) {
            return Some(Rc::clone(&ready.way));
        }
        let text = assertion.map(AsRef::as_ref);
        let way = Rc::new(Way::new(deployment, grant, head, text)?);
        let ready = ReadyWay {
            record: record.cloned(),
            assertion: assertion.cloned(),
            quotas,
            origin: origin.map(str::to_owned),
            way: Rc::clone(&way),
        };
        self.ways.keep(place, Rc::new(ready));
        Some(way)
    }

    /// The answer to a refused request.
    pub fn refused(
        &mut self,
        deployment: &Deployment,
        refusal: &Refusal<'_>,
        head: &RequestHead,
    ) -> Rc<Refused> {
        let make = || Rc::new(refusal.answer(&deployment.realm, head));
        if !refusal.is_common() {
            return make();
        }
        let wants_body = head.wants_body();
        let is_it = |ready: &&ReadyRefusal| ready.reason == refusal.reason && ready.wants_body == wants_body;
        if let Some(ready) = self.refusals.iter().find(is_it) {
            return Rc::clone(&ready.answer);
        }
        let answer = make();
        self.refusals.push(ReadyRefusal {
            reason: refusal.reason,
            wants_body,
            answer: Rc::clone(&answer),
        });
        answer
    }
}

impl fmt::Debug for ReadyWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key_id = self.record.as_ref().map(|record| &record.record().key_id);
        write!(f, "ReadyWay({key_id:?}, …)")
    }
}

fn is_same(one: Option<&Rc<str>>, other: Option<&Rc<str>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Rc::ptr_eq(one, other),
        (None, None) => true,
        _ => false,
    }
}
