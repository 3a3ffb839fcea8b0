//! The Worker of `examples/service-binding`, bound to a lone edge as it would be to a deployed one.

use std::{fs, time::Duration};

use xtask::{ports::free_port, workspace::Workspace};

use super::{LoneEdge, guarded::Guarded, run_folder};
use crate::{actors::Edge, clock::wait_for};

const READY_WITHIN: Duration = Duration::from_secs(60);

/// A running Worker. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Example {
    /// Called like an edge: it protects itself.
    pub(crate) worker: Edge,
    _process: Guarded,
}

impl Example {
    /// Starts it as someone who may ask this edge about keys, with this secret.
    pub(crate) fn beside(lone: &LoneEdge, secret: &str) -> Self {
        let folder = run_folder::new_folder("example");
        let variables = folder.join("worker.env");
        fs::write(&variables, format!("KEYWARD_VERIFY_SECRET={secret}\n")).unwrap();
        let port = free_port().unwrap();
        let mut command = Workspace::find().unwrap().wrangler();
        command
            .args(["dev", "--ip", "127.0.0.1", "--inspector-port", "0"])
            .args(["--show-interactive-dev-session=false", "--log-level", "log"])
            .args(["--port", &port.to_string()])
            .args(["--config", "examples/service-binding/wrangler.toml"])
            .arg("--persist-to")
            .arg(folder.join("state"))
            .arg("--env-file")
            .arg(variables)
            .env("WRANGLER_LOG_PATH", folder.join("logs"))
            // Where it finds the edge.
            .env("WRANGLER_REGISTRY_PATH", lone.state().join("wrangler/registry"))
            .env("NO_PROXY", "127.0.0.1,localhost")
            .env("no_proxy", "127.0.0.1,localhost");
        let mut process = Guarded::start(&mut command, &folder.join("example.log"));
        let worker = Edge::at(&format!("http://127.0.0.1:{port}"));
        // Without a key it refuses, once it has asked the edge.
        let ready = wait_for(READY_WITHIN, || {
            if let Some(status) = process.ended() {
                return Some(Err(status));
            }
            (worker.call("GET", "/").try_status() == Some(401)).then_some(Ok(()))
        });
        assert!(
            matches!(ready, Some(Ok(()))),
            "the example does not answer: {ready:?}\n{}",
            process.log_tail()
        );
        Self {
            worker,
            _process: process,
        }
    }
}
