//! The runtime's side: its requests, answers, bindings and timers. Holds no rule of its own.

mod bindings;
mod headers;
mod kv;
mod upstream;

use std::{
    cell::{OnceCell, RefCell},
    rc::Rc,
};

use keyward_shared::{DenyReason, Entropy, RouteTable};
use serde_json::json;
use worker::{
    Env, console_error, console_log,
    web_sys::{Request, Response},
};

use crate::{
    answer,
    clock::Clock,
    cors,
    deployment::{Deployment, SettingError},
    grant::Grant,
    log,
    memory::Memory,
    records,
    refusal::Refusal,
    request::RequestHead,
    request_id::RequestId,
    screen::{Screened, screen},
};

/// What lives as long as the isolate.
struct Isolate {
    deployment: Deployment,
    memory: RefCell<Memory>,
}

impl Isolate {
    fn new(env: &Env) -> Result<Self, SettingError> {
        // Made and checked by build.rs.
        let table = include_str!(concat!(env!("OUT_DIR"), "/routes.json"));
        let routes = RouteTable::from_json(table).map_err(|error| {
            SettingError::new(
                "KEYWARD_ROUTES",
                format!("the table built in is unreadable; {error}"),
            )
        })?;
        kv::check(env)?;
        Ok(Self {
            deployment: Deployment::from_settings(|name| bindings::text(env, name), routes)?,
            memory: RefCell::default(),
        })
    }
}

thread_local! {
    /// Settings do not change while an isolate lives, so they are read once; a wrong one stays wrong.
    static ISOLATE: OnceCell<Rc<Result<Isolate, SettingError>>> = const { OnceCell::new() };
}

fn isolate(env: &Env) -> Rc<Result<Isolate, SettingError>> {
    ISOLATE.with(|isolate| Rc::clone(isolate.get_or_init(|| Rc::new(Isolate::new(env)))))
}

/// Answers a request. What the runtime throws at us on the way is a fault of ours, answered as any other.
pub(crate) async fn serve<S: Clock + Entropy>(
    request: &Request,
    env: &Env,
    system: &S,
) -> worker::Result<Response> {
    let request_id = RequestId::new(system.now(), system);
    match answer(request, env, system, request_id).await {
        Ok(response) => Ok(response),
        Err(error) => {
            let facts = json!({ "cause": error.to_string() });
            console_error!("{}", log::line("the runtime refused", request_id, facts));
            headers::response(&unavailable(request_id), request.method() != "HEAD")
        }
    }
}

async fn answer<S: Clock>(
    request: &Request,
    env: &Env,
    system: &S,
    request_id: RequestId,
) -> worker::Result<Response> {
    let head = headers::request_head(request)?;
    match isolate(env).as_ref() {
        Ok(isolate) => {
            let exchange = Exchange {
                isolate,
                request,
                head: &head,
                request_id,
            };
            exchange.answer(env, system).await
        }
        Err(error) => out_of_service(&head, error, request_id),
    }
}

/// Without its settings the Worker lets nobody pass, and says to whom it may concern which of them is wrong.
fn out_of_service(
    head: &RequestHead,
    error: &SettingError,
    request_id: RequestId,
) -> worker::Result<Response> {
    console_error!("{}", error.log_line(request_id));
    let answer = if head.path() == answer::HEALTH_PATH {
        answer::misconfigured(error)
    } else {
        unavailable(request_id)
    };
    headers::response(&answer, head.wants_body())
}

/// The refusal that needs no settings.
fn unavailable(request_id: RequestId) -> answer::Answer {
    Refusal::new(DenyReason::Unavailable).answer("", request_id)
}

/// One request on its way through an isolate.
struct Exchange<'a> {
    isolate: &'a Isolate,
    request: &'a Request,
    head: &'a RequestHead,
    request_id: RequestId,
}

impl<'a> Exchange<'a> {
    async fn answer<S: Clock>(&self, env: &Env, system: &S) -> worker::Result<Response> {
        match self.grant(env, system).await {
            Ok(Passage::Answered(answer)) => headers::response(&answer, self.head.wants_body()),
            Ok(Passage::Granted(grant)) => match self.forward(&grant).await {
                Ok(response) => Ok(response),
                Err(refusal) => self.refuse(&refusal),
            },
            Err(refusal) => self.refuse(&refusal),
        }
    }

    async fn grant<S: Clock>(&self, env: &Env, system: &S) -> Result<Passage<'a>, Refusal<'a>> {
        let deployment = &self.isolate.deployment;
        let candidate = match screen(deployment, self.head)? {
            Screened::Answered(answer) => return Ok(Passage::Answered(answer)),
            Screened::Granted(grant) => return Ok(Passage::Granted(grant)),
            Screened::NeedsRecord(candidate) => candidate,
        };
        let ruling = records::rule(
            deployment,
            &self.isolate.memory,
            &candidate,
            &kv::Namespace::of(env),
            system,
        )
        .await;
        if let Some(fault) = &ruling.fault {
            console_error!("{}", fault.log_line(self.request_id));
        }
        ruling.verdict.map(Passage::Granted)
    }

    async fn forward(&self, grant: &Grant<'a>) -> Result<Response, Refusal<'a>> {
        upstream::forward(
            &self.isolate.deployment,
            grant,
            self.request,
            self.head,
            self.request_id,
        )
        .await
        .map_err(|failure| {
            console_error!("{}", failure.log_line(grant.route, self.request_id));
            Refusal::new(failure.reason).on(Some(grant.route))
        })
    }

    fn refuse(&self, refusal: &Refusal<'_>) -> worker::Result<Response> {
        console_log!("{}", refusal.log_line(self.request_id));
        let mut answer = refusal.answer(&self.isolate.deployment.realm, self.request_id);
        if let Some(cors) = refusal.route.and_then(|route| route.cors.as_ref()) {
            answer
                .headers
                .extend(cors::headers(cors, self.head.origin.as_deref()));
        }
        headers::response(&answer, self.head.wants_body())
    }
}

/// What a request that is not refused comes to.
enum Passage<'d> {
    Answered(answer::Answer),
    Granted(Grant<'d>),
}
