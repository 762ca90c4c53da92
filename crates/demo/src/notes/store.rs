//! The notes in a small SQLite file. Every statement names the owner, so nobody reaches another user's notes.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use http::StatusCode;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;

use crate::problem::Problem;

/// The most notes that a user can have.
const MAX_NOTES: u32 = 500;

const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    CREATE TABLE IF NOT EXISTS notes (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        owner TEXT NOT NULL,
        text TEXT NOT NULL,
        created_at INTEGER NOT NULL DEFAULT (unixepoch())
    ) STRICT;
    CREATE INDEX IF NOT EXISTS notes_by_owner ON notes (owner, id);";

/// A note as clients see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Note {
    /// Opaque to clients.
    pub id: String,
    /// What was written.
    pub text: String,
    /// Seconds since the epoch.
    pub created_at: i64,
}

/// The store. Clones share one connection.
#[derive(Clone)]
pub struct Notes(Arc<Mutex<Connection>>);

impl Notes {
    /// Opens the file, and makes it where there is none.
    ///
    /// # Errors
    /// When it cannot be opened or is no such database.
    pub fn open(file: &Path) -> rusqlite::Result<Self> {
        let connection = Connection::open(file)?;
        connection.execute_batch(SCHEMA)?;
        Ok(Self(Arc::new(Mutex::new(connection))))
    }

    pub(super) async fn list(&self, owner: String) -> Result<Vec<Note>, Problem> {
        self.run(move |connection| {
            let sql = "SELECT id, text, created_at FROM notes WHERE owner = ?1 ORDER BY id DESC";
            connection
                .prepare_cached(sql)?
                .query_map([owner], note)?
                .collect()
        })
        .await
    }

    /// `None` when the user has too many.
    pub(super) async fn add(&self, owner: String, text: String) -> Result<Option<Note>, Problem> {
        self.run(move |connection| {
            let sql = "INSERT INTO notes (owner, text)
                SELECT ?1, ?2 WHERE (SELECT count(*) FROM notes WHERE owner = ?1) < ?3
                RETURNING id, text, created_at";
            connection
                .prepare_cached(sql)?
                .query_row(params![owner, text, MAX_NOTES], note)
                .optional()
        })
        .await
    }

    /// Whether there was one.
    pub(super) async fn remove(&self, owner: String, id: String) -> Result<bool, Problem> {
        let Ok(id) = id.parse::<i64>() else {
            return Ok(false);
        };
        self.run(move |connection| {
            let sql = "DELETE FROM notes WHERE owner = ?1 AND id = ?2";
            Ok(connection
                .prepare_cached(sql)?
                .execute(params![owner, id])?
                == 1)
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Problem> {
        let connection = Arc::clone(&self.0);
        let work = move || work(&connection.lock().unwrap_or_else(PoisonError::into_inner));
        let error = match tokio::task::spawn_blocking(work).await {
            Ok(Ok(done)) => return Ok(done),
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        tracing::error!(notes.error = error, "the notes cannot be reached");
        Err(Problem(
            StatusCode::SERVICE_UNAVAILABLE,
            "the notes cannot be reached at the moment",
        ))
    }
}

fn note(row: &Row<'_>) -> rusqlite::Result<Note> {
    Ok(Note {
        id: row.get::<_, i64>(0)?.to_string(),
        text: row.get(1)?,
        created_at: row.get(2)?,
    })
}
