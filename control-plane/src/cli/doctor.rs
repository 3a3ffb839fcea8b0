//! `keyward doctor`.

use std::{io::IsTerminal as _, process::ExitCode, sync::Arc};

use anyhow::Context as _;
use clap::Args;
use keyward_shared::Entropy;
use serde_json::json;

use super::{configuration::Configuration, show::Output};
use crate::{
    clock::{Clock, SystemClock, SystemEntropy},
    doctor::{self, Finding, Findings, Installation, Status},
};

/// Look at settings, database, KV namespaces and Workers, and say what is wrong and what to do
///
/// It reads what `keyward serve` reads and may run beside it. It changes nothing, but for a probe in each KV namespace, which it
/// takes away again. No secret is printed.
#[derive(Args)]
#[command(
    after_help = "Exit codes: 0 if nothing fails (there may be warnings), 1 if something does, 2 for a wrong command line."
)]
pub(super) struct Doctor {
    #[command(flatten)]
    configuration: Configuration,
    #[command(flatten)]
    output: Output,
}

impl Doctor {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        // reqwest is built without a provider, so that `ring` is the only one there is.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let file = self.configuration.existing_file();
        let installation = Installation {
            file: file.as_deref(),
            settings: self.configuration.read_settings()?,
            database: self.configuration.read_database()?,
        };
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let entropy: Arc<dyn Entropy + Send + Sync> = Arc::new(SystemEntropy);
        let has_colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        let is_json = self.output.json;
        let mut tell = |finding: &Finding| {
            if !is_json {
                println!("{}", line(finding, has_colour));
            }
        };
        let mut findings = Findings::telling(&mut tell);
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start the runtime")?
            .block_on(doctor::examine(installation, &clock, &entropy, &mut findings));
        let worst = findings.worst();
        if is_json {
            let report = json!({ "status": worst, "checks": findings.all() });
            println!("{report:#}");
        } else {
            println!("{}", summary(findings.all()));
        }
        Ok(match worst {
            Status::Ok | Status::Warn => ExitCode::SUCCESS,
            Status::Fail => ExitCode::FAILURE,
        })
    }
}

fn line(finding: &Finding, has_colour: bool) -> String {
    let (colour, end) = match (has_colour, finding.status) {
        (false, _) => ("", ""),
        (true, Status::Ok) => ("\x1b[32m", "\x1b[0m"),
        (true, Status::Warn) => ("\x1b[33m", "\x1b[0m"),
        (true, Status::Fail) => ("\x1b[31m", "\x1b[0m"),
    };
    let deployment = finding.deployment.as_ref();
    let deployment = deployment.map_or_else(String::new, |id| format!(" [{id}]"));
    let advice = finding.advice.as_ref();
    let advice = advice.map_or_else(String::new, |advice| format!("\n      → {advice}"));
    let status = format!("{:<4}", finding.status.as_str());
    format!(
        "{colour}{status}{end}  {}{deployment}: {}{advice}",
        finding.check, finding.found
    )
}

fn summary(findings: &[Finding]) -> String {
    let count = |status| findings.iter().filter(|finding| finding.status == status).count();
    format!(
        "{} ok, {} to look at, {} failed",
        count(Status::Ok),
        count(Status::Warn),
        count(Status::Fail)
    )
}
