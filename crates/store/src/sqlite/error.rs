//! From SQLite's errors to the two that callers tell apart, and why a database could not be opened.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use crate::StoreError;

/// Why a database could not be opened. The messages are meant for the operator.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The folder that should hold the file is missing; it is not created, since a typing error would hide in that.
    #[error("the folder {} does not exist; make it, readable by the service alone", .0.display())]
    NoFolder(PathBuf),
    /// The file could not be created or its mode could not be restricted to the owner.
    #[error("cannot prepare the database file `{}`", path.display())]
    File {
        /// The file in question.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file holds something else.
    #[error("`{}` is not a sessionmint database", .0.display())]
    Foreign(PathBuf),
    /// A newer release has migrated the database.
    #[error(
        "the database is at schema {found}, this release knows {known}: use the release that migrated it, or a newer one"
    )]
    Newer {
        /// The schema version of the database.
        found: u32,
        /// The latest that this release knows.
        known: u32,
    },
    /// A migration that was applied is not the one that this release has under that number.
    #[error("migration {version} of the database is not the one of this release")]
    Changed {
        /// Its number.
        version: u32,
    },
    /// The file system cannot do write-ahead logging; some network file systems cannot.
    #[error(
        "the database cannot use write-ahead logging here (it offers `{0}`): use a local file system"
    )]
    NoWal(String),
    /// The writer thread could not be started.
    #[error("cannot start the writer thread")]
    Thread(#[source] std::io::Error),
    /// SQLite refused.
    #[error("cannot open the database")]
    Sqlite(#[from] rusqlite::Error),
}

impl OpenError {
    /// Names the file that turned out to be no database at all.
    pub(super) fn at(self, path: &Path) -> Self {
        match self {
            Self::Sqlite(error) if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) => {
                Self::Foreign(path.to_owned())
            }
            other => other,
        }
    }
}

/// Damaged data is told apart from everything else, which is worth trying again.
pub(super) fn store_error(error: &rusqlite::Error) -> StoreError {
    use rusqlite::Error::{
        FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, SqliteFailure,
        Utf8Error,
    };
    match error {
        SqliteFailure(cause, _)
            if matches!(
                cause.code,
                ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase
            ) =>
        {
            StoreError::Corrupt(error.to_string())
        }
        FromSqlConversionFailure(..)
        | IntegralValueOutOfRange(..)
        | InvalidColumnType(..)
        | Utf8Error(..) => StoreError::Corrupt(error.to_string()),
        _ => StoreError::Unavailable(error.to_string()),
    }
}

/// Whether someone else held a lock for longer than the busy timeout.
pub(super) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}
