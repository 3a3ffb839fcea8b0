//! The way to the KeyGuard objects.

use std::{pin::pin, time::Duration};

use futures_util::future::{Either, select};
use worker::{Delay, Env, Method, RequestInit, Response};

use crate::{
    deployment::SettingError,
    guards::{Address, GuardError, Message, TIMEOUT_MS},
};

/// The name of the binding.
const BINDING: &str = "GUARDS";
/// Objects are reached by name; the address only has to be one.
const URL: &str = "https://guard.invalid/";

/// Says what is wrong if there are no objects.
pub(super) fn check(env: &Env) -> Result<(), SettingError> {
    match env.durable_object(BINDING) {
        Ok(_) => Ok(()),
        Err(_) => Err(SettingError::new(
            BINDING,
            "it is not bound; wrangler.toml must bind the Durable Object class KeyGuard to it",
        )),
    }
}

/// Sends a message to an object and waits for its answer, but not for ever.
pub(super) async fn call(env: &Env, address: &Address, message: &Message) -> Result<String, GuardError> {
    // Names, numbers and texts: nothing in a message can fail to serialise.
    let body = serde_json::to_string(message).unwrap_or_default();
    let answer = pin!(send(env, address, &body));
    let timer = pin!(Delay::from(Duration::from_millis(TIMEOUT_MS)));
    match select(answer, timer).await {
        Either::Left((answer, _)) => answer.map_err(|error| GuardError::Failed(error.to_string()))?,
        Either::Right(_) => Err(GuardError::Timeout(TIMEOUT_MS)),
    }
}

async fn send(env: &Env, address: &Address, body: &str) -> worker::Result<Result<String, GuardError>> {
    let objects = env.durable_object(BINDING)?;
    let object = match &address.home {
        Some(home) => objects.get_by_name_with_location_hint(&address.name, home)?,
        None => objects.get_by_name(&address.name)?,
    };
    let mut init = RequestInit::new();
    init.with_method(Method::Post).with_body(Some(body.into()));
    let request = worker::Request::new_with_init(URL, &init)?;
    let mut response: Response = object.fetch_with_request(request).await?;
    let text = response.text().await?;
    Ok(match response.status_code() {
        200 => Ok(text),
        _ => Err(GuardError::Failed(text)),
    })
}
