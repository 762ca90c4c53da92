//! The database address.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Where the data is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    /// A SQLite file, made at the first start: `sqlite:PATH`.
    Sqlite(PathBuf),
}

/// Why a string is no database address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDatabase {
    /// Another engine that is to come.
    #[error(
        "PostgreSQL is not in this version; use `sqlite:PATH`, e.g. `sqlite:/var/lib/sessionmint/iam.db`"
    )]
    Postgres,
    /// Not an address of a database that we know.
    #[error(
        "a database is `sqlite:PATH`, e.g. `sqlite:/var/lib/sessionmint/iam.db` or `sqlite:./iam.db`"
    )]
    Unknown,
    /// A database that would be gone at the end.
    #[error("a database in memory would forget its users at every restart; use `sqlite:PATH`")]
    Memory,
}

impl Database {
    /// The file of the SQLite database.
    pub fn path(&self) -> &Path {
        let Self::Sqlite(path) = self;
        path
    }
}

impl FromStr for Database {
    type Err = InvalidDatabase;

    fn from_str(value: &str) -> Result<Self, InvalidDatabase> {
        if value.starts_with("postgres:") || value.starts_with("postgresql:") {
            return Err(InvalidDatabase::Postgres);
        }
        match value.strip_prefix("sqlite:") {
            // `sqlite://host/path` has no meaning, but `sqlite:///path` is written by many tools.
            Some(path) => match path.strip_prefix("//").unwrap_or(path) {
                "" => Err(InvalidDatabase::Unknown),
                ":memory:" => Err(InvalidDatabase::Memory),
                path if path.contains('?') => Err(InvalidDatabase::Unknown),
                path => Ok(Self::Sqlite(PathBuf::from(path))),
            },
            None => Err(InvalidDatabase::Unknown),
        }
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Sqlite(path) = self;
        write!(f, "sqlite:{}", path.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sqlite_file_is_named_by_its_path() {
        for (text, path) in [
            ("sqlite:iam.db", "iam.db"),
            ("sqlite:/a/b.db", "/a/b.db"),
            ("sqlite:///a/b.db", "/a/b.db"),
        ] {
            assert_eq!(
                text.parse::<Database>().unwrap().path(),
                Path::new(path),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_lasting_sqlite_file_is_refused_with_the_reason() {
        for (bad, why) in [
            ("postgres://db/iam", InvalidDatabase::Postgres),
            ("postgresql://db/iam", InvalidDatabase::Postgres),
            ("sqlite:", InvalidDatabase::Unknown),
            ("sqlite::memory:", InvalidDatabase::Memory),
            ("/var/lib/iam.db", InvalidDatabase::Unknown),
            ("sqlite:iam.db?mode=ro", InvalidDatabase::Unknown),
        ] {
            assert_eq!(bad.parse::<Database>(), Err(why), "{bad}");
        }
    }
}
