//! `keyward keys import`.

use std::{fs, io::Read as _};

use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use indicatif::ProgressBar;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    cli::{
        exit::CODES,
        remote::{Place, Remote, idempotency_key},
        show::{self, Table},
    },
    client::Request,
};

/// The most keys in one call.
const MOST: usize = 1000;

/// Import keys that were made elsewhere, by their hashes
///
/// The file holds a JSON array of keys, an object with such an array as `keys`, or one key a line. A key is
/// {"hash": "<SHA-256 in hex>", "preview": "…", "name": "…", "service_id": "…", …}. Each is imported or refused by itself.
#[derive(Args)]
#[command(after_help = CODES)]
pub(super) struct Import {
    /// The file; `-` is standard input
    file: String,
    /// Makes it the same request when it is sent again [default: a new one]
    #[arg(long, value_name = "TEXT")]
    idempotency_key: Option<String>,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    remote: Remote,
}

impl Import {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let keys = read(&self.file)?;
        let session = self.remote.session()?;
        let organization = session.organization(&self.place).await?;
        let once = idempotency_key(self.idempotency_key.as_ref());
        let progress = ProgressBar::new(keys.len() as u64);
        let (mut imported, mut results) = (0, Vec::new());
        for (number, batch) in keys.chunks(MOST).enumerate() {
            let request = Request::new(Method::POST, ["api", "v1", "keys", "import"])
                .with("organization_id", organization.as_ref())
                .body(json!({ "keys": batch }))
                .once(&format!("{once}-{number}"));
            let mut answer = session.ask(&request).await?;
            imported += answer["imported"].as_u64().unwrap_or_default();
            for mut result in answer["keys"]
                .as_array_mut()
                .map(std::mem::take)
                .into_iter()
                .flatten()
            {
                let index = result["index"].as_u64().unwrap_or_default() + (number * MOST) as u64;
                result["index"] = json!(index);
                results.push(result);
            }
            progress.inc(batch.len() as u64);
        }
        progress.finish_and_clear();
        let refused = results.len() as u64 - imported;
        if self.remote.json {
            show::json(&json!({ "imported": imported, "refused": refused, "keys": results }))?;
        } else {
            let mut table = Table::new(&["#", "NAME", "STATUS", "KEY ID", "WHY"]);
            let rows: Vec<_> = results.iter().map(row).collect();
            table.rows(&rows)?;
            show::note(&format!("{imported} imported, {refused} refused"));
        }
        match refused {
            0 => Ok(()),
            refused => Err(anyhow!("{refused} keys were not imported; those that were, stay")),
        }
    }
}

fn row(result: &Value) -> Vec<String> {
    ["index", "name", "status", "key_id", "detail"]
        .map(|field| show::cell(&result[field]))
        .to_vec()
}

fn read(file: &str) -> anyhow::Result<Vec<Value>> {
    let mut text = String::new();
    if file == "-" {
        std::io::stdin()
            .read_to_string(&mut text)
            .context("cannot read standard input")?;
    } else {
        text = fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?;
    }
    let keys = match serde_json::from_str(&text) {
        Ok(Value::Array(keys)) => keys,
        Ok(Value::Object(mut one)) => match one.remove("keys") {
            Some(Value::Array(keys)) => keys,
            _ => vec![Value::Object(one)],
        },
        _ => {
            let lines = text
                .lines()
                .enumerate()
                .filter(|(_, line)| !line.trim().is_empty());
            let parsed = lines.map(|(number, line)| {
                serde_json::from_str(line)
                    .map_err(|_| anyhow!("{file} line {} is not a JSON object", number + 1))
            });
            parsed.collect::<anyhow::Result<Vec<Value>>>()?
        }
    };
    if keys.is_empty() {
        bail!("{file} holds no keys");
    }
    Ok(keys)
}
