//! Both ends of the queue of totals, and the way from there to the control plane.

use std::{pin::pin, time::Duration};

use futures_util::future::{Either, select};
use keyward_shared::{Entropy, UnixMillis};
use worker::{
    AbortController, Context, Delay, Env, Fetch, Headers, MessageBatch, MessageExt as _, Method,
    QueueContentType, QueueRetryOptionsBuilder, RawMessage, RawMessageBuilder, Request, RequestInit,
    RequestRedirect, console_error, event, wasm_bindgen::JsValue,
};

use super::{bindings, isolate, outside::Runtime};
use crate::{
    System,
    clock::Clock as _,
    deployment::SettingError,
    usage::{
        BINDING, Reporting,
        alarm::{Queue, SendError},
        consume::{self, Consumed, ControlPlane, Delivery, Fate, PostError, TIMEOUT_MS},
    },
};

/// How long the queue may take for a message, in milliseconds.
const SEND_TIMEOUT_MS: u64 = 10_000;

/// How this deployment reports, if it has a queue.
pub(super) fn reporting(env: &Env) -> Result<Option<Reporting>, SettingError> {
    match env.queue(BINDING) {
        Ok(_) => Reporting::from_settings(|name| bindings::text(env, name)),
        Err(_) => Ok(None),
    }
}

/// Takes a batch of messages. None of them is done with before what it says was taken.
///
/// # Errors
/// None: what goes wrong is logged, and the messages come again.
#[event(queue)]
async fn queue(batch: MessageBatch<JsValue>, env: Env, _context: Context) -> worker::Result<()> {
    let messages: Vec<RawMessage> = batch.raw_iter().collect();
    let now = System.now();
    let deliveries: Vec<Delivery> = messages.iter().map(|message| delivery(message, now)).collect();
    let consumed = match isolate(&env).as_ref() {
        Ok(isolate) => {
            let outside = Runtime { env, system: System };
            consume::consume(&isolate.deployment, &outside, &deliveries).await
        }
        Err(error) => consume::postpone(&deliveries, &error.to_string()),
    };
    settle(&messages, consumed);
    Ok(())
}

fn delivery(message: &RawMessage, now: UnixMillis) -> Delivery {
    Delivery {
        text: message.body().as_string(),
        age_ms: UnixMillis(message.timestamp().as_millis()).until(now),
    }
}

fn settle(messages: &[RawMessage], consumed: Consumed) {
    for line in consumed.log {
        console_error!("{line}");
    }
    for (message, fate) in messages.iter().zip(consumed.fates) {
        match fate {
            Fate::Done => message.ack(),
            Fate::Retry { delay_seconds } => {
                let options = QueueRetryOptionsBuilder::new().with_delay_seconds(delay_seconds);
                message.retry_with_options(&options.build());
            }
        }
    }
}

impl<S> Queue for Runtime<S> {
    async fn send(&self, message: &str) -> Result<(), SendError> {
        let queue = self
            .env
            .queue(BINDING)
            .map_err(|error| SendError(error.to_string()))?;
        // As a text, which the dashboard shows as it is.
        let message = RawMessageBuilder::new(message.into()).build_with_content_type(QueueContentType::Text);
        let sent = pin!(queue.send_raw(message));
        let timer = pin!(Delay::from(Duration::from_millis(SEND_TIMEOUT_MS)));
        match select(sent, timer).await {
            Either::Left((sent, _)) => sent.map_err(|error| SendError(error.to_string())),
            Either::Right(_) => Err(SendError(format!("no answer within {SEND_TIMEOUT_MS} ms"))),
        }
    }
}

impl<S> ControlPlane for Runtime<S> {
    async fn post(&self, url: &str, header: &str, body: &str) -> Result<(), PostError> {
        let failed = |error: worker::Error| PostError::Failed(error.to_string());
        let controller = AbortController::default();
        let signal = controller.signal();
        let request = request(url, header, body).map_err(failed)?;
        let fetch = Fetch::Request(request);
        let answer = pin!(fetch.send_with_signal(&signal));
        let timer = pin!(Delay::from(Duration::from_millis(TIMEOUT_MS)));
        match select(answer, timer).await {
            Either::Left((answer, _)) => match answer.map_err(failed)?.status_code() {
                204 => Ok(()),
                status => Err(PostError::Status(status)),
            },
            Either::Right(_) => {
                controller.abort();
                Err(PostError::Timeout(TIMEOUT_MS))
            }
        }
    }
}

fn request(url: &str, header: &str, body: &str) -> worker::Result<Request> {
    let headers = Headers::new();
    headers.set("Content-Type", "application/json")?;
    headers.set(keyward_shared::usage::HEADER, header)?;
    let mut init = RequestInit::new();
    init.with_method(Method::Post)
        .with_headers(headers)
        .with_body(Some(body.into()))
        // What follows a redirect would be a GET without the report.
        .with_redirect(RequestRedirect::Manual);
    Request::new_with_init(url, &init)
}

impl<S: Entropy> Entropy for Runtime<S> {
    fn fill(&self, buffer: &mut [u8]) {
        self.system.fill(buffer);
    }
}
