//! A throw-away PostgreSQL server: one that tests may fill, and that is gone afterwards.

use std::{
    env, fs,
    os::unix::{
        fs::{PermissionsExt as _, chown},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{self, Command},
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{
    clock::Stopwatch,
    process::{Launcher, Output, Process},
    setup::first_line,
};

/// Where packages put the programs, beside `PATH`: Debian has a folder for each version.
const FOLDERS: [&str; 2] = ["/usr/lib/postgresql", "/opt/homebrew/opt"];
/// Who runs it when we are root, for which it refuses to.
const USER: &str = "postgres";
/// The role that owns everything in it.
const ROLE: &str = "keyward";
const READY_WITHIN: Duration = Duration::from_secs(30);

/// The programs of one version.
#[derive(Clone, Debug)]
pub struct Programs(PathBuf);

impl Programs {
    /// The newest there are, or a sentence that says where to get them.
    ///
    /// # Errors
    /// That sentence.
    pub fn find() -> Result<Self, String> {
        let on_path = env::var_os("PATH").unwrap_or_default();
        let mut folders: Vec<_> = env::split_paths(&on_path).collect();
        let mut packaged: Vec<_> = FOLDERS
            .iter()
            .filter_map(|folder| fs::read_dir(folder).ok())
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
            .collect();
        packaged.sort_by_key(|folder| std::cmp::Reverse(version(folder)));
        folders.extend(packaged);
        let complete = |folder: &PathBuf| {
            ["initdb", "postgres", "pg_isready", "createdb"]
                .iter()
                .all(|name| folder.join(name).is_file())
        };
        folders.into_iter().find(complete).map(Self).ok_or_else(|| {
            "the PostgreSQL server is missing: `apt-get install postgresql` on Debian and Ubuntu, `brew install \
             postgresql` on macOS; it need not run"
                .to_owned()
        })
    }

    /// What the server says of its version.
    #[must_use]
    pub fn version(&self) -> Option<String> {
        first_line(self.command("postgres", None).arg("--version"))
    }

    /// Where one of them is.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn command(&self, name: &str, user: Option<User>) -> Command {
        let mut command = Command::new(self.program(name));
        // Whatever is set for somebody's own server is not meant for this one.
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("PG") {
                command.env_remove(name);
            }
        }
        if let Some(user) = user {
            command.uid(user.id).gid(user.group);
        }
        command
    }
}

/// The number in `/usr/lib/postgresql/15/bin`, or `…/postgresql@15/bin`.
fn version(folder: &Path) -> u32 {
    let name = folder.parent().and_then(Path::file_name).unwrap_or_default();
    let name = name.to_string_lossy();
    let digits: String = name.chars().filter(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(0)
}

#[derive(Clone, Copy, Debug)]
struct User {
    id: u32,
    group: u32,
}

impl User {
    /// Who runs the server if we may not. None: we do.
    fn instead_of_root() -> Result<Option<Self>> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let users = fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?;
        let found = users.lines().find_map(|line| {
            let fields: Vec<_> = line.split(':').collect();
            match fields.as_slice() {
                [USER, _, id, group, ..] => Some(Self {
                    id: id.parse().ok()?,
                    group: group.parse().ok()?,
                }),
                _ => None,
            }
        });
        let found = found
            .with_context(|| format!("PostgreSQL refuses to run as root, and there is no user `{USER}`"));
        found.map(Some)
    }
}

/// A server that runs. Dropping it ends it and removes all it had.
#[derive(Debug)]
pub struct Server {
    // In this order: the process ends before its folder goes.
    process: Process,
    folder: Folder,
    programs: Programs,
}

/// A folder that goes with us.
#[derive(Debug)]
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Server {
    /// Makes a server and waits until it takes connections, at a socket that only this machine has.
    ///
    /// # Errors
    /// When it cannot be made or does not start, with the end of its log.
    pub fn start(programs: &Programs, launcher: &Launcher, logs: &Path) -> Result<Self> {
        let user = User::instead_of_root()?;
        // Short, because the address of a socket may have no more than a hundred bytes.
        let path = env::temp_dir().join(format!("keyward-postgres-{}", process::id()));
        fs::create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
        let folder = Folder(path);
        fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o700))?;
        if let Some(user) = user {
            chown(&folder.0, Some(user.id), Some(user.group))?;
        }
        let data = folder.0.join("data");
        let mut initdb = programs.command("initdb", user);
        initdb
            .current_dir(&folder.0)
            .args(["--username", ROLE, "--auth", "trust", "--encoding", "UTF8"])
            // Not by bytes, so that whatever rests on the order of bytes has to say so.
            .args([
                "--locale-provider",
                "icu",
                "--icu-locale",
                "en",
                "--locale",
                "C.UTF-8",
            ])
            .args(["--no-sync", "--pgdata"])
            .arg(&data);
        let log = logs.join("initdb.log");
        let status = launcher.run(initdb, Output::Log(&log), || {})?;
        ensure!(
            status.success(),
            "initdb failed ({status}); its log is {}",
            log.display()
        );
        let mut server = programs.command("postgres", user);
        server
            .current_dir(&folder.0)
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(&folder.0);
        for setting in [
            "listen_addresses=",
            "max_connections=400",
            "shared_buffers=64MB",
            // Nobody needs it after a power cut.
            "fsync=off",
            "full_page_writes=off",
        ] {
            server.args(["-c", setting]);
        }
        let process = launcher.start("PostgreSQL", server, &logs.join("postgres.log"))?;
        let mut server = Self {
            process,
            folder,
            programs: programs.clone(),
        };
        server.wait(launcher)?;
        Ok(server)
    }

    fn wait(&mut self, launcher: &Launcher) -> Result<()> {
        let watch = Stopwatch::start();
        loop {
            let mut ask = self.programs.command("pg_isready", None);
            ask.args(["--quiet", "--host"]).arg(&self.folder.0);
            if ask.status().is_ok_and(|status| status.success()) {
                return Ok(());
            }
            self.process.ensure_runs()?;
            if watch.elapsed() > READY_WITHIN {
                bail!(
                    "PostgreSQL takes no connections after {} s{}",
                    READY_WITHIN.as_secs(),
                    self.process.log_tail()
                );
            }
            launcher.interrupt().pause()?;
        }
    }

    /// Where one of its databases is, for a role that may do everything. `postgres` is there from the start.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        let folder = self.folder.0.display();
        format!("postgres://{ROLE}@localhost/{database}?host={folder}")
    }

    /// Makes a database: an empty one, or a copy of another, to which nobody is connected.
    ///
    /// # Errors
    /// What the server says against it.
    pub fn create_database(&self, name: &str, copied_from: Option<&str>) -> Result<()> {
        let mut create = self.programs.command("createdb", None);
        create.args(["--username", ROLE, "--host"]).arg(&self.folder.0);
        if let Some(copied_from) = copied_from {
            create.args(["--template", copied_from]);
        }
        let output = create.arg(name).output().context("cannot start `createdb`")?;
        ensure!(
            output.status.success(),
            "cannot make the database {name}: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_is_told_by_its_folder() {
        let version = |folder: &str| version(Path::new(folder));
        assert_eq!(version("/usr/lib/postgresql/15/bin"), 15);
        assert_eq!(version("/opt/homebrew/opt/postgresql@17/bin"), 17);
        assert!(version("/usr/lib/postgresql/9/bin") < version("/usr/lib/postgresql/16/bin"));
        assert_eq!(version("/opt/homebrew/opt/openssl/bin"), 0);
    }
}
