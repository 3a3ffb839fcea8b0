//! Backups of a SQLite database, and the way back.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use sqlx::{
    Connection as _, Row as _, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode},
};

use super::{StoreError, lock};
use crate::store::{History as _, SqliteStore};

/// What stands beside a database in write-ahead mode.
const BESIDE: [&str; 2] = ["-wal", "-shm"];

/// Writes a copy of the database as it is at one moment, also while it is served from.
///
/// # Errors
/// [`StoreError::Unusable`] when there is no database, or something at the destination already; and whatever either reports.
/// Then nothing is left at the destination.
pub async fn back_up(database: &Path, destination: &Path) -> Result<(), StoreError> {
    if !database.is_file() {
        return Err(unusable(format!(
            "there is no database at {}",
            database.display()
        )));
    }
    if destination.exists() {
        return Err(unusable(format!(
            "{} exists already; a backup overwrites nothing",
            destination.display()
        )));
    }
    let partial = beside(destination, ".partial");
    // It holds what the database holds, and is nobody else's to read. SQLite takes an empty file for a new database.
    create_private(&partial)?;
    let written = write_copy(database, &partial).await;
    let done = written.and_then(|()| put_in_place(&partial, destination));
    let _ = fs::remove_file(&partial);
    done
}

async fn write_copy(database: &Path, partial: &Path) -> Result<(), StoreError> {
    let options = SqliteConnectOptions::new().filename(database).read_only(true);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let name = partial
        .to_str()
        .ok_or_else(|| unusable(format!("{} is not UTF-8", partial.display())))?;
    sqlx::query("VACUUM INTO $1")
        .bind(name)
        .execute(&mut connection)
        .await?;
    connection.close().await?;
    check(partial).await
}

/// Puts a backup in the place of the database, which is kept beside it. Whatever serves from it next recovers what the edge knows
/// and the backup has forgotten. The answer is where the former database is.
///
/// # Errors
/// [`StoreError::Unusable`] when the database is served from, or the backup is damaged or of a later version; and whatever the file
/// system reports. Then the database is as it was.
pub async fn restore(backup: &Path, database: &Path, now: Timestamp) -> Result<Option<PathBuf>, StoreError> {
    let lock = lock(database)?;
    if !backup.is_file() {
        return Err(unusable(format!("there is no backup at {}", backup.display())));
    }
    let partial = beside(database, ".restoring");
    let _ = fs::remove_file(&partial);
    create_private(&partial)?;
    let prepared = prepare(backup, &partial, now).await;
    let replaced = prepared.and_then(|()| {
        let former = database.exists().then(|| set_aside(database, now)).transpose()?;
        fs::rename(&partial, database).map_err(|error| failed("rename", &partial, &error))?;
        sync_folder(database)?;
        Ok(former)
    });
    for rest in ["", "-wal", "-shm", ".lock"] {
        let _ = fs::remove_file(beside(&partial, rest));
    }
    drop(lock);
    replaced
}

async fn prepare(backup: &Path, partial: &Path, now: Timestamp) -> Result<(), StoreError> {
    check(backup).await?;
    fs::copy(backup, partial).map_err(|error| failed("copy", backup, &error))?;
    // It is brought up to date by the way, and refused if it is of a later version.
    let store = SqliteStore::open(partial).await?;
    store.was_restored(false, now).await?;
    store.close().await;
    let options = SqliteConnectOptions::new()
        .filename(partial)
        .journal_mode(SqliteJournalMode::Delete);
    SqliteConnection::connect_with(&options).await?.close().await?;
    sync(partial)
}

/// Whether a file is a whole database of ours.
async fn check(file: &Path) -> Result<(), StoreError> {
    let damaged =
        |problem: String| unusable(format!("{} is not a whole database: {problem}", file.display()));
    let options = SqliteConnectOptions::new().filename(file).read_only(true);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let found = sqlx::query("PRAGMA integrity_check(1)")
        .fetch_one(&mut connection)
        .await
        .map_err(|error| damaged(error.to_string()))?;
    let found: String = found.try_get(0)?;
    if found != "ok" {
        return Err(damaged(found));
    }
    let broken = sqlx::query("PRAGMA foreign_key_check")
        .fetch_optional(&mut connection)
        .await?;
    if broken.is_some() {
        return Err(damaged("a row refers to one that is missing".to_owned()));
    }
    sqlx::query("SELECT value FROM installation")
        .fetch_all(&mut connection)
        .await
        .map_err(|_| damaged("it is none of keyward".to_owned()))?;
    Ok(connection.close().await?)
}

/// Moves a database out of the way, with what stands beside it.
fn set_aside(database: &Path, now: Timestamp) -> Result<PathBuf, StoreError> {
    let former = beside(database, &format!(".replaced-{}", now.as_second()));
    if former.exists() {
        return Err(unusable(format!("{} exists already", former.display())));
    }
    for part in BESIDE {
        let (from, to) = (beside(database, part), beside(&former, part));
        if from.exists() {
            fs::rename(&from, &to).map_err(|error| failed("rename", &from, &error))?;
        }
    }
    fs::rename(database, &former).map_err(|error| failed("rename", database, &error))?;
    Ok(former)
}

fn put_in_place(partial: &Path, destination: &Path) -> Result<(), StoreError> {
    sync(partial)?;
    // Unlike renaming, this never takes the place of another file.
    fs::hard_link(partial, destination).map_err(|error| failed("make", destination, &error))?;
    sync_folder(destination)
}

fn create_private(file: &Path) -> Result<(), StoreError> {
    File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .map(drop)
        .map_err(|error| failed("make", file, &error))
}

fn sync(file: &Path) -> Result<(), StoreError> {
    File::open(file)
        .and_then(|file| file.sync_all())
        .map_err(|error| failed("sync", file, &error))
}

fn sync_folder(file: &Path) -> Result<(), StoreError> {
    match file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => sync(folder),
        None => sync(Path::new(".")),
    }
}

fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn failed(what: &str, file: &Path, error: &io::Error) -> StoreError {
    unusable(format!("cannot {what} {}: {error}", file.display()))
}

fn unusable(problem: String) -> StoreError {
    StoreError::Unusable(problem)
}
