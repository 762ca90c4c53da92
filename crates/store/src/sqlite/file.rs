//! The database file and the connections to it.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::error::{OpenError, is_busy};

/// Statements that a connection keeps prepared; more than this crate has.
const PREPARED: usize = 160;

/// What the names of the files of one database end in: the data, the write-ahead log, and its index.
pub(super) const SUFFIXES: [&str; 3] = ["", "-wal", "-shm"];

/// The folder that a file is in, or would be.
pub(super) fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// The path with something appended to its last part.
pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Makes sure that the file is there and that only its owner can read it: it holds the signing keys. SQLite gives the
/// same mode to the `-wal` and `-shm` files that it creates beside it.
pub(super) fn prepare(path: &Path) -> Result<(), OpenError> {
    let folder = folder(path);
    if !folder.is_dir() {
        return Err(OpenError::NoFolder(folder.to_owned()));
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(OpenError::File {
                path: path.to_owned(),
                source: error,
            });
        }
        _ => {}
    }
    for suffix in SUFFIXES {
        let file = with_suffix(path, suffix);
        match restrict(&file) {
            Err(error) if suffix.is_empty() || error.kind() != io::ErrorKind::NotFound => {
                return Err(OpenError::File {
                    path: file,
                    source: error,
                });
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(unix)]
fn restrict(file: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;

    let mode = fs::metadata(file)?.permissions().mode();
    if mode & 0o077 != 0 {
        tracing::warn!(file = %file.display(), mode = format!("{:o}", mode & 0o777), "restricting the database file to its owner");
        fs::set_permissions(file, fs::Permissions::from_mode(mode & 0o700))?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn restrict(file: &Path) -> io::Result<()> {
    fs::metadata(file).map(|_| ())
}

/// A connection that never writes, for one thread.
pub(super) fn reader(path: &Path, busy_timeout: Duration) -> rusqlite::Result<Connection> {
    let conn = connect(path, busy_timeout)?;
    conn.pragma_update(None, "query_only", true)?;
    Ok(conn)
}

/// The connection of the writer thread.
pub(super) fn writer(path: &Path, busy_timeout: Duration) -> Result<Connection, OpenError> {
    let conn = connect(path, busy_timeout)?;
    let mode = write_ahead(&conn)?;
    if mode != "wal" {
        return Err(OpenError::NoWal(mode));
    }
    // An acknowledged write must survive a power cut: a logout that comes back is a security fault.
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update(None, "foreign_keys", true)?;
    Ok(conn)
}

/// A connection to a database that is there.
pub(super) fn connect(path: &Path, busy_timeout: Duration) -> rusqlite::Result<Connection> {
    // Each connection stays with one thread at a time. Not CREATE: a file that vanished must not come back empty.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(busy_timeout)?;
    conn.set_prepared_statement_cache_capacity(PREPARED);
    // Plans do not depend on the values that are bound, or a statement would be compiled again for each of them.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(conn)
}

/// Switches to write-ahead logging. SQLite does not wait for locks in this one case, so two processes that open a new
/// file together would otherwise fail.
fn write_ahead(conn: &Connection) -> rusqlite::Result<String> {
    const ATTEMPTS: u32 = 100;
    const PAUSE: Duration = Duration::from_millis(20);
    for _ in 1..ATTEMPTS {
        match conn.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0)) {
            Err(error) if is_busy(&error) => std::thread::sleep(PAUSE),
            done => return done,
        }
    }
    conn.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_are_flushed_to_disk_and_readers_cannot_write() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.db");
        prepare(&path).unwrap();
        let writer = writer(&path, Duration::ZERO).unwrap();
        let pragma = |name| writer.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        assert_eq!(pragma("synchronous"), Ok(2), "FULL");
        assert_eq!(pragma("foreign_keys"), Ok(1));
        let reader = reader(&path, Duration::ZERO).unwrap();
        assert!(reader.execute_batch("CREATE TABLE t (x)").is_err());
    }

    #[test]
    fn a_file_that_vanished_does_not_come_back_empty() {
        let folder = tempfile::tempdir().unwrap();
        assert!(reader(&folder.path().join("gone.db"), Duration::ZERO).is_err());
    }
}
