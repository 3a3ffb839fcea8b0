//! A request that may pass, and what the origin is told of its caller.

use std::rc::Rc;

use keyward_shared::{
    forward::{identity, identity_headers},
    guard::{SignedRecord, Standing},
    route::{Access, Route},
};

use crate::{clock::UnixMillis, deployment::Deployment};

/// Leave for one request, this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant<'d> {
    /// The route it takes.
    pub route: &'d Route,
    /// Who asks.
    pub caller: Caller,
    /// How its key stands towards its limits, as far as is known here.
    pub standing: Standing,
    /// When the lease ends that it was spent from. None where no lease was: on a public route, a fast one, or in an outage.
    pub lease_ends_at: Option<UnixMillis>,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Anyone: the route is public.
    Anyone,
    /// The holder of this record's key.
    Known(Rc<SignedRecord>),
    /// The holder of some key of ours, on a route that stays open while records cannot be read.
    Unknown,
}

impl Grant<'_> {
    /// The headers that tell the origin who calls, besides the request's id. Only what is known is there: no key id means no known key.
    pub fn identity(&self, deployment: &Deployment, assertion: Option<&str>) -> Vec<(&'static str, String)> {
        let environment = deployment.environment.as_str();
        let mut headers = match (&self.caller, &self.route.access) {
            (Caller::Known(signed), Access::Key { service, .. }) => {
                identity_headers(signed.record(), service, environment).to_vec()
            }
            (Caller::Unknown, Access::Key { service, .. }) => vec![
                (identity::SERVICE, service.clone()),
                (identity::ENVIRONMENT, environment.to_owned()),
            ],
            (Caller::Anyone, _) | (_, Access::Public) => {
                vec![(identity::ENVIRONMENT, environment.to_owned())]
            }
        };
        headers.extend(assertion.map(|assertion| (identity::ASSERTION, assertion.to_owned())));
        headers
    }
}
