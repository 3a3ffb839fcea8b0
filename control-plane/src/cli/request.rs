//! `keyward request`: a request through the edge, under the key's identity.

use std::{
    io::{self, Read as _, Write as _},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context as _, bail};
use clap::Args;
use reqwest::{Method, header::AUTHORIZATION};

use super::{
    exit::{CODES, Stop, of_status},
    remote::Remote,
    secret,
};
use crate::{
    client::{self, Credential},
    publish::transport,
};

/// How long an answer may take to begin and to come.
const WITHIN: Duration = Duration::from_secs(600);

/// Make a request through the edge with an API key, and print the answer
///
/// The key is the profile's, or KEYWARD_API_KEY, or --key. The address is --edge-url, KEYWARD_EDGE_URL, or what was given to
/// `keyward login`. The command ends with 0 for a status below 400.
#[derive(Args)]
#[command(after_help = CODES)]
pub(super) struct Call {
    /// The method, such as GET
    method: String,
    /// The path, with its query: /v1/predict
    path: String,
    /// The address of the Worker
    #[arg(long, env = "KEYWARD_EDGE_URL", hide_env_values = true, value_name = "URL")]
    edge_url: Option<String>,
    /// The API key; `-` reads it from standard input
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// A header; once for each
    #[arg(long = "header", short = 'H', value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// The body; `@<file>` reads it from a file, and `-` from standard input
    #[arg(long, short, value_name = "BODY")]
    data: Option<String>,
    /// Print the status and the headers of the answer, too
    #[arg(long, short)]
    include: bool,
    #[command(flatten)]
    remote: Remote,
}

impl Call {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let (credential, edge_url) = self.who_and_where()?;
        if credential.expose().contains('|') {
            bail!("the legacy static key opens nothing at the edge: give an API key with --key -");
        }
        let base = client::base(&edge_url).with_context(|| format!("the address {edge_url}"))?;
        if !self.path.starts_with('/') {
            bail!("the path must begin with `/`");
        }
        let url = format!("{}{}", base.as_str().trim_end_matches('/'), self.path);
        let method = Method::from_bytes(self.method.to_ascii_uppercase().as_bytes()).context("the method")?;
        let http = transport::client(&base, WITHIN).map_err(anyhow::Error::msg)?;
        let mut request = http
            .request(method, url)
            .header(AUTHORIZATION, format!("Bearer {}", credential.expose()));
        for header in &self.headers {
            let (name, value) = header
                .split_once(':')
                .with_context(|| format!("the header {header:?} has no colon"))?;
            request = request.header(name.trim(), value.trim());
        }
        if let Some(body) = self.body()? {
            request = request.body(body);
        }
        let mut answer = request.send().await.map_err(crate::client::ClientError::from)?;
        let mut out = io::stdout().lock();
        if self.include {
            writeln!(out, "{:?} {}", answer.version(), answer.status())?;
            for (name, value) in answer.headers() {
                writeln!(out, "{name}: {}", String::from_utf8_lossy(value.as_bytes()))?;
            }
            writeln!(out)?;
        }
        let status = answer.status().as_u16();
        while let Some(chunk) = answer.chunk().await.map_err(crate::client::ClientError::from)? {
            out.write_all(&chunk)?;
        }
        out.flush()?;
        Ok(ExitCode::from(of_status(status)))
    }

    fn who_and_where(&self) -> anyhow::Result<(Credential, String)> {
        let given = match &self.key {
            Some(key) => Some(Credential::new(&secret::of_argument(
                key,
                Some("KEYWARD_API_KEY"),
            )?)?),
            None => secret::of_variable("KEYWARD_API_KEY")
                .map(|text| Credential::new(&text))
                .transpose()?,
        };
        let profile = match (&given, &self.edge_url) {
            (Some(_), Some(_)) => None,
            _ => self.remote.profile()?.1,
        };
        let (kept, kept_url) = profile
            .map(|profile| (profile.credential, profile.edge_url))
            .unwrap_or_default();
        // What was kept for one service is not sent to another.
        let is_elsewhere = self.edge_url.is_some() && self.edge_url != kept_url;
        let credential = given
            .or(kept.filter(|_| !is_elsewhere))
            .ok_or(Stop::NotSignedIn)?;
        let edge_url = self.edge_url.clone().or(kept_url);
        let edge_url = edge_url.context(
            "say where the Worker is: --edge-url, KEYWARD_EDGE_URL, or `keyward login --edge-url`",
        )?;
        Ok((credential, edge_url))
    }

    fn body(&self) -> anyhow::Result<Option<Vec<u8>>> {
        let Some(data) = &self.data else {
            return Ok(None);
        };
        if data == "-" {
            let mut body = Vec::new();
            io::stdin()
                .read_to_end(&mut body)
                .context("cannot read standard input")?;
            return Ok(Some(body));
        }
        Ok(Some(match data.strip_prefix('@') {
            Some(file) => std::fs::read(file).with_context(|| format!("cannot read {file}"))?,
            None => data.clone().into_bytes(),
        }))
    }
}
