//! Copies of a database while it is in use.
//!
//! A copy is of one moment, without keeping any writer out: SQLite reads it from a snapshot. It is one file (no `-wal`
//! beside it), holds nothing of deleted rows, and is checked before it gets its name.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode};
use tempfile::NamedTempFile;

use super::error::OpenError;
use super::{file, migrate};

/// What a database holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contents {
    /// Size of the file in bytes.
    pub bytes: u64,
    /// Rows of users.
    pub users: u64,
    /// Rows of sessions, dead ones included that were not yet removed.
    pub sessions: u64,
    /// Rows of clients.
    pub clients: u64,
    /// Rows of signing keys.
    pub signing_keys: u64,
}

/// Why there is no backup, or why one was not restored. The messages are meant for the operator.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The file to be written is there already.
    #[error("`{}` exists; `--force` replaces it", .0.display())]
    Exists(PathBuf),
    /// Backup and database are one file.
    #[error("`{}` is the database itself", .0.display())]
    Itself(PathBuf),
    /// Somebody has the database open that is to be replaced.
    #[error("the database `{}` is in use: stop the service (and other commands) first", .0.display())]
    InUse(PathBuf),
    /// A file that belongs to another moment of the database.
    #[error(
        "`{}` lies there: it belongs to a database that is in use or was not closed. Copy such a database with \
         `sessionmint backup`; if its database is gone, move the file away", .0.display()
    )]
    Log(PathBuf),
    /// The content contradicts itself.
    #[error("`{}` is damaged: {detail}", path.display())]
    Damaged {
        /// The file in question.
        path: PathBuf,
        /// The first thing that SQLite found.
        detail: String,
    },
    /// The database that is to be replaced cannot be copied, so it cannot be kept.
    #[error("`{}` cannot be kept as it is damaged: move it away (with its -wal and -shm files) and try again", path.display())]
    CannotKeep {
        /// The file in question.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// A file could not be read or written.
    #[error("cannot use `{}`", path.display())]
    File {
        /// The file or folder in question.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is no database of this service, or of another release.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// SQLite refused.
    #[error("cannot copy the database")]
    Sqlite(#[from] rusqlite::Error),
}

impl BackupError {
    pub(super) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        |source| Self::File {
            path: path.to_owned(),
            source,
        }
    }

    /// Names the file that a temporary copy was made of, and damage as such.
    pub(super) fn of(self, original: &Path) -> Self {
        let detail = match self {
            Self::Damaged { detail, .. } => detail,
            Self::Sqlite(error) | Self::Open(OpenError::Sqlite(error))
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt) =>
            {
                error.to_string()
            }
            other => return other,
        };
        Self::Damaged {
            path: original.to_owned(),
            detail,
        }
    }
}

/// Copies the database at `database`, which a service may have open, to the file `target` (mode 0600). `target` appears
/// whole, checked and on disk, or not at all.
///
/// # Errors
/// [`BackupError`]; without `replace` also when `target` exists.
pub fn backup(database: &Path, target: &Path, replace: bool) -> Result<Contents, BackupError> {
    for suffix in file::SUFFIXES {
        if same_file(&file::with_suffix(database, suffix), target) {
            return Err(BackupError::Itself(target.to_owned()));
        }
    }
    if !replace && target.exists() {
        return Err(BackupError::Exists(target.to_owned()));
    }
    let conn = file::connect(database, BUSY_TIMEOUT)?;
    migrate::recognise(&conn, database)?;
    let copy = snapshot(&conn, target)?;
    let contents = check(&open_copy(&copy)?, copy.path())?;
    keep(copy, target, replace)?;
    Ok(contents)
}

/// How long to wait for the moment in which another process closes its last connection.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// An empty file in the folder of `target`, readable by its owner alone and removed unless it is kept.
pub(super) fn temporary(target: &Path) -> Result<NamedTempFile, BackupError> {
    let folder = file::folder(target);
    if !folder.is_dir() {
        return Err(OpenError::NoFolder(folder.to_owned()).into());
    }
    tempfile::Builder::new()
        .prefix(".sessionmint-")
        .suffix(".tmp")
        .tempfile_in(folder)
        .map_err(BackupError::file(folder))
}

/// All of `conn`'s database as it is now, in a temporary file beside `target`.
pub(super) fn snapshot(conn: &Connection, target: &Path) -> Result<NamedTempFile, BackupError> {
    let copy = temporary(target)?;
    conn.execute("VACUUM INTO ?1", [text(copy.path())?])?;
    Ok(copy)
}

/// A connection to a temporary copy, which nobody else has.
pub(super) fn open_copy(copy: &NamedTempFile) -> Result<Connection, BackupError> {
    Ok(file::connect(copy.path(), BUSY_TIMEOUT)?)
}

/// Reads every page and every reference, and counts.
pub(super) fn check(conn: &Connection, path: &Path) -> Result<Contents, BackupError> {
    let damaged = |detail| BackupError::Damaged {
        path: path.to_owned(),
        detail,
    };
    let found: String = conn
        .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
        .map_err(|error| damaged(error.to_string()))?;
    if found != "ok" {
        return Err(damaged(found));
    }
    if conn.prepare("PRAGMA foreign_key_check")?.exists([])? {
        return Err(damaged("a row refers to one that is missing".to_owned()));
    }
    let count = |table: &str| {
        let sql = format!("SELECT count(*) FROM {table}");
        conn.query_row(&sql, [], |row| row.get::<_, i64>(0))
            .map(i64::cast_unsigned)
    };
    Ok(Contents {
        bytes: fs::metadata(path).map_err(BackupError::file(path))?.len(),
        users: count("users")?,
        sessions: count("sessions")?,
        clients: count("clients")?,
        signing_keys: count("signing_keys")?,
    })
}

/// Gives a copy its name for good: flushed to disk, the folder's entry too.
pub(super) fn keep(copy: NamedTempFile, target: &Path, replace: bool) -> Result<(), BackupError> {
    let file = |source| BackupError::File {
        path: target.to_owned(),
        source,
    };
    copy.as_file().sync_all().map_err(file)?;
    let named = if replace {
        copy.persist(target)
    } else {
        copy.persist_noclobber(target)
    };
    named.map_err(|failed| match failed.error.kind() {
        io::ErrorKind::AlreadyExists => BackupError::Exists(target.to_owned()),
        _ => file(failed.error),
    })?;
    sync_folder(file::folder(target))
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> Result<(), BackupError> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(BackupError::file(folder))
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> Result<(), BackupError> {
    Ok(())
}

/// Whether two paths lead to one file, whatever links are on the way.
pub(super) fn same_file(a: &Path, b: &Path) -> bool {
    matches!((fs::canonicalize(a), fs::canonicalize(b)), (Ok(a), Ok(b)) if a == b)
}

fn text(path: &Path) -> Result<&str, BackupError> {
    path.to_str().ok_or_else(|| BackupError::File {
        path: path.to_owned(),
        source: io::Error::new(io::ErrorKind::InvalidFilename, "the path is not UTF-8"),
    })
}
