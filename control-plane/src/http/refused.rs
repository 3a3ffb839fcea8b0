//! Which calls are refusals, of whom, and about what: what the audit trail says of them.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{
    extract::{FromRequestParts as _, Request, State},
    http::StatusCode,
    middleware::Next,
    response::Response,
};
use keyward_shared::PresentedKey;

use super::{App, names::Names, request::RequestId};
use crate::{
    audit::refusals::Kind,
    domain::{Operation, OrganizationId, Principal, Target, principal::Reach},
    oidc::is_subject,
};

/// Why a call was refused: goes with the answer, and is no part of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refusal {
    pub(super) code: &'static str,
}

/// What becomes known of a request's caller on the way. One goes with each request.
#[derive(Clone, Default)]
pub(super) struct Witness(Arc<Mutex<Option<Known>>>);

/// A caller, good credential or not any more.
struct Known {
    actor: String,
    operation: Operation,
    /// Everything is this caller's to see, so what it does not find is not there.
    sees_all: bool,
    /// The organization that the call concerns; else the caller's only one.
    organization: Option<OrganizationId>,
}

impl Witness {
    /// Who calls.
    pub(super) fn knows(&self, principal: &Principal, operation: Operation) {
        let reach = principal.reach();
        self.set(Known {
            actor: principal.actor(),
            operation,
            sees_all: reach == Reach::Everywhere,
            organization: match reach {
                Reach::Within(organizations) if organizations.len() == 1 => organizations.first().copied(),
                _ => None,
            },
        });
    }

    /// Which key calls, before it is known whether it is still good.
    pub(super) fn knows_key(&self, actor: String, organization: OrganizationId, operation: Operation) {
        self.set(Known {
            actor,
            operation,
            sees_all: false,
            organization: Some(organization),
        });
    }

    /// The organization that the call concerns, where the caller has a place.
    pub(super) fn concerns(&self, organization: OrganizationId) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.as_mut() {
            known.organization = Some(organization);
        }
    }

    fn set(&self, known: Known) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(known);
    }

    fn take(&self) -> Option<Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Lets the audit trail know of refused calls.
pub(super) async fn witness(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let witness = Witness::default();
    let (mut parts, body) = request.into_parts();
    let names = Names::from_request_parts(&mut parts, &()).await;
    parts.extensions.insert(witness.clone());
    let response = next.run(Request::from_parts(parts, body)).await;
    let Some(Refusal { code }) = response.extensions().get::<Refusal>().copied() else {
        return response;
    };
    let status = response.status();
    match witness.take() {
        // Whom nobody knows the metrics count.
        None => {}
        // To whom sees everything it is no refusal that something is not there.
        Some(known) if status == StatusCode::NOT_FOUND && known.sees_all => {}
        Some(known) => {
            let kind = Kind {
                actor: known.actor,
                organization: known.organization,
                operation: known.operation,
                status: status.as_u16(),
                reason: code,
            };
            let target = names.map_or(Target::Nothing, |names| target(&app, &names));
            let request_id = RequestId::current().unwrap_or_default();
            app.refusals.record(kind, target, &request_id).await;
        }
    }
    response
}

/// What a path names. Whoever pastes a key into it finds it in no event.
fn target(app: &App, names: &Names) -> Target {
    let subject = names.subject();
    if let Ok(id) = names.key().parse() {
        Target::Key(id)
    } else if is_subject(subject) && PresentedKey::parse(subject, &app.rules.brands).is_err() {
        Target::Member(subject.to_owned())
    } else if let Ok(id) = names.group().parse() {
        Target::Group(id)
    } else if let Some(Ok(id)) = names.organization().map(str::parse) {
        Target::Organization(id)
    } else {
        Target::Nothing
    }
}
