//! `keyward audit export`.

use std::{
    fs::File,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::PathBuf,
};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use indicatif::ProgressBar;
use reqwest::Method;

use super::Filter;
use crate::{
    cli::{exit::CODES, remote::Remote},
    client::{ClientError, Request},
};

/// Write all events to a file, or standard output, as they come
#[derive(Args)]
#[command(after_help = CODES)]
pub(super) struct Export {
    #[command(flatten)]
    filter: Filter,
    /// One document a line, or one array
    #[arg(long, value_enum, default_value = "ndjson")]
    format: Format,
    /// Where they go; nothing may be there [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Ndjson,
    Json,
}

impl Export {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let session = self.remote.session()?;
        let format = match (self.format, self.remote.json) {
            (Format::Json, _) | (_, true) => "json",
            (Format::Ndjson, false) => "ndjson",
        };
        let request = Request::new(Method::GET, ["api", "v1", "audit"]).with("format", Some(format));
        let request = self.filter.of(request, &session).await?.long();
        let mut answer = session.client.open(&request).await?;
        let progress = ProgressBar::no_length();
        let (mut out, is_file): (Box<dyn Write>, bool) = match &self.output {
            None => (Box::new(io::stdout()), false),
            Some(path) => {
                let file = File::options()
                    .write(true)
                    .create_new(true)
                    .mode(0o600)
                    .open(path);
                (
                    Box::new(file.with_context(|| format!("cannot make {}", path.display()))?),
                    true,
                )
            }
        };
        while let Some(chunk) = answer.chunk().await.map_err(ClientError::from)? {
            out.write_all(&chunk)?;
            if is_file {
                progress.inc(chunk.len() as u64);
            }
        }
        out.flush()?;
        progress.finish_and_clear();
        Ok(())
    }
}
