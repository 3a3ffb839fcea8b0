//! `keyward completions` and `keyward man`: made of the command line itself.

use std::{fs, io, path::PathBuf};

use anyhow::Context as _;
use clap::{Args, Command};
use clap_complete::Shell;

/// Print what makes a shell complete `keyward`
///
/// For bash: keyward completions bash > ~/.local/share/bash-completion/completions/keyward
#[derive(Args)]
pub(super) struct Completions {
    /// Which shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Write manual pages, one for each command
#[derive(Args)]
pub(super) struct Man {
    /// The folder that they go to, such as ~/.local/share/man/man1
    folder: PathBuf,
}

impl Completions {
    pub(super) fn run(self, mut command: Command) -> anyhow::Result<()> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, "keyward", &mut script);
        io::Write::write_all(&mut io::stdout().lock(), &script)?;
        Ok(())
    }
}

impl Man {
    pub(super) fn run(self, command: Command) -> anyhow::Result<()> {
        fs::create_dir_all(&self.folder).with_context(|| format!("cannot make {}", self.folder.display()))?;
        let written = clap_mangen::generate_to(command, &self.folder);
        written.with_context(|| format!("cannot write to {}", self.folder.display()))
    }
}
