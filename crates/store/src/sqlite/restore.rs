//! Puts a backup in the place of a database.
//!
//! Nobody may have the database open, since a running service holds keys and sessions of the old one in memory; SQLite's
//! own locks tell. An existing file is not exchanged but overwritten in one transaction: whoever opens it at that moment
//! waits and then finds the new content, and a crash leaves the old or the new.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, Row};
use sessionmint_oauth::Timestamp;
use tempfile::NamedTempFile;

use super::audit::{self, Trail};
use super::backup::{
    BUSY_TIMEOUT, BackupError, Contents, check, keep, open_copy, same_file, snapshot, temporary,
};
use super::error::{OpenError, is_busy};
use super::{file, grants, migrate, sessions};
use crate::{AuditKind, AuditReason, By, NewAuditRecord};

/// How a backup is restored.
#[derive(Clone, Copy, Debug, Default)]
pub struct RestoreOptions {
    /// Whether a database that is there may be replaced.
    pub replace: bool,
    /// Whether the sessions of the backup live on. Those that were ended since would be alive again.
    pub keep_sessions: bool,
}

/// What was restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// What the database holds now.
    pub contents: Contents,
    /// How many sessions of the backup were dropped.
    pub dropped_sessions: u64,
    /// Where the replaced database is kept.
    pub kept_as: Option<PathBuf>,
}

/// Makes the file `backup` the database at `database`, brought to the schema of this release. `backup` is only read.
///
/// Everything is as it was at the time of the backup: password hashes, users that were disabled since, clients, keys.
/// Sessions are dropped unless the options say otherwise. The audit trail is that of the backup, and goes on with a record
/// of the restore; what was recorded in between is in the replaced database alone.
///
/// # Errors
/// [`BackupError`]; nothing has changed then.
pub fn restore(
    backup: &Path,
    database: &Path,
    options: RestoreOptions,
    by: &By,
) -> Result<Restored, BackupError> {
    if same_file(backup, database) {
        return Err(BackupError::Itself(backup.to_owned()));
    }
    let there = fs::exists(database).map_err(BackupError::file(database))?;
    if there && !options.replace {
        return Err(BackupError::Exists(database.to_owned()));
    }
    refuse_log(backup)?;
    let current = if there {
        Some(lock(database)?)
    } else {
        refuse_log(database)?;
        None
    };
    let copy = copied(backup, database)?;
    let mut new = open_copy(&copy)?;
    let dropped_sessions =
        prepare(&mut new, backup, options.keep_sessions, by).map_err(|error| error.of(backup))?;
    let contents = check(&new, copy.path()).map_err(|error| error.of(backup))?;
    let kept_as = match current {
        Some(mut current) => {
            let kept_as = keep_current(&current, database)?;
            // All pages in one step are one transaction.
            if Backup::new(&new, &mut current)?.step(-1)? != StepResult::Done {
                return Err(BackupError::InUse(database.to_owned()));
            }
            Some(kept_as)
        }
        None => {
            drop(new);
            keep(copy, database, false)?;
            None
        }
    };
    Ok(Restored {
        contents,
        dropped_sessions,
        kept_as,
    })
}

/// A log beside a database holds changes that are not in the file; beside another database it would spoil that.
fn refuse_log(database: &Path) -> Result<(), BackupError> {
    for suffix in ["-wal", "-journal"] {
        let log = file::with_suffix(database, suffix);
        if fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
            return Err(BackupError::Log(log));
        }
    }
    Ok(())
}

/// A connection to a database that nobody else has open, and that keeps all others waiting until it is dropped.
fn lock(database: &Path) -> Result<Connection, BackupError> {
    let locked = || {
        let conn = file::connect(database, BUSY_TIMEOUT)?;
        conn.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        conn.pragma_update(None, "synchronous", "FULL")?;
        conn.execute_batch("BEGIN EXCLUSIVE; COMMIT")?;
        Ok(conn)
    };
    let conn = locked().map_err(|error| match error {
        busy if is_busy(&busy) => BackupError::InUse(database.to_owned()),
        other => OpenError::from(other).at(database).into(),
    })?;
    migrate::applied(&conn, database)?;
    Ok(conn)
}

/// The backup in a temporary file beside the database: what follows changes it, and must not need another disk.
fn copied(backup: &Path, database: &Path) -> Result<NamedTempFile, BackupError> {
    let mut copy = temporary(database)?;
    let mut from = fs::File::open(backup).map_err(BackupError::file(backup))?;
    io::copy(&mut from, &mut copy).map_err(BackupError::file(backup))?;
    Ok(copy)
}

/// Brings a copy of `backup` to this release, records the restore, and drops what must not come back; says how many
/// sessions.
fn prepare(
    copy: &mut Connection,
    backup: &Path,
    keep_sessions: bool,
    by: &By,
) -> Result<u64, BackupError> {
    // Everything in the one file.
    copy.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))
        .map_err(|error| OpenError::from(error).at(backup))?;
    migrate::recognise(copy, backup)?;
    migrate::migrate(copy, backup, migrate::MIGRATIONS)?;
    let tx = copy.transaction()?;
    let trail = Trail::new(&tx, by);
    let restored = NewAuditRecord::new(AuditKind::DatabaseRestored)
        .detail("recorded_until", audit::newest(&tx)?.map(Timestamp::secs));
    trail.record(&restored)?;
    let dropped = if keep_sessions {
        0
    } else {
        let reason = |_: &Row<'_>| Ok(AuditReason::Restored);
        let dropped = sessions::end(&tx, "true", [], reason, &trail)?;
        // What was a refresh token then may have been replaced since.
        grants::end_grants(&tx, "true", &[], AuditReason::Restored, &trail)?;
        dropped
    };
    tx.commit()?;
    Ok(u64::try_from(dropped).unwrap_or(u64::MAX))
}

/// Copies the database to the first free name beside it.
fn keep_current(current: &Connection, database: &Path) -> Result<PathBuf, BackupError> {
    let copy = snapshot(current, database).map_err(|error| match error {
        BackupError::Sqlite(source) => BackupError::CannotKeep {
            path: database.to_owned(),
            source,
        },
        other => other,
    })?;
    let mut number = 1_u32;
    let mut name = file::with_suffix(database, ".replaced-1");
    while name.exists() {
        number = number.saturating_add(1);
        name = file::with_suffix(database, &format!(".replaced-{number}"));
    }
    keep(copy, &name, false)?;
    Ok(name)
}
