//! Questions about keys: their bodies in, their answers out.

use keyward_shared::Entropy;
use serde_json::json;
use worker::console_log;

use super::{body, exchange::Exchange, isolate::Isolate};
use crate::{
    answer::Answer,
    clock::Clock,
    log,
    verify::{self, Answered, MAX_BODY_BYTES, Refused},
};

impl<S: Clock + Entropy + Clone + 'static> Exchange<S> {
    /// Answers a question, or says why not.
    pub(super) async fn verify(&self, isolate: &Isolate) -> worker::Result<Answer> {
        Ok(match self.ask(isolate).await? {
            Ok(answered) => {
                if let Some(line) = answered.log_line {
                    console_log!("{line}");
                }
                self.settle(answered.aftermath);
                self.report_refusals(answered.report_after_ms);
                answered.answer
            }
            Err(refused) => {
                let facts = json!({ "cause": refused.to_string() });
                console_log!("{}", log::line("verify refused", self.request_id, facts));
                refused.answer(&isolate.deployment.realm, self.request_id)
            }
        })
    }

    async fn ask(&self, isolate: &Isolate) -> worker::Result<Result<Answered, Refused>> {
        let desk = isolate.desk(&self.runtime);
        // A body that comes without a secret is not read.
        let asker = match verify::admit(&desk, &self.head) {
            Ok(asker) => asker,
            Err(refused) => return Ok(Err(refused)),
        };
        let Some(body) = body::at_most(&self.request, MAX_BODY_BYTES).await? else {
            return Ok(Err(Refused::TooLarge));
        };
        Ok(verify::answer(&desk, asker, &body, self.request_id).await)
    }
}
