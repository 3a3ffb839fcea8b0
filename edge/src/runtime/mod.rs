//! The runtime's side: its requests, answers, bindings and timers. Holds no rule of its own.

mod bindings;
mod body;
mod guards;
mod headers;
mod key_guard;
mod kv;
mod limiter;
mod outside;
mod upstream;
mod usage;
mod verify;

use std::{
    cell::{OnceCell, RefCell},
    rc::Rc,
};

use keyward_shared::{DenyReason, Entropy, RouteTable};
use serde_json::json;
use worker::{
    Context, Env, console_error, console_log,
    web_sys::{Request, Response},
};

use outside::Runtime;

use crate::{
    admission, answer,
    clock::Clock,
    cors,
    deployment::{Deployment, SettingError},
    desk::{Aftermath, Desk, Outside},
    grant::Grant,
    local::Local,
    log,
    records::Fault,
    refusal::Refusal,
    request::RequestHead,
    request_id::RequestId,
    screen::{Candidate, Screened, screen},
    sync,
};

/// What lives as long as the isolate.
struct Isolate {
    deployment: Deployment,
    local: RefCell<Local>,
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
        guards::check(env)?;
        limiter::check(env)?;
        let deployment = Deployment::from_settings(|name| bindings::text(env, name), routes)?;
        Ok(Self {
            deployment: Deployment {
                usage: usage::reporting(env)?,
                ..deployment
            },
            local: RefCell::default(),
        })
    }

    fn desk<'a, O: Outside>(&'a self, outside: &'a O) -> Desk<'a, O> {
        Desk {
            deployment: &self.deployment,
            local: &self.local,
            outside,
        }
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
pub(crate) async fn serve<S: Clock + Entropy + Clone + 'static>(
    request: &Request,
    env: &Env,
    context: &Context,
    system: S,
) -> worker::Result<Response> {
    let request_id = RequestId::new(system.now(), &system);
    let runtime = Runtime {
        env: env.clone(),
        system,
    };
    match answer(request, context, runtime, request_id).await {
        Ok(response) => Ok(response),
        Err(error) => {
            let facts = json!({ "cause": error.to_string() });
            console_error!("{}", log::line("the runtime refused", request_id, facts));
            headers::response(&unavailable(request_id), request.method() != "HEAD")
        }
    }
}

async fn answer<S: Clock + Clone + 'static>(
    request: &Request,
    context: &Context,
    runtime: Runtime<S>,
    request_id: RequestId,
) -> worker::Result<Response> {
    let head = headers::request_head(request)?;
    let made = isolate(&runtime.env);
    match made.as_ref() {
        Ok(isolate) => {
            let exchange = Exchange {
                made: &made,
                context,
                runtime,
                request,
                head: &head,
                request_id,
            };
            exchange.answer(isolate).await
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
struct Exchange<'a, S> {
    made: &'a Rc<Result<Isolate, SettingError>>,
    context: &'a Context,
    runtime: Runtime<S>,
    request: &'a Request,
    head: &'a RequestHead,
    request_id: RequestId,
}

impl<S: Clock + Clone + 'static> Exchange<'_, S> {
    async fn answer(&self, isolate: &Isolate) -> worker::Result<Response> {
        let deployment = &isolate.deployment;
        let granted = match screen(deployment, self.head) {
            Ok(Screened::Answered(answer)) => return headers::response(&answer, self.head.wants_body()),
            Ok(Screened::Sync) => return self.sync(isolate).await,
            Ok(Screened::Verify) => return self.verify(isolate).await,
            Ok(Screened::Granted(grant)) => Ok(grant),
            Ok(Screened::NeedsRecord(candidate)) => self.rule(isolate, &candidate).await,
            Err(refusal) => Err(refusal),
        };
        match granted {
            Ok(grant) => match self.forward(isolate, &grant).await {
                Ok(response) => Ok(response),
                Err(refusal) => self.refuse(deployment, &refusal),
            },
            Err(refusal) => self.refuse(deployment, &refusal),
        }
    }

    async fn rule<'d>(
        &self,
        isolate: &'d Isolate,
        candidate: &Candidate<'d>,
    ) -> Result<Grant<'d>, Refusal<'d>> {
        let ruling = admission::rule(&isolate.desk(&self.runtime), candidate).await;
        self.settle(ruling.aftermath);
        ruling.verdict
    }

    /// Reports what went wrong, and does in the background what is left to do.
    fn settle(&self, aftermath: Aftermath) {
        report(&aftermath.faults, self.request_id);
        if aftermath.errands.is_empty() {
            return;
        }
        let (made, runtime) = (Rc::clone(self.made), self.runtime.clone());
        let request_id = self.request_id;
        self.context.wait_until(async move {
            if let Ok(isolate) = made.as_ref() {
                let faults = isolate.desk(&runtime).run(aftermath.errands).await;
                report(&faults, request_id);
            }
        });
    }

    async fn sync(&self, isolate: &Isolate) -> worker::Result<Response> {
        let header = self.request.headers().get(keyward_shared::sync::HEADER)?;
        // A body that nobody has signed is not read.
        let body = match &header {
            Some(_) => body::at_most(self.request, keyward_shared::sync::MAX_BODY_BYTES).await?,
            None => Some(Vec::new()),
        };
        let desk = isolate.desk(&self.runtime);
        let answered = match body {
            Some(body) => sync::answer(&desk, header.as_deref(), &body).await,
            None => Err(sync::Refused::TooLarge),
        };
        let answer = answered.unwrap_or_else(|refused| {
            let facts = json!({ "cause": refused.to_string() });
            console_error!("{}", log::line("sync refused", self.request_id, facts));
            refused.answer(self.request_id)
        });
        headers::response(&answer, true)
    }

    async fn forward<'d>(&self, isolate: &Isolate, grant: &Grant<'d>) -> Result<Response, Refusal<'d>> {
        let deployment = &isolate.deployment;
        let now = self.runtime.now();
        let assertion = isolate.local.borrow_mut().assertions.of(deployment, grant, now);
        let (request, head) = (self.request, self.head);
        upstream::forward(
            deployment,
            grant,
            request,
            head,
            assertion.as_deref(),
            self.request_id,
        )
        .await
        .map_err(|failure| {
            console_error!("{}", failure.log_line(grant.route, self.request_id));
            Refusal::new(failure.reason).on(Some(grant.route))
        })
    }

    fn refuse(&self, deployment: &Deployment, refusal: &Refusal<'_>) -> worker::Result<Response> {
        console_log!("{}", refusal.log_line(self.request_id));
        let mut answer = refusal.answer(&deployment.realm, self.request_id);
        if let Some(cors) = refusal.route.and_then(|route| route.cors.as_ref()) {
            answer
                .headers
                .extend(cors::headers(cors, self.head.origin.as_deref()));
        }
        headers::response(&answer, self.head.wants_body())
    }
}

fn report(faults: &[Fault], request_id: RequestId) {
    for fault in faults {
        console_error!("{}", fault.log_line(request_id));
    }
}
