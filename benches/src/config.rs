//! The configuration of a contestant, and the files that it embeds.
//!
//! See `workerd.capnp` in the npm package `workerd` for what each part means.

use std::{fmt::Write as _, fs, net::SocketAddr, path::Path};

use anyhow::{Context as _, Result};
use xtask::private_file;

use crate::{
    contestants::{Contestant, Kind},
    credentials::DEPLOYMENT,
    workerd::Surroundings,
};

/// The name of the configuration in a contestant's folder.
pub const FILE: &str = "config.capnp";

/// What contestants call the script that wrangler would upload.
const SCRIPT: &str = "keyward.js";
/// The module of Keyward's build.
const MODULE: &str = "index_bg.wasm";

/// Where everybody listens.
#[derive(Clone, Copy, Debug)]
pub struct Places {
    /// The contestant.
    pub http: SocketAddr,
    /// The contestant, for the count of calls to its KeyGuards.
    pub guard_calls: SocketAddr,
    /// The origin.
    pub origin: SocketAddr,
    /// The storage behind KV.
    pub kv: SocketAddr,
    /// The queue.
    pub queue: SocketAddr,
}

/// What differs between contestants.
#[derive(Debug, Default)]
struct Worker {
    /// Names, and kinds as the configuration calls them.
    modules: Vec<(String, &'static str)>,
    /// Variables and secrets.
    texts: Vec<(String, String)>,
    /// Other bindings, and what belongs to them.
    bindings: &'static str,
    storage: &'static str,
    /// A second socket.
    socket: String,
}

/// Puts the configuration, and what it embeds, beside `worker.js` in `folder`.
///
/// # Errors
/// When `folder` cannot be written, or wrangler.toml lacks something.
pub fn write(
    around: &Surroundings<'_>,
    contestant: &Contestant,
    folder: &Path,
    places: &Places,
) -> Result<()> {
    let date = around
        .wrangler_toml
        .get("compatibility_date")
        .and_then(toml::Value::as_str)
        .context("wrangler.toml has no compatibility_date")?;
    let mut worker = match contestant.kind {
        Kind::Script => script(around, folder)?,
        Kind::Keyward => keyward(
            around,
            &[&around.bundle.script, &around.bundle.module],
            folder,
            places,
        )?,
        Kind::KeywardInside => keyward(
            around,
            &[&around.workspace.worker_build().join(MODULE)],
            folder,
            places,
        )?,
    };
    worker.modules.insert(0, ("worker.js".to_owned(), "esModule"));
    worker
        .texts
        .push(("UPSTREAM_ORIGIN".to_owned(), format!("http://{}", places.origin)));
    let mut modules = String::new();
    for (name, kind) in &worker.modules {
        // Writing to a text cannot fail.
        let _ = write!(modules, "(name = {name:?}, {kind} = embed {name:?}), ");
    }
    let mut bindings = worker.bindings.to_owned();
    for (name, text) in &worker.texts {
        let _ = write!(bindings, "(name = {name:?}, text = {text:?}), ");
    }
    let objects = folder.join("objects");
    private_file::make_folder(&objects)?;
    let text = format!(
        "using Workerd = import \"/workerd/workerd.capnp\";\n\
         const config :Workerd.Config = (\n\
         services = [\n\
         (name = \"worker\", worker = (modules = [{modules}], compatibilityDate = {date:?},\n\
         globalOutbound = \"origin\", bindings = [{bindings}], {storage})),\n\
         (name = \"origin\", external = (address = \"{origin}\", http = ())),\n\
         (name = \"kv\", external = (address = \"{kv}\", http = ())),\n\
         (name = \"queue\", external = (address = \"{queue}\", http = ())),\n\
         (name = \"objects\", disk = (path = {objects:?}, writable = true)),\n\
         ],\n\
         sockets = [(name = \"http\", address = \"{http}\", http = (), service = \"worker\"), {socket}]\n\
         );\n",
        storage = worker.storage,
        origin = places.origin,
        kv = places.kv,
        queue = places.queue,
        objects = objects.to_string_lossy(),
        http = places.http,
        socket = worker.socket,
    );
    private_file::write(&folder.join(FILE), &text)
}

fn script(around: &Surroundings<'_>, folder: &Path) -> Result<Worker> {
    fs::write(folder.join("keys.json"), around.credentials.hashes())?;
    Ok(Worker {
        modules: vec![("keys.json".to_owned(), "json")],
        ..Worker::default()
    })
}

/// A Worker with Keyward's bindings, whose script imports `files`.
fn keyward(around: &Surroundings<'_>, files: &[&Path], folder: &Path, places: &Places) -> Result<Worker> {
    let mut modules = Vec::new();
    for file in files {
        let is_script = file.extension().is_some_and(|extension| extension == "js");
        let name = match file.file_name() {
            Some(name) if !is_script => name.to_string_lossy().into_owned(),
            _ => SCRIPT.to_owned(),
        };
        fs::copy(file, folder.join(&name)).with_context(|| format!("cannot copy {}", file.display()))?;
        modules.push((name, if is_script { "esModule" } else { "wasm" }));
    }
    let mut texts = variables(&around.wrangler_toml);
    texts.retain(|(name, _)| name != "DEPLOYMENT");
    texts.push(("DEPLOYMENT".to_owned(), DEPLOYMENT.to_owned()));
    texts.extend(around.credentials.worker_secrets()?);
    Ok(Worker {
        modules,
        texts,
        bindings: "(name = \"KEYS\", kvNamespace = \"kv\"), (name = \"GUARDS\", durableObjectNamespace = \"KeyGuard\"), (name = \"USAGE\", queue = \"queue\"), ",
        // On disk, as `wrangler dev` keeps them.
        storage: "durableObjectNamespaces = [(className = \"KeyGuard\", uniqueKey = \"keyward-edge-KeyGuard\", enableSql = true)], \
                  durableObjectStorage = (localDisk = \"objects\")",
        socket: format!(
            "(name = \"calls\", address = \"{}\", http = (), service = (name = \"worker\", entrypoint = \"GuardCalls\"))",
            places.guard_calls
        ),
    })
}

/// The `[vars]` of wrangler.toml: what is measured is what is deployed by default.
fn variables(wrangler_toml: &toml::Table) -> Vec<(String, String)> {
    let table = wrangler_toml.get("vars").and_then(toml::Value::as_table);
    table
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .collect()
}
