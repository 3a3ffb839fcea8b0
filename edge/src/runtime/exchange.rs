//! One request on its way through an isolate, from its head to a plan.

use keyward_shared::{DenyReason, Entropy};
use serde_json::json;
use wasm_bindgen::JsValue;
use worker::{
    Context, Env, console_error, console_log, js_sys::futures::future_to_promise, web_sys::Request,
};

use super::{
    body, headers,
    isolate::{Isolate, Made, isolate},
    outside::Runtime,
    plan::hand_over,
};
use crate::{
    admission::{self, Begun},
    answer::{self, Answer},
    clock::Clock,
    deployment::SettingError,
    desk::Aftermath,
    forwarding::Failure,
    log,
    plan::Plan,
    records::Fault,
    refusal::Refusal,
    request::RequestHead,
    request_id::RequestId,
    screen::{Candidate, Screened, route_of, screen},
    sync,
    verdict::Verdict,
};

/// Decides on a request: returns a plan where the isolate knows enough, and a promise of one where somebody must be asked.
pub(crate) fn decide<S>(request: Request, env: Env, context: Context, system: S) -> JsValue
where
    S: Clock + Entropy + Clone + 'static,
{
    let exchange = Exchange {
        made: isolate(&env),
        head: headers::request_head(&request),
        request_id: RequestId::new(system.now(), &system),
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
    pub(super) request_id: RequestId,
}

/// What the request alone decides.
enum Sifted<'d> {
    Planned(Plan),
    Sync,
    Verify,
    NeedsRecord(Candidate<'d>),
}

impl<S: Clock + Clone + 'static> Exchange<S> {
    fn decide_at_once(&self) -> Result<Plan, Begun> {
        let isolate = match self.made.as_ref() {
            Ok(isolate) => isolate,
            Err(error) => return Ok(self.out_of_service(error)),
        };
        match self.sift(isolate) {
            Sifted::Planned(plan) => Ok(plan),
            Sifted::Sync | Sifted::Verify => Err(Begun::default()),
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
        let passage = headers::passage(&self.request);
        let (deployment, now) = (&isolate.deployment, self.runtime.now());
        let assertion = isolate.local.borrow_mut().assertions.of(deployment, &grant, now);
        let (head, assertion) = (&self.head, assertion.as_deref());
        let plan = Plan::forward(deployment, &grant, head, &passage, assertion, self.request_id);
        plan.unwrap_or_else(|| {
            let cause = "the route's upstream is not in the table".to_owned();
            let failure = Failure::on(Some(grant.route), Some(cause));
            console_error!("{}", failure.log_line(Some(grant.route), self.request_id));
            self.refuse(isolate, &Refusal::new(failure.reason).on(Some(grant.route)))
        })
    }

    /// Refuses without having looked anything up.
    fn refuse_unseen(&self, isolate: &Isolate, refusal: &Refusal<'_>) -> Plan {
        let now = self.runtime.now();
        let unlogged = isolate.local.borrow_mut().tally.note(refusal.reason, now);
        if let Some(unlogged) = unlogged {
            console_log!("{}", refusal.log_line(self.request_id, unlogged));
        }
        Plan::refuse(&isolate.deployment, refusal, &self.head, self.request_id)
    }

    fn refuse(&self, isolate: &Isolate, refusal: &Refusal<'_>) -> Plan {
        console_log!("{}", refusal.log_line(self.request_id, 0));
        Plan::refuse(&isolate.deployment, refusal, &self.head, self.request_id)
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
        Ok(answered.unwrap_or_else(|refused| {
            let facts = json!({ "cause": refused.to_string() });
            console_error!("{}", log::line("sync refused", self.request_id, facts));
            refused.answer(self.request_id)
        }))
    }

    /// Without its settings the Worker lets nobody pass, and says to whom it may concern which of them is wrong.
    fn out_of_service(&self, error: &SettingError) -> Plan {
        console_error!("{}", error.log_line(self.request_id));
        let answer = if self.head.path() == answer::HEALTH_PATH {
            answer::misconfigured(error)
        } else {
            Refusal::new(DenyReason::Unavailable).answer("", self.request_id)
        };
        Plan::answer(answer, &self.head)
    }
}

fn report(faults: &[Fault], request_id: RequestId) {
    for fault in faults {
        console_error!("{}", fault.log_line(request_id));
    }
}

/// What the caller gets instead of an answer of the upstream; `cause` as in [`Failure::on`].
pub(crate) fn upstream_failed(
    request: &Request,
    env: &Env,
    request_id: &str,
    cause: Option<String>,
) -> JsValue {
    let made = isolate(env);
    let (Ok(isolate), Ok(request_id)) = (made.as_ref(), request_id.parse()) else {
        // Without settings nothing is forwarded, and the id is one of ours.
        return JsValue::UNDEFINED;
    };
    let head = headers::request_head(request);
    let route = route_of(&isolate.deployment, &head);
    let failure = Failure::on(route, cause);
    console_error!("{}", failure.log_line(route, request_id));
    let refusal = Refusal::new(failure.reason).on(route);
    hand_over(&Plan::refuse(&isolate.deployment, &refusal, &head, request_id))
}
