//! The checks that need nothing but the request: address, credential, tag, route. Most requests that end badly end here,
//! and cost no look-up.

use std::net::IpAddr;

use keyward_shared::{
    Cidr, DenyReason, Environment, Family, KeyHash, PresentedKey, RequestFacts,
    guard::Standing,
    inspect,
    route::{Access, Route, path::RequestPath},
    sync,
};

use crate::{
    answer::{self, Answer},
    assertion::{self, keys::jwks},
    cors,
    deployment::Deployment,
    grant::{Caller, Grant},
    misses::Client,
    refusal::Refusal,
    request::RequestHead,
    verify::{self, question::Question, secrets::Asker},
};

/// What the request alone decides.
#[derive(Debug)]
pub enum Screened<'d> {
    /// The Worker answers by itself.
    Answered(Answer),
    /// The control plane tells of changes.
    Sync,
    /// The control plane looks at how the Worker is set up.
    Inspect,
    /// Someone asks about a key.
    Verify,
    /// It may pass: the route asks for no key.
    Granted(Grant<'d>),
    /// It has a route, and a key with a genuine tag or one that may have been imported. The key's record decides.
    NeedsRecord(Candidate<'d>),
}

/// A request whose key may be genuine, before anyone looked at the key's record.
#[derive(Clone, Debug)]
pub struct Candidate<'d> {
    /// The hash of its key, by which the record is found.
    pub hash: KeyHash,
    /// The route it takes.
    pub route: &'d Route,
    service: &'d str,
    scope: Option<&'d str>,
    family: Option<Family>,
    organization: Option<&'d str>,
    environment: Environment,
    client_ip: Option<IpAddr>,
    asker: Option<u8>,
    /// Whether it spends a request of its lease, or only asks whether it could.
    pub spends: bool,
}

impl<'d> Candidate<'d> {
    /// The key of a question, which came without a request.
    ///
    /// # Errors
    /// Why the key's text alone shows that it is not valid.
    pub fn of_question(
        deployment: &Deployment,
        asker: Asker<'d>,
        question: &'d Question,
    ) -> Result<Self, DenyReason> {
        let (hash, family) = identify(deployment, &question.key)?;
        let Access::Key { service, scope } = &question.route.access else {
            return Err(DenyReason::NoRoute);
        };
        check_environment(deployment, family)?;
        Ok(Self {
            hash,
            route: &question.route,
            service,
            scope: scope.as_deref(),
            family,
            organization: asker.organization,
            environment: deployment.environment,
            client_ip: question.client_ip,
            asker: Some(asker.number),
            spends: question.spends,
        })
    }

    /// What the decision needs to know of it.
    pub fn facts(&self) -> RequestFacts<'d> {
        RequestFacts {
            family: self.family,
            organization: self.organization,
            environment: self.environment,
            service: self.service,
            scope: self.scope,
            client_ip: self.client_ip,
        }
    }

    /// Whether its key is none of ours: without a tag, only a record shows that there is such a key.
    pub fn is_imported(&self) -> bool {
        self.family.is_none()
    }

    /// Who is asked to wait if too many keys turn out unknown.
    pub fn client(&self) -> Client {
        Client {
            network: self.client_ip.map(Cidr::of_client),
            asker: self.asker,
        }
    }

    /// Lets it pass.
    pub fn grant(&self, caller: Caller) -> Grant<'d> {
        Grant {
            route: self.route,
            caller,
            standing: Standing::default(),
            lease_ends_at: None,
        }
    }

    /// Refuses it.
    pub fn refuse(&self, reason: DenyReason) -> Refusal<'d> {
        Refusal::new(reason).on(Some(self.route))
    }
}

/// Checks all that the request alone decides, cheapest first.
///
/// # Errors
/// The first check that failed.
pub fn screen<'d>(deployment: &'d Deployment, head: &RequestHead) -> Result<Screened<'d>, Refusal<'d>> {
    let path = RequestPath::parse(head.path()).ok();
    if path.as_ref().is_some_and(RequestPath::is_reserved) {
        return own_address(deployment, head);
    }
    // Without a path that reads in one way only there is no route.
    let find = |method| {
        path.as_ref()
            .and_then(|path| deployment.routes.find(method, path))
    };
    if let Some(answer) = head
        .preflight_for()
        .and_then(find)
        .and_then(|route| route.cors.as_ref().map(|cors| cors::preflight(route, cors, head)))
    {
        return Ok(Screened::Answered(answer));
    }
    let route = find(&head.method);
    if let Some(route) = route.filter(|route| route.access == Access::Public) {
        return Ok(Screened::Granted(Grant {
            route,
            caller: Caller::Anyone,
            standing: Standing::default(),
            lease_ends_at: None,
        }));
    }
    check_key(deployment, head, route)
        .map(Screened::NeedsRecord)
        .map_err(|reason| Refusal::new(reason).on(route))
}

/// The route of a request, whoever makes it.
pub fn route_of<'d>(deployment: &'d Deployment, head: &RequestHead) -> Option<&'d Route> {
    let path = RequestPath::parse(head.path()).ok()?;
    deployment.routes.find(&head.method, &path)
}

/// The Worker's own addresses, the same for everyone.
fn own_address<'d>(deployment: &Deployment, head: &RequestHead) -> Result<Screened<'d>, Refusal<'d>> {
    match (head.path(), head.method.as_str()) {
        (answer::HEALTH_PATH, "GET" | "HEAD") => Ok(Screened::Answered(answer::healthy(deployment))),
        (assertion::JWKS_PATH, "GET" | "HEAD") => {
            Ok(Screened::Answered(jwks(deployment.issuer.keys.as_ref())))
        }
        (sync::PATH, "POST") => Ok(Screened::Sync),
        (inspect::PATH, "POST") => Ok(Screened::Inspect),
        (verify::PATH, "POST") => Ok(Screened::Verify),
        _ => Err(Refusal::new(DenyReason::NoRoute)),
    }
}

fn check_key<'d>(
    deployment: &'d Deployment,
    head: &RequestHead,
    route: Option<&'d Route>,
) -> Result<Candidate<'d>, DenyReason> {
    let token = head.bearer_token()?;
    let (hash, family) = identify(deployment, token)?;
    let Some((route, Access::Key { service, scope })) = route.map(|route| (route, &route.access)) else {
        // Which routes there are is told only to those who surely hold a key of ours.
        return Err(match family {
            Some(_) => DenyReason::NoRoute,
            None => DenyReason::InvalidKey,
        });
    };
    check_environment(deployment, family)?;
    Ok(Candidate {
        hash,
        route,
        service,
        scope: scope.as_deref(),
        family,
        organization: None,
        environment: deployment.environment,
        client_ip: head.client_ip,
        asker: None,
        spends: true,
    })
}

fn check_environment(deployment: &Deployment, family: Option<Family>) -> Result<(), DenyReason> {
    match family {
        Some(Family::Service(environment)) if environment != deployment.environment => {
            Err(DenyReason::WrongEnvironment)
        }
        _ => Ok(()),
    }
}

/// Tells a key that may be genuine from one that cannot be, without looking anything up.
fn identify(deployment: &Deployment, token: &str) -> Result<(KeyHash, Option<Family>), DenyReason> {
    let Ok(key) = PresentedKey::parse(token, &deployment.brands) else {
        let may_be_imported = deployment.imported_keys.include(token);
        return may_be_imported
            .then(|| (KeyHash::of(token), None))
            .ok_or(DenyReason::InvalidKey);
    };
    let ring = deployment.tag_secrets.of(key.family());
    ring.and_then(|ring| key.tag_secret(ring))
        .map(|_| (key.hash(), Some(key.family())))
        .ok_or(DenyReason::InvalidKey)
}
