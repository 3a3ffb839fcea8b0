//! A second Worker that shares the guards of a lone edge: what an isolate at another place of the world is to the first.
//! Its KV is its own and stays empty, as far behind as KV can be.

use std::{fs, path::Path, process::Command, time::Duration};

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
        fs::write(folder.join("wrangler.toml"), configuration(&wrangler_toml, &name)).unwrap();
        let port = free_port().unwrap();
        let env_file = lone.state().join("worker.env");
        let mut command = wrangler_dev(&folder, port, &env_file);
        // Where it finds the other's guards.
        command.env("WRANGLER_REGISTRY_PATH", lone.state().join("wrangler/registry"));
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
    let text = without(&built(wrangler_toml), "[[migrations]]", "[vars]");
    let own = "class_name = \"KeyGuard\"";
    let text = text
        .replace(own, &format!("{own}\nscript_name = \"keyward-edge\""))
        .replace("name = \"keyward-edge\"\nmain", &format!("name = {name:?}\nmain"));
    assert!(text.contains(name) && text.contains("script_name"), "{text}");
    text
}

/// The Worker's own configuration, for a folder of its own. It is built already.
pub(super) fn built(wrangler_toml: &str) -> String {
    let entry = programs::root().join("edge/entry/index.ts");
    let text = without(wrangler_toml, "[build]", "[[kv_namespaces]]");
    text.replace("\"edge/entry/index.ts\"", &format!("{entry:?}"))
}

fn without(text: &str, section: &str, next: &str) -> String {
    let (start, end) = (text.find(section).unwrap(), text.find(next).unwrap());
    format!("{}{}", &text[..start], &text[end..])
}

/// `wrangler dev` with the wrangler.toml of a folder, where it also keeps what lasts.
pub(super) fn wrangler_dev(folder: &Path, port: u16, env_file: &Path) -> Command {
    let mut command = Workspace::find().unwrap().wrangler();
    command
        .args(["dev", "--ip", "127.0.0.1", "--inspector-port", "0"])
        .args(["--show-interactive-dev-session=false", "--log-level", "log"])
        .args(["--port", &port.to_string()])
        .arg("--config")
        .arg(folder.join("wrangler.toml"))
        .arg("--persist-to")
        .arg(folder.join("state"))
        .arg("--env-file")
        .arg(env_file)
        .env("WRANGLER_LOG_PATH", folder.join("logs"))
        .env("NO_PROXY", "127.0.0.1,localhost")
        .env("no_proxy", "127.0.0.1,localhost");
    command
}
