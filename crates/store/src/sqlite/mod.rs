//! The embedded engine: one SQLite file, nothing to operate.
//!
//! Reads happen inline on the calling thread, on a connection of its own with prepared statements; they see at once what
//! other threads, instances and processes have committed, and sessions that are remembered are as good as read
//! ([`known_sessions`]). Writes go to one thread that commits what is queued together and answers after the commit
//! ([`writer`]). The waits of writes need a Tokio runtime with its timer, and not one with paused time: its clock would
//! run ahead of the writer.

mod audit;
mod authorizations;
mod backup;
mod clients;
mod error;
mod file;
mod grants;
mod keys;
mod known_sessions;
mod marks;
mod migrate;
mod oauth_clients;
mod reader;
mod refresh_keys;
mod restore;
mod roles;
mod rows;
mod sessions;
mod users;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rusqlite::Connection;
use thread_local::ThreadLocal;

pub use backup::{BackupError, Contents, backup};
pub use error::OpenError;
use error::store_error;
use known_sessions::KnownSessions;
use reader::Reader;
pub use restore::{RestoreOptions, Restored, restore};
use writer::Writer;

use audit::Trail;

use crate::observer::Watch;
use crate::{AuditKind, By, CommandKind, Observer, StoreError};

/// How an SQLite database is used.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SqliteOptions {
    /// How long to wait for a lock that another process holds; 2 s. Keep it below `write_timeout`.
    pub busy_timeout: Duration,
    /// How long a write may take, queueing included, before its caller is told `Unavailable`; 5 s.
    pub write_timeout: Duration,
    /// How many writes may be queued, and so be in one transaction; 1,024, at least 1.
    pub queue: usize,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            busy_timeout: Duration::from_secs(2),
            write_timeout: Duration::from_secs(5),
            queue: 1024,
        }
    }
}

/// A store in one SQLite file.
///
/// Several instances, in one process or many, may use the same file. Dropping it finishes the writes that are queued and
/// closes every connection.
pub struct SqliteStore {
    path: PathBuf,
    busy_timeout: Duration,
    // Per store and per thread, and gone with the store: a `thread_local!` would keep connections open on idle threads.
    readers: ThreadLocal<Reader>,
    sessions: KnownSessions,
    writer: Writer,
    observer: OnceLock<Arc<dyn Observer>>,
}

impl SqliteStore {
    /// Opens the file, creating it (mode 0600) and bringing its schema up to date as needed. The folder must exist.
    ///
    /// # Errors
    /// [`OpenError`] says what the operator can do.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::open_with(path, &SqliteOptions::default())
    }

    /// As [`SqliteStore::open`], with other options.
    ///
    /// # Errors
    /// As [`SqliteStore::open`].
    pub fn open_with(path: impl AsRef<Path>, options: &SqliteOptions) -> Result<Self, OpenError> {
        let path = path.as_ref();
        file::prepare(path)?;
        let mut conn = file::writer(path, options.busy_timeout).map_err(|error| error.at(path))?;
        migrate::migrate(&mut conn, path, migrate::MIGRATIONS)?;
        let (again, busy_timeout) = (path.to_owned(), options.busy_timeout);
        let reopen = move || file::writer(&again, busy_timeout).ok();
        let writer = Writer::start(conn, reopen, options.queue.max(1), options.write_timeout)
            .map_err(OpenError::Thread)?;
        Ok(Self {
            path: path.to_owned(),
            busy_timeout: options.busy_timeout,
            readers: ThreadLocal::new(),
            sessions: KnownSessions::default(),
            writer,
            observer: OnceLock::new(),
        })
    }

    /// How many write transactions this instance has committed. Under load it grows more slowly than the number of
    /// writes, which are committed in groups.
    pub fn write_transactions(&self) -> u64 {
        self.writer.transactions()
    }

    /// Moves what is in the write-ahead log into the file and empties the log, so that nothing is left in either of what
    /// was overwritten. Waits for other processes as a write does; says whether it came to that.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be used.
    pub fn empty_log(&self) -> Result<bool, StoreError> {
        let busy = |row: &rusqlite::Row<'_>| row.get::<_, bool>(0);
        file::connect(&self.path, self.busy_timeout)
            .and_then(|conn| conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], busy))
            .map(|busy| !busy)
            .map_err(|error| store_error(&error))
    }

    /// Has `observer` told of every command from now on. The first one stays.
    pub fn observe(&self, observer: Arc<dyn Observer>) {
        self.observer.get_or_init(|| observer);
    }

    fn read<T>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        self.read_with(|reader| query(&reader.conn))
    }

    fn read_with<T>(
        &self,
        query: impl FnOnce(&Reader) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let watch = Watch::begin(self.observer.get(), CommandKind::Read);
        watch.end(
            self.readers
                .get_or_try(|| Reader::open(&self.path, self.busy_timeout))
                .and_then(query)
                .map_err(|error| store_error(&error)),
        )
    }

    async fn write<T: Send + 'static>(
        &self,
        command: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let watch = Watch::begin(self.observer.get(), CommandKind::Write);
        watch.end(self.writer.run(command).await)
    }

    /// A write whose changes are recorded, in its own transaction.
    async fn change<T: Send + 'static>(
        &self,
        by: By,
        command: impl FnOnce(&Connection, &Trail<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (outcome, kinds) = self
            .write(move |conn| {
                let trail = Trail::new(conn, &by);
                let outcome = command(conn, &trail)?;
                Ok((outcome, trail.into_written()))
            })
            .await?;
        self.recorded(&kinds);
        Ok(outcome)
    }

    /// Tells the observer of records that are on disk.
    fn recorded(&self, kinds: &[AuditKind]) {
        if let Some(observer) = self.observer.get() {
            for kind in kinds {
                observer.recorded(*kind);
            }
        }
    }
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
