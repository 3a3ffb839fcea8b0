//! `keyward serve` in a folder of its own, and a KV that it can publish to.

use std::{
    collections::HashSet,
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    response::IntoResponse,
    routing::{post, put},
};
use reqwest::Client;
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const ADMIN_TOKEN: &str = "mT3kWq8xZp-1rYv_9sLb2C";
const RING: &str = "1:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY";

/// A port that nobody uses.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// A running `keyward serve`.
pub(crate) struct Process {
    child: Child,
    folder: TempDir,
    port: u16,
}

impl Process {
    /// Starts one with these settings besides the necessary ones, and waits until it answers.
    pub(crate) async fn start(settings: &str) -> Self {
        let (folder, port) = (TempDir::new().unwrap(), free_port());
        let text = format!(
            "listen = \"127.0.0.1:{port}\"\nadmin_token = {ADMIN_TOKEN:?}\nservices = [\"prediction\"]\nlog_format = \"json\"\n\
             propagation_wait_seconds = 0\nreconcile_interval_seconds = 0\n{settings}\n[tag_secrets]\nproduction = {RING:?}\n"
        );
        fs::write(folder.path().join("keyward.toml"), text).unwrap();
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_keyward"))
            .arg("serve")
            .current_dir(folder.path())
            .env_clear()
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut process = Self { child, folder, port };
        let client = client(Ipv4Addr::LOCALHOST);
        for _ in 0..600 {
            if client.get(process.url("/healthz")).send().await.is_ok() {
                return process;
            }
            assert!(process.child.try_wait().unwrap().is_none(), "{}", process.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("it does not answer\n{}", process.log());
    }

    pub(crate) fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// Asks it to end.
    pub(crate) fn terminate(&self) {
        let pid = i32::try_from(self.child.id()).unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    }

    /// Waits for its end.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        for _ in 0..600 {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("it does not end\n{}", self.log());
    }

    /// Creates a key.
    pub(crate) async fn create(&self, client: &Client, name: &str) -> reqwest::Response {
        let wish = json!({ "name": name, "service_id": "prediction" });
        let request = client
            .post(self.url("/api/v1/keys"))
            .bearer_auth(ADMIN_TOKEN)
            .json(&wish);
        request.send().await.unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A client at this address.
pub(crate) fn client(address: Ipv4Addr) -> Client {
    // reqwest is built without a provider; the first one installed stays.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .local_address(IpAddr::V4(address))
        .timeout(Duration::from_secs(60))
        .build()
        .unwrap()
}

/// A KV namespace that takes its time.
pub(crate) struct SlowKv {
    names: Arc<Mutex<HashSet<String>>>,
    port: u16,
}

impl SlowKv {
    pub(crate) async fn start(takes: Duration) -> Self {
        let names = Arc::new(Mutex::new(HashSet::new()));
        let written = Arc::clone(&names);
        let bulk = move |State(names): State<Arc<Mutex<HashSet<String>>>>, Json(pairs): Json<Vec<Value>>| async move {
            tokio::time::sleep(takes).await;
            let mut names = names.lock().unwrap();
            names.extend(pairs.iter().map(|pair| pair["key"].as_str().unwrap().to_owned()));
            let result = json!({ "successful_key_count": pairs.len(), "unsuccessful_keys": [] });
            Json(json!({ "success": true, "errors": [], "messages": [], "result": result }))
        };
        // Nobody reads here what was written.
        let nothing = async || {
            Json(json!({ "success": true, "errors": [], "messages": [], "result": { "values": {} } }))
        };
        let router = Router::new()
            .route("/storage/kv/namespaces/{id}/bulk", put(bulk))
            .route("/storage/kv/namespaces/{id}/bulk/get", post(nothing))
            .fallback(async || StatusCode::NOT_FOUND.into_response())
            .with_state(written);
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { names, port }
    }

    /// How many records it holds.
    pub(crate) fn len(&self) -> usize {
        let names = self.names.lock().unwrap();
        names.iter().filter(|name| name.starts_with("k1:")).count()
    }

    /// The settings of a deployment on it.
    pub(crate) fn settings(&self) -> String {
        deployment(self.port)
    }
}

/// The settings of a deployment whose KV is at this port.
pub(crate) fn deployment(port: u16) -> String {
    format!(
        "[deployments.main]\nenvironment = \"production\"\nkv_url = \"http://127.0.0.1:{port}\"\nnamespace_id = \"ns\"\n\
         record_secrets = {RING:?}\n"
    )
}
