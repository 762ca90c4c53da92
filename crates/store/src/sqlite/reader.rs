//! A thread's own connection for reading, and what it remembers.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use sessionmint_oauth::BrowserClient;

use super::file;

/// A connection that never writes.
pub(super) struct Reader {
    pub(super) conn: Connection,
    clients: RefCell<KnownClients>,
    /// The state of the database that [`Reader::when_changed`] was last told of.
    version: Cell<Option<i64>>,
    /// A state of the database, and the number of the last change of roles, groups and records in it.
    policy: Cell<Option<(i64, i64)>>,
}

/// Clients by origin: every request asks for one, and they hardly ever change.
#[derive(Default)]
struct KnownClients {
    /// The state of the database that these are of.
    version: Option<i64>,
    by_origin: HashMap<String, Arc<BrowserClient>>,
}

impl Reader {
    pub(super) fn open(path: &Path, busy_timeout: Duration) -> rusqlite::Result<Self> {
        Ok(Self {
            conn: file::reader(path, busy_timeout)?,
            clients: RefCell::default(),
            version: Cell::default(),
            policy: Cell::default(),
        })
    }

    /// The client of an origin: the one that is remembered if nothing at all was committed since, else what `find` gives.
    pub(super) fn client_by_origin(
        &self,
        origin: &str,
        find: impl FnOnce(&Connection) -> rusqlite::Result<Option<BrowserClient>>,
    ) -> rusqlite::Result<Option<Arc<BrowserClient>>> {
        // Asked before `find`, so that what is remembered is never older than the version it is remembered under.
        let version = self.version()?;
        let mut known = self.clients.borrow_mut();
        if known.version != Some(version) {
            known.by_origin.clear();
            known.version = Some(version);
        }
        if let Some(client) = known.by_origin.get(origin) {
            return Ok(Some(Arc::clone(client)));
        }
        // Origins that are nobody's are not remembered: there is no end of them.
        let found = find(&self.conn)?.map(Arc::new);
        if let Some(client) = &found {
            known
                .by_origin
                .insert(origin.to_owned(), Arc::clone(client));
        }
        Ok(found)
    }

    /// The number of the last change of roles, groups and records: the one that is remembered if nothing at all was
    /// committed since, else what `find` gives.
    pub(super) fn policy_version(
        &self,
        find: impl FnOnce(&Connection) -> rusqlite::Result<i64>,
    ) -> rusqlite::Result<i64> {
        // Asked first, as above.
        let version = self.version()?;
        match self.policy.get() {
            Some((of, number)) if of == version => Ok(number),
            _ => {
                let number = find(&self.conn)?;
                self.policy.set(Some((version, number)));
                Ok(number)
            }
        }
    }

    /// Has `look` look when anything at all was committed since it last did, by whomever.
    pub(super) fn when_changed(
        &self,
        look: impl FnOnce(&Connection) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        // Asked first, as above.
        let version = Some(self.version()?);
        if self.version.get() != version {
            look(&self.conn)?;
            self.version.set(version);
        }
        Ok(())
    }

    /// Another number after every commit of another connection, of whatever thread or process
    /// (<https://sqlite.org/pragma.html#pragma_data_version>). This one commits nothing.
    fn version(&self) -> rusqlite::Result<i64> {
        self.conn
            .prepare_cached("PRAGMA data_version")?
            .query_row([], |row| row.get(0))
    }
}
