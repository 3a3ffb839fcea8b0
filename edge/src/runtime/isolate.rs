//! What lives as long as the isolate.

use std::{
    cell::{OnceCell, RefCell},
    rc::Rc,
};

use keyward_shared::RouteTable;
use worker::Env;

use super::{bindings, guards, kv, limiter, usage};
use crate::{
    deployment::{Deployment, SettingError},
    desk::{Desk, Outside},
    local::Local,
};

/// The deployment, and what is kept from one request to the next.
pub(super) struct Isolate {
    pub(super) deployment: Deployment,
    pub(super) local: RefCell<Local>,
}

/// An isolate, or the setting without which there is none.
pub(super) type Made = Rc<Result<Isolate, SettingError>>;

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

    pub(super) fn desk<'a, O: Outside>(&'a self, outside: &'a O) -> Desk<'a, O> {
        Desk {
            deployment: &self.deployment,
            local: &self.local,
            outside,
        }
    }
}

thread_local! {
    /// Settings do not change while an isolate lives, so they are read once; a wrong one stays wrong.
    static ISOLATE: OnceCell<Made> = const { OnceCell::new() };
}

/// The one isolate there is.
pub(super) fn isolate(env: &Env) -> Made {
    ISOLATE.with(|isolate| Rc::clone(isolate.get_or_init(|| Rc::new(Isolate::new(env)))))
}
