//! One request on its way through an isolate, from its head to a plan.

use std::rc::Rc;

use keyward_shared::{DenyReason, Entropy, UnixMillis, route::Route};
use serde_json::json;
use wasm_bindgen::JsValue;
use worker::{
    Context, Env, console_error, console_log, js_sys::futures::future_to_promise, web_sys::Request,
};

use super::{
    body,
    isolate::{Isolate, Made, isolate},
    outside::Runtime,
    plan::hand_over,
};
use crate::{
    admission::{self, Begun},
    answer::{self, Answer},
    clock::{Clock, Timer as _},
    deployment::SettingError,
    desk::Aftermath,
    forwarding::Failure,
    inspect, limits, log,
    plan::{Forward, Plan},
    ready::Ready,
    records::Fault,
    refusal::Refusal,
    request::RequestHead,
    request_id::RequestId,
    screen::{Candidate, Screened, route_of, screen},
    sync,
    usage::refusals,
    verdict::Verdict,
};

/// Decides on a request: returns a plan where the isolate knows enough, and a promise of one where somebody must be asked.
pub(crate) fn decide<S>(request: Request, env: Env, context: Context, head: RequestHead, system: S) -> JsValue
where
    S: Clock + Entropy + Clone + 'static,
{
    let came_at = system.now();
    let exchange = Exchange {
        made: isolate(&env),
        head,
        came_at,
        request_id: RequestId::new(came_at, &system),
        runtime: Runtime { env, system },
        request,
        context,
    };
    match exchange.decide_at_once() {
        Ok(plan) => hand_over(&plan),
        Err(begun) => {
            let decided = async move { Ok(hand_over(&exchange.decide(begun).await)) };
            future_to_promise(decided).into()
        }
    }
}

/// One request, and what it is answered with.
pub(super) struct Exchange<S> {
    made: Made,
    context: Context,
    pub(super) runtime: Runtime<S>,
    pub(super) request: Request,
    pub(super) head: RequestHead,
    came_at: UnixMillis,
    pub(super) request_id: RequestId,
}

/// What the request alone decides.
enum Sifted<'d> {
    Planned(Plan),
    Sync,
    Inspect,
    Verify,
    NeedsRecord(Candidate<'d>),
}

impl<S: Clock + Entropy + Clone + 'static> Exchange<S> {
    fn decide_at_once(&self) -> Result<Plan, Begun> {
        let isolate = match self.made.as_ref() {
            Ok(isolate) => isolate,
            Err(error) => return Ok(self.out_of_service(error)),
        };
        match self.sift(isolate) {
            Sifted::Planned(plan) => Ok(plan),
            Sifted::Sync | Sifted::Inspect | Sifted::Verify => Err(Begun::default()),
            Sifted::NeedsRecord(candidate) => {
                let ruling = admission::rule_at_once(&isolate.desk(&self.runtime), &candidate)?;
                self.settle(ruling.aftermath);
                Ok(self.plan(isolate, ruling.verdict))
            }
        }
    }

    async fn decide(&self, begun: Begun) -> Plan {
        let isolate = match self.made.as_ref() {
            Ok(isolate) => isolate,
            Err(error) => return self.out_of_service(error),
        };
        match self.sift(isolate) {
            Sifted::Planned(plan) => plan,
            Sifted::Sync => self.answer(isolate, self.sync(isolate).await),
            Sifted::Inspect => self.answer(isolate, self.inspect(isolate)),
            Sifted::Verify => self.answer(isolate, self.verify(isolate).await),
            Sifted::NeedsRecord(candidate) => {
                let ruling = admission::rule(&isolate.desk(&self.runtime), &candidate, begun).await;
                self.settle(ruling.aftermath);
                self.plan(isolate, ruling.verdict)
            }
        }
    }

    fn sift<'d>(&self, isolate: &'d Isolate) -> Sifted<'d> {
        match screen(&isolate.deployment, &self.head) {
            Ok(Screened::Answered(answer)) => Sifted::Planned(Plan::answer(answer, &self.head)),
            Ok(Screened::Sync) => Sifted::Sync,
            Ok(Screened::Inspect) => Sifted::Inspect,
            Ok(Screened::Verify) => Sifted::Verify,
            Ok(Screened::Granted(grant)) => Sifted::Planned(self.plan(isolate, Ok(grant))),
            Ok(Screened::NeedsRecord(candidate)) => Sifted::NeedsRecord(candidate),
            Err(refusal) => Sifted::Planned(self.refuse_unseen(isolate, &refusal)),
        }
    }

    /// What the runtime throws at us is a fault of ours, answered as any other.
    fn answer(&self, isolate: &Isolate, answer: worker::Result<Answer>) -> Plan {
        match answer {
            Ok(answer) => Plan::answer(answer, &self.head),
            Err(error) => {
                let facts = json!({ "cause": error.to_string() });
                console_error!("{}", log::line("the runtime refused", self.request_id, facts));
                self.refuse(isolate, &Refusal::new(DenyReason::Unavailable))
            }
        }
    }

    fn plan(&self, isolate: &Isolate, verdict: Verdict<'_>) -> Plan {
        let grant = match verdict {
            Ok(grant) => grant,
            Err(refusal) => return self.refuse(isolate, &refusal),
        };
        let (deployment, head) = (&isolate.deployment, &self.head);
        let local = &mut *isolate.local.borrow_mut();
        let assertion = local.assertions.of(deployment, &grant, self.runtime.now());
        match local.ready.way(deployment, &grant, head, assertion.as_ref()) {
            Some(way) => Plan::Forward(Forward {
                way,
                request_id: self.request_id,
                limits: limits::state(&grant.standing),
                path: head.path_and_query().to_owned(),
            }),
            None => {
                let cause = "the route's upstream is not in the table".to_owned();
                let failure = Failure::on(Some(grant.route), Some(cause));
                fail(
                    isolate,
                    &mut local.ready,
                    &failure,
                    Some(grant.route),
                    head,
                    self.request_id,
                )
            }
        }
    }

    /// Refuses without having looked anything up.
    fn refuse_unseen(&self, isolate: &Isolate, refusal: &Refusal<'_>) -> Plan {
        let local = &mut *isolate.local.borrow_mut();
        if let Some(unlogged) = local.tally.note(refusal.reason, self.came_at) {
            console_log!("{}", refusal.log_line(self.request_id, unlogged));
        }
        let refused = local.ready.refused(&isolate.deployment, refusal, &self.head);
        Plan::Refuse(refused, self.request_id)
    }

    fn refuse(&self, isolate: &Isolate, refusal: &Refusal<'_>) -> Plan {
        console_log!("{}", refusal.log_line(self.request_id, 0));
        let due = isolate
            .local
            .borrow_mut()
            .refusals
            .note(&isolate.deployment, refusal, self.came_at);
        self.report_refusals(due);
        let ready = &mut isolate.local.borrow_mut().ready;
        let refused = ready.refused(&isolate.deployment, refusal, &self.head);
        Plan::Refuse(refused, self.request_id)
    }

    /// Sends in the background what was refused, after so many milliseconds; if it is this request that sees to it.
    pub(super) fn report_refusals(&self, after_ms: Option<u64>) {
        let Some(after_ms) = after_ms else { return };
        let (made, runtime) = (Made::clone(&self.made), self.runtime.clone());
        let request_id = self.request_id;
        self.context.wait_until(async move {
            if after_ms > 0 {
                runtime.pause(after_ms).await;
            }
            if let Ok(isolate) = made.as_ref()
                && let Err(error) = refusals::send(&isolate.deployment, &isolate.local, &runtime).await
            {
                let facts = json!({ "cause": error.to_string() });
                console_error!("{}", log::line("refusals were not sent", request_id, facts));
            }
        });
    }

    /// Reports what went wrong, and does in the background what is left to do.
    pub(super) fn settle(&self, aftermath: Aftermath) {
        report(&aftermath.faults, self.request_id);
        if aftermath.errands.is_empty() {
            return;
        }
        let (made, runtime) = (Made::clone(&self.made), self.runtime.clone());
        let request_id = self.request_id;
        self.context.wait_until(async move {
            if let Ok(isolate) = made.as_ref() {
                let faults = isolate.desk(&runtime).run(aftermath.errands).await;
                report(&faults, request_id);
            }
        });
    }

    async fn sync(&self, isolate: &Isolate) -> worker::Result<Answer> {
        let header = self.request.headers().get(keyward_shared::sync::HEADER)?;
        // A body that nobody has signed is not read.
        let body = match &header {
            Some(_) => body::at_most(&self.request, keyward_shared::sync::MAX_BODY_BYTES).await?,
            None => Some(Vec::new()),
        };
        let desk = isolate.desk(&self.runtime);
        let answered = match body {
            Some(body) => sync::answer(&desk, header.as_deref(), &body).await,
            None => Err(sync::Refused::TooLarge),
        };
        Ok(answered.unwrap_or_else(|refused| self.refuse_control_plane(refused)))
    }

    fn inspect(&self, isolate: &Isolate) -> worker::Result<Answer> {
        let header = self.request.headers().get(keyward_shared::sync::HEADER)?;
        let answered = inspect::answer(&isolate.deployment, header.as_deref(), self.runtime.now());
        Ok(answered.unwrap_or_else(|refused| self.refuse_control_plane(refused)))
    }

    fn refuse_control_plane(&self, refused: sync::Refused) -> Answer {
        let facts = json!({ "cause": refused.to_string() });
        console_error!("{}", log::line("sync refused", self.request_id, facts));
        refused.answer(self.request_id)
    }

    /// Without its settings the Worker lets nobody pass, and says to whom it may concern which of them is wrong.
    fn out_of_service(&self, error: &SettingError) -> Plan {
        console_error!("{}", error.log_line(self.request_id));
        if self.head.path() == answer::HEALTH_PATH {
            return Plan::answer(answer::misconfigured(error), &self.head);
        }
        let refused = Refusal::new(DenyReason::Unavailable).answer("", &self.head);
        Plan::Refuse(Rc::new(refused), self.request_id)
    }
}

fn report(faults: &[Fault], request_id: RequestId) {
    for fault in faults {
        console_error!("{}", fault.log_line(request_id));
    }
}

/// What the caller gets instead of an answer of the upstream; `cause` as in [`Failure::on`].
pub(crate) fn upstream_failed(
    env: &Env,
    head: &RequestHead,
    request_id: &str,
    cause: Option<String>,
) -> JsValue {
    let made = isolate(env);
    let (Ok(isolate), Ok(request_id)) = (made.as_ref(), request_id.parse()) else {
        // Without settings nothing is forwarded, and the id is one of ours.
        return JsValue::UNDEFINED;
    };
    let route = route_of(&isolate.deployment, head);
    let failure = Failure::on(route, cause);
    let ready = &mut isolate.local.borrow_mut().ready;
    hand_over(&fail(isolate, ready, &failure, route, head, request_id))
}

fn fail(
    isolate: &Isolate,
    ready: &mut Ready,
    failure: &Failure,
    route: Option<&Route>,
    head: &RequestHead,
    request_id: RequestId,
) -> Plan {
    console_error!("{}", failure.log_line(route, request_id));
    let refusal = Refusal::new(failure.reason).on(route);
    Plan::Refuse(ready.refused(&isolate.deployment, &refusal, head), request_id)
}
