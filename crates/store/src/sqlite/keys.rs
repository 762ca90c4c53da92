//! Signing keys.

use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::SqliteStore;
use super::rows::timestamp;
use crate::{AddKey, Change, Keys, SigningKeyRow, StoreError};

#[async_trait]
impl Keys for SqliteStore {
    async fn add_key(
        &self,
        key: SigningKeyRow,
        newest: Option<String>,
    ) -> Result<AddKey, StoreError> {
        self.write(move |conn| {
            if !is_newest(conn, newest.as_deref())? {
                return Ok(AddKey::Conflict);
            }
            insert(conn, &key)?;
            Ok(AddKey::Added)
        })
        .await
    }

    async fn replace_keys(
        &self,
        key: SigningKeyRow,
        newest: Option<String>,
    ) -> Result<AddKey, StoreError> {
        self.write(move |conn| {
            if !is_newest(conn, newest.as_deref())? {
                return Ok(AddKey::Conflict);
            }
            overwriting(conn, || {
                conn.execute("DELETE FROM signing_keys", [])?;
                insert(conn, &key)
            })?;
            Ok(AddKey::Added)
        })
        .await
    }

    async fn seal_key(
        &self,
        kid: &str,
        pkcs8: Vec<u8>,
        seal_version: u32,
    ) -> Result<Change, StoreError> {
        let kid = kid.to_owned();
        self.write(move |conn| {
            overwriting(conn, || {
                let sealed = conn.execute(
                    "UPDATE signing_keys SET pkcs8 = ?2, seal_version = ?3 WHERE kid = ?1 AND seal_version = 0",
                    params![kid, pkcs8, seal_version],
                )?;
                Ok(if sealed == 1 { Change::Done } else { Change::NotFound })
            })
        })
        .await
    }

    async fn remove_key(&self, kid: &str) -> Result<Change, StoreError> {
        let kid = kid.to_owned();
        self.write(move |conn| {
            overwriting(conn, || {
                let removed = conn.execute(
                    "DELETE FROM signing_keys WHERE kid = ?1 AND seq < (SELECT max(seq) FROM signing_keys)",
                    params![kid],
                )?;
                Ok(if removed == 1 { Change::Done } else { Change::NotFound })
            })
        })
        .await
    }

    async fn keys(&self) -> Result<Vec<SigningKeyRow>, StoreError> {
        self.read(|conn| {
            conn.prepare_cached(
                "SELECT kid, alg, pkcs8, seal_version, created_at, activates_at FROM signing_keys ORDER BY seq",
            )?
            .query_map([], |row| {
                Ok(SigningKeyRow {
                    kid: row.get(0)?,
                    alg: row.get(1)?,
                    pkcs8: row.get(2)?,
                    seal_version: row.get(3)?,
                    created_at: timestamp(row, 4)?,
                    activates_at: timestamp(row, 5)?,
                })
            })?
            .collect()
        })
    }
}

/// Whether the key that was stored last is still the one that the caller has seen.
fn is_newest(conn: &Connection, seen: Option<&str>) -> rusqlite::Result<bool> {
    conn.prepare_cached("SELECT (SELECT kid FROM signing_keys ORDER BY seq DESC LIMIT 1) IS ?1")?
        .query_row([seen], |row| row.get(0))
}

fn insert(conn: &Connection, key: &SigningKeyRow) -> rusqlite::Result<()> {
    conn.prepare_cached(
        "INSERT INTO signing_keys (kid, alg, pkcs8, seal_version, created_at, activates_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        key.kid,
        key.alg,
        key.pkcs8,
        key.seal_version,
        key.created_at.millis(),
        key.activates_at.millis()
    ])?;
    Ok(())
}

/// Changes rows so that what stood in them is overwritten in the file too, not merely marked as free.
fn overwriting<T>(
    conn: &Connection,
    change: impl FnOnce() -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    conn.execute_batch("PRAGMA secure_delete = ON")?;
    let changed = change();
    conn.execute_batch("PRAGMA secure_delete = OFF")?;
    changed
}
