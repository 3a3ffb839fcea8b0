//! Where commands find their settings: a file, and the environment over it.

use std::{
    io,
    path::{Path, PathBuf},
};

use anyhow::anyhow;
use clap::Args;

use crate::{
    settings::{self, Settings, SettingsError},
    store::DatabaseUrl,
};

/// The settings file that is read when none is named.
const DEFAULT_FILE: &str = "keyward.toml";

#[derive(Args)]
pub(super) struct Configuration {
    /// Settings file [default: keyward.toml, if there is one]
    #[arg(long, env = "KEYWARD_CONFIG", hide_env_values = true, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Configuration {
    /// All settings.
    pub(super) fn settings(&self) -> anyhow::Result<Settings> {
        Ok(self.read_settings()??)
    }

    /// Where the database is.
    pub(super) fn database(&self) -> anyhow::Result<DatabaseUrl> {
        Ok(self.read_database()??)
    }

    /// All settings, or which of them is wrong.
    pub(super) fn read_settings(&self) -> anyhow::Result<Result<Settings, SettingsError>> {
        let (name, text) = self.file()?;
        let file = text.as_deref().map(|text| (name.as_str(), text));
        Ok(Settings::load(file, variables()))
    }

    /// Where the database is, or what is wrong with what says so.
    pub(super) fn read_database(&self) -> anyhow::Result<Result<DatabaseUrl, SettingsError>> {
        let (name, text) = self.file()?;
        let file = text.as_deref().map(|text| (name.as_str(), text));
        Ok(settings::load_database(file, variables()))
    }

    /// The settings file, if there is one.
    pub(super) fn existing_file(&self) -> Option<PathBuf> {
        let path = self.config.as_deref().unwrap_or(Path::new(DEFAULT_FILE));
        path.is_file().then(|| path.to_owned())
    }

    /// The name of the settings file, and its text if there is one.
    fn file(&self) -> anyhow::Result<(String, Option<String>)> {
        let path = self.config.as_deref().unwrap_or(Path::new(DEFAULT_FILE));
        let name = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Ok((name, Some(text))),
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.config.is_none() => {
                Ok((name, None))
            }
            Err(error) => Err(anyhow!("cannot read the settings file {name}: {error}")),
        }
    }
}

fn variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| {
        let name = name.into_string().ok()?;
        // A value that is not UTF-8 cannot be right for any of ours; it fails its check with its name.
        settings::is_ours(&name).then(|| (name, value.to_string_lossy().into_owned()))
    })
}
