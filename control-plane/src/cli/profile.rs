//! `$HOME/.keyward/config.toml`: which services there are, and who one is there.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, anyhow, bail};
use toml::{Table, Value};
use zeroize::Zeroizing;

use crate::client::Credential;

/// The profile that is used when none is named.
pub(super) const DEFAULT: &str = "default";

/// One service, and who one is there.
#[derive(Clone, Debug, Default)]
pub(super) struct Profile {
    pub(super) url: Option<String>,
    pub(super) credential: Option<Credential>,
    /// Where commands do what they do, when they name no organization.
    pub(super) organization: Option<String>,
    /// Where `keyward request` goes.
    pub(super) edge_url: Option<String>,
}

/// The file with all of them.
#[derive(Debug)]
pub(super) struct Profiles {
    path: PathBuf,
    table: Table,
}

impl Profiles {
    /// Reads the file; none yet is an empty one.
    pub(super) fn read() -> anyhow::Result<Self> {
        let home = std::env::var_os("HOME").context("HOME is not set, so there is no place for profiles")?;
        let path = Path::new(&home).join(".keyward/config.toml");
        let text = match fs::read_to_string(&path) {
            Ok(text) => Zeroizing::new(text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Zeroizing::default(),
            Err(error) => return Err(anyhow!("cannot read {}: {error}", path.display())),
        };
        let mode = path
            .metadata()
            .map_or(0, |metadata| metadata.permissions().mode() & 0o077);
        if mode != 0 {
            eprintln!(
                "warning: {0} can be read by others; run: chmod 600 {0}",
                path.display()
            );
        }
        // The parser's own message would quote the line, which may hold a secret.
        let table = text.parse().map_err(|error: toml::de::Error| {
            let at = error.span().map_or(0, |span| text[..span.start].lines().count());
            anyhow!("{} is not TOML, at line {}", path.display(), at.max(1))
        })?;
        Ok(Self { path, table })
    }

    /// The name of the profile that commands use.
    pub(super) fn current(&self) -> &str {
        self.table
            .get("current")
            .and_then(Value::as_str)
            .unwrap_or(DEFAULT)
    }

    /// One of them.
    pub(super) fn get(&self, name: &str) -> anyhow::Result<Option<Profile>> {
        let Some(profile) = self.table.get("profiles").and_then(|profiles| profiles.get(name)) else {
            return Ok(None);
        };
        let text = |field: &str| profile.get(field).and_then(Value::as_str).map(str::to_owned);
        let credential = text("credential").map(Zeroizing::new);
        let credential = credential.map(|text| Credential::new(&text)).transpose();
        Ok(Some(Profile {
            url: text("url"),
            credential: credential.with_context(|| format!("the profile {name}"))?,
            organization: text("organization"),
            edge_url: text("edge_url"),
        }))
    }

    /// Keeps a profile, and makes it the one that commands use.
    pub(super) fn put(&mut self, name: &str, profile: &Profile) -> anyhow::Result<()> {
        if name.is_empty()
            || !name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        {
            bail!("a profile's name has letters, digits, `-`, `_` and `.`");
        }
        let credential = profile
            .credential
            .as_ref()
            .map(|credential| credential.expose().to_owned());
        let fields = [
            ("url", profile.url.clone()),
            ("credential", credential),
            ("organization", profile.organization.clone()),
            ("edge_url", profile.edge_url.clone()),
        ];
        let fields = fields
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), Value::String(value?))));
        let profiles = self
            .table
            .entry("profiles")
            .or_insert_with(|| Value::Table(Table::new()));
        let profiles = profiles
            .as_table_mut()
            .context("`profiles` in the file must be a table")?;
        profiles.insert(name.to_owned(), Value::Table(fields.collect()));
        self.table
            .insert("current".to_owned(), Value::String(name.to_owned()));
        self.write()
    }

    /// Forgets a profile. The answer is whether there was one.
    pub(super) fn remove(&mut self, name: &str) -> anyhow::Result<bool> {
        let profiles = self.table.get_mut("profiles").and_then(Value::as_table_mut);
        let removed = profiles.and_then(|profiles| profiles.remove(name));
        if removed.is_none() {
            return Ok(false);
        }
        if self.current() == name {
            self.table.remove("current");
        }
        self.write()?;
        Ok(true)
    }

    /// Writes the file as a whole, for nobody else to read.
    fn write(&self) -> anyhow::Result<()> {
        let folder = self.path.parent().context("the file has no folder")?;
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
        let text = Zeroizing::new(toml::to_string(&self.table)?);
        let partial = self.path.with_extension("toml.partial");
        let _ = fs::remove_file(&partial);
        let written = fs::File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&partial)
            .and_then(|mut file| {
                file.write_all(text.as_bytes())?;
                file.sync_all()
            })
            .and_then(|()| fs::rename(&partial, &self.path));
        written.with_context(|| format!("cannot write {}", self.path.display()))
    }
}
