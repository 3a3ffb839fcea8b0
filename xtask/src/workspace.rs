//! Where things are in this repository, and how its tools are called.

use std::{
    env,
    ffi::OsString,
    iter,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

/// The folder that holds the workspace's Cargo.toml.
#[derive(Clone, Debug)]
pub struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// The workspace that this program was built in.
    ///
    /// # Errors
    /// When it has been moved since.
    pub fn find() -> Result<Self> {
        let own = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = own
            .parent()
            .and_then(|root| root.canonicalize().ok())
            .with_context(|| {
                format!(
                    "{} is not there any more; run the command again with `cargo xtask`",
                    own.display()
                )
            })?;
        Ok(Self { root })
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A path under the root. An absolute `path` stays as it is.
    #[must_use]
    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.root.join(path)
    }

    /// Where these commands keep logs and stamps that may be deleted at any time.
    #[must_use]
    pub fn scratch(&self) -> PathBuf {
        self.path("target/xtask")
    }

    /// Where the built Worker goes.
    #[must_use]
    pub fn worker_build(&self) -> PathBuf {
        self.path("edge/build")
    }

    /// A program, started at the root, that finds the Node tools of this repository before any other.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root).env("PATH", self.search_path());
        for name in env::vars_os()
            .map(|(name, _)| name)
            .filter(|name| is_set_by_cargo_run(name))
        {
            command.env_remove(name);
        }
        command
    }

    /// The cargo that started us.
    #[must_use]
    pub fn cargo(&self) -> Command {
        self.command(&env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()))
    }

    /// `wrangler` as npm installed it: it calls nobody but the account it is given, and asks nothing.
    #[must_use]
    pub fn wrangler(&self) -> Command {
        let mut command = self.command("wrangler");
        command
            .env("WRANGLER_SEND_METRICS", "false")
            .env("WRANGLER_SEND_ERROR_REPORTS", "false")
            .env("WRANGLER_HIDE_BANNER", "true")
            // Otherwise the local runtime fetches the properties of a request from the internet, and waits when there is none.
            .env("CLOUDFLARE_CF_FETCH_ENABLED", "false")
            // Another environment of wrangler.toml than the one that is built here.
            .env_remove("CLOUDFLARE_ENV");
        command
    }

    /// `node_modules/.bin` first: wrangler needs a newer Node than many systems have, and npm brings it.
    fn search_path(&self) -> OsString {
        let own = iter::once(self.path("node_modules/.bin"));
        let inherited = env::var_os("PATH").unwrap_or_default();
        // Joining fails only for a folder with the separator in its name; such a checkout has to do without.
        env::join_paths(own.chain(env::split_paths(&inherited))).unwrap_or(inherited)
    }
}

/// `cargo run` tells a program about its own package. Build scripts that watch these names would run again, and all that depends on
/// them, each time a build is started from here and then by hand.
fn is_set_by_cargo_run(name: &std::ffi::OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") || name == "LD_LIBRARY_PATH"
}
