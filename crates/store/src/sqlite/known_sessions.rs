//! Sessions that are remembered: what is handed out is at every moment what a read of the database would give.
//!
//! Triggers number each change of a stored session, whoever makes it: this process, the command line, another instance
//! (`migrations/0004_session_changes.sql`). Before a session is looked up, its reader asks SQLite whether anything at all
//! was committed; if so it reads which sessions were changed since the last number that is known here, and those are
//! forgotten. So an end that was acknowledged is seen, as it is without memory, and the movement of one session's
//! activity costs the others nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use sessionmint_oauth::SessionKeyHash;

use super::reader::Reader;
use crate::Session;

/// Sessions of one generation; there are two. One takes some 500 bytes, so 8 MB at most for all.
const GENERATION: usize = 1 << 13;

/// What all readers of a store remember together.
pub(super) struct KnownSessions {
    generation: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The number of the last change that is taken into account.
    applied: i64,
    young: HashMap<SessionKeyHash, Arc<Session>>,
    /// What was not asked for since the young ones became too many.
    old: HashMap<SessionKeyHash, Arc<Session>>,
}

/// What was changed behind some number.
struct Changes {
    newest: i64,
    /// `None` when numbers are missing.
    keys: Option<Vec<SessionKeyHash>>,
}

impl Default for KnownSessions {
    fn default() -> Self {
        Self::new(GENERATION)
    }
}

impl KnownSessions {
    fn new(generation: usize) -> Self {
        Self {
            generation,
            state: Mutex::default(),
        }
    }

    /// The session behind `key`: the one that is remembered, else what `find` gives.
    pub(super) fn get(
        &self,
        reader: &Reader,
        key: &SessionKeyHash,
        find: impl FnOnce(&Connection) -> rusqlite::Result<Option<Session>>,
    ) -> rusqlite::Result<Option<Arc<Session>>> {
        reader.when_changed(|conn| self.catch_up(conn))?;
        let applied = {
            let mut state = self.lock();
            if let Some(session) = state.find(key, self.generation) {
                return Ok(Some(session));
            }
            state.applied
        };
        let found = find(&reader.conn)?.map(Arc::new);
        if let Some(session) = &found {
            let mut state = self.lock();
            // Any other change since may be of this session, after it was read.
            if state.applied == applied {
                state.remember(*key, Arc::clone(session), self.generation);
            }
        }
        Ok(found)
    }

    fn catch_up(&self, conn: &Connection) -> rusqlite::Result<()> {
        let changes = Changes::since(self.lock().applied, conn)?;
        self.lock().apply(changes);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn find(&mut self, key: &SessionKeyHash, generation: usize) -> Option<Arc<Session>> {
        if let Some(session) = self.young.get(key) {
            return Some(Arc::clone(session));
        }
        let session = self.old.remove(key)?;
        self.remember(*key, Arc::clone(&session), generation);
        Some(session)
    }

    fn remember(&mut self, key: SessionKeyHash, session: Arc<Session>, generation: usize) {
        if self.young.len() >= generation {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, session);
    }

    /// Two readers may bring the same changes, and in either order.
    fn apply(&mut self, changes: Changes) {
        match changes.keys {
            Some(keys) => {
                for key in keys {
                    self.young.remove(&key);
                    self.old.remove(&key);
                }
                self.applied = self.applied.max(changes.newest);
            }
            None => {
                self.young.clear();
                self.old.clear();
                self.applied = changes.newest;
            }
        }
    }
}

impl Changes {
    /// The change of the number `applied` itself has to be there still: then none is missing behind it.
    fn since(applied: i64, conn: &Connection) -> rusqlite::Result<Self> {
        let mut select = conn.prepare_cached(
            "SELECT seq, key_hash FROM session_changes WHERE seq >= ?1 ORDER BY seq",
        )?;
        let mut rows = select.query([applied])?;
        let (mut first, mut newest) = (None, 0);
        let mut keys = Vec::new();
        while let Some(row) = rows.next()? {
            newest = row.get(0)?;
            if *first.get_or_insert(newest) != newest || applied == 0 {
                keys.push(SessionKeyHash(row.get(1)?));
            }
        }
        let whole = first.unwrap_or(0) == applied || (applied == 0 && first == Some(1));
        Ok(Self {
            newest,
            keys: whole.then_some(keys),
        })
    }
}
