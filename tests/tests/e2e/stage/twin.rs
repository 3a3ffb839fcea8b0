//! A second Worker that shares the guards of a lone edge: what an isolate at another place of the world is to the first.
//! Its KV is its own and stays empty, as far behind as KV can be.

use std::{fs, time::Duration};

use xtask::{ports::free_port, workspace::Workspace};

use super::{LoneEdge, guarded::Guarded, programs, run_folder};
use crate::{actors::Edge, clock::wait_for};

const READY_WITHIN: Duration = Duration::from_secs(60);

/// A running Worker. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Twin {
    pub(crate) edge: Edge,
    _process: Guarded,
}

impl Twin {
    /// Another isolate of this Worker.
    pub(crate) fn of(lone: &LoneEdge) -> Self {
        let folder = run_folder::new_folder("twin");
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let wrangler_toml = fs::read_to_string(programs::root().join("wrangler.toml")).unwrap();
        let config = folder.join("wrangler.toml");
        fs::write(&config, configuration(&wrangler_toml, &name)).unwrap();
        let port = free_port().unwrap();
        let mut command = Workspace::find().unwrap().wrangler();
        command
            .args(["dev", "--ip", "127.0.0.1", "--inspector-port", "0"])
            .args(["--show-interactive-dev-session=false", "--log-level", "log"])
            .args(["--port", &port.to_string()])
            .arg("--config")
            .arg(&config)
            .arg("--persist-to")
            .arg(folder.join("state"))
            .arg("--env-file")
            .arg(lone.state().join("worker.env"))
            .env("WRANGLER_LOG_PATH", folder.join("logs"))
            // Where it finds the other's guards.
            .env("WRANGLER_REGISTRY_PATH", lone.state().join("wrangler/registry"))
            .env("NO_PROXY", "127.0.0.1,localhost")
            .env("no_proxy", "127.0.0.1,localhost");
        let mut process = Guarded::start(&mut command, &folder.join("twin.log"));
        let edge = Edge::at(&format!("http://127.0.0.1:{port}"));
        let ready = wait_for(READY_WITHIN, || {
            if let Some(status) = process.ended() {
                return Some(Err(status));
            }
            edge.line().reaches("/.keyward/health").then_some(Ok(()))
        });
        assert!(
            matches!(ready, Some(Ok(()))),
            "the twin does not answer: {ready:?}\n{}",
            process.log_tail()
        );
        Self {
            edge,
            _process: process,
        }
    }
}

/// The Worker's own configuration, under another name, with the guards of the script that it is a twin of. It is built
/// already.
fn configuration(wrangler_toml: &str, name: &str) -> String {
    let without = |text: &str, section: &str, next: &str| {
        let (start, end) = (text.find(section).unwrap(), text.find(next).unwrap());
        format!("{}{}", &text[..start], &text[end..])
    };
    let entry = programs::root().join("edge/entry/index.ts");
    let text = without(wrangler_toml, "[build]", "[[kv_namespaces]]");
    let text = without(&text, "[[migrations]]", "[vars]");
    let own = "class_name = \"KeyGuard\"";
    let text = text
        .replace(own, &format!("{own}\nscript_name = \"keyward-edge\""))
        .replace("name = \"keyward-edge\"\nmain", &format!("name = {name:?}\nmain"))
        .replace("\"edge/entry/index.ts\"", &format!("{entry:?}"));
    assert!(text.contains(name) && text.contains("script_name"), "{text}");
    text
}
