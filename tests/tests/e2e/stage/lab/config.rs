//! The configuration of plain `workerd` for a lab (`workerd.capnp` describes it).

use std::fmt::Write as _;

/// A Worker of a lab: one isolate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) name: &'static str,
    pub(super) worker: Worker,
    pub(super) guards: Guards,
    /// Whether its control plane tells it of changes.
    pub(super) is_told: bool,
}

/// Which Worker runs there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Worker {
    /// The one that is deployed.
    Deployed,
    /// The one with the tests' own routes.
    UnderTest,
}

impl Worker {
    /// The folder of its files, beside the configuration.
    pub(super) fn folder(self) -> &'static str {
        match self {
            Self::Deployed => "deployed",
            Self::UnderTest => "under-test",
        }
    }
}

/// Where its KeyGuards are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guards {
    /// Behind the gate, and shared with the others. A lease lasts two seconds.
    Leasing,
    /// The same, and every request is asked for: `LEASE_SECONDS` is 0.
    SingleUse,
    /// In the same script, as they are deployed: what ends one ends both.
    Own,
}

impl Guards {
    fn lease_seconds(self) -> &'static str {
        match self {
            Self::Leasing | Self::Own => "2",
            Self::SingleUse => "0",
        }
    }

    fn behind_the_gate(self) -> Option<[&'static str; 2]> {
        match self {
            Self::Leasing => Some(["between", "guards"]),
            Self::SingleUse => Some(["between-single", "guards-single"]),
            Self::Own => None,
        }
    }
}

/// What a lab is made of.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    /// The Workers, each with the port that it is reached at.
    pub(super) places: &'a [(Place, u16)],
    /// The variables of all Workers.
    pub(super) variables: &'a [(&'a str, &'a str)],
    /// Their secrets, which `workerd` finds in its environment under these names.
    pub(super) secrets: &'a [(String, &'a str)],
    pub(super) compatibility_date: &'a str,
    /// What is behind the binding `KEYS`.
    pub(super) kv: &'a str,
    /// What `between.js` asks.
    pub(super) gate: &'a str,
    /// Where messages of the queue go, of a Worker with guards of its own. None: it has no queue.
    pub(super) queue: Option<&'a str>,
    pub(super) module: &'a str,
}

impl Plan<'_> {
    /// The text of the configuration.
    pub(super) fn text(&self) -> String {
        let mut services = String::new();
        let mut sockets = String::new();
        for (place, port) in self.places {
            let name = place.name;
            let objects = match place.guards.behind_the_gate() {
                Some([between, _]) => format!("(className = \"Between\", serviceName = {between:?})"),
                None => "\"KeyGuard\"".to_owned(),
            };
            services += &self.worker(name, place.worker, place.guards, place.is_told, &objects);
            let _ = writeln!(
                sockets,
                "(name = {name:?}, address = \"127.0.0.1:{port}\", http = (), service = {name:?}),"
            );
        }
        for guards in [Guards::Leasing, Guards::SingleUse] {
            let is_used = self.places.iter().any(|(place, _)| place.guards == guards);
            let Some([between, real]) = guards.behind_the_gate().filter(|_| is_used) else {
                continue;
            };
            services += &self.worker(real, Worker::Deployed, guards, true, "\"KeyGuard\"");
            services += &self.between(between, real);
        }
        let external = [("kv", self.kv), ("gate", self.gate)];
        let queue = self.queue.map(|address| ("queue", address));
        let external = external.into_iter().chain(queue).map(|(name, address)| {
            format!("(name = {name:?}, external = (address = {address:?}, http = ())),\n")
        });
        format!(
            "using Workerd = import \"/workerd/workerd.capnp\";\n\
             const config :Workerd.Config = (\nservices = [\n{services}{}\
             (name = \"internet\", network = (allow = [\"private\"])),\n\
             (name = \"objects\", disk = (path = \"objects\", writable = true)),\n\
             ],\nsockets = [\n{sockets}]\n);\n",
            external.collect::<String>()
        )
    }

    fn worker(&self, name: &str, worker: Worker, guards: Guards, is_told: bool, objects: &str) -> String {
        let (folder, module, date) = (worker.folder(), self.module, self.compatibility_date);
        let mut bindings = format!(
            "(name = \"KEYS\", kvNamespace = \"kv\"), (name = \"GUARDS\", durableObjectNamespace = {objects}),\n\
             (name = \"LEASE_SECONDS\", text = {:?}),\n",
            guards.lease_seconds()
        );
        for (name, text) in self.variables {
            let _ = writeln!(bindings, "(name = {name:?}, text = {text:?}),");
        }
        for (name, _) in self.secrets {
            if is_told || name != "SYNC_SECRETS" {
                let _ = writeln!(bindings, "(name = {name:?}, fromEnvironment = {name:?}),");
            }
        }
        if guards == Guards::Own && self.queue.is_some() {
            bindings += "(name = \"USAGE\", queue = \"queue\"),\n";
        }
        let own = if objects.starts_with('"') {
            let class = format!("(className = \"KeyGuard\", uniqueKey = {name:?}, enableSql = true)");
            format!("durableObjectNamespaces = [{class}], durableObjectStorage = (localDisk = \"objects\"),")
        } else {
            String::new()
        };
        format!(
            "(name = {name:?}, worker = (modules = [\
             (name = \"worker.js\", esModule = embed \"{folder}/worker.js\"), \
             (name = {module:?}, wasm = embed \"{folder}/{module}\")],\n\
             compatibilityDate = {date:?}, globalOutbound = \"internet\", {own}\nbindings = [\n{bindings}])),\n"
        )
    }

    /// The objects between a Worker and its guards. They keep nothing.
    fn between(&self, name: &str, real: &str) -> String {
        let date = self.compatibility_date;
        format!(
            "(name = {name:?}, worker = (modules = [(name = \"between.js\", esModule = embed \"between.js\")],\n\
             compatibilityDate = {date:?},\n\
             durableObjectNamespaces = [(className = \"Between\", uniqueKey = {name:?})], durableObjectStorage = (inMemory = void),\n\
             bindings = [(name = \"TEST\", service = \"gate\"), \
             (name = \"GUARDS\", durableObjectNamespace = (className = \"KeyGuard\", serviceName = {real:?}))])),\n"
        )
    }
}
