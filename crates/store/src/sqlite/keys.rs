//! Signing keys, and the keys of refresh tokens.

use std::collections::BTreeSet;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use sessionmint_oauth::Timestamp;

use super::SqliteStore;
use super::audit::Trail;
use super::refresh_keys;
use super::rows::timestamp;
use super::users::change;
use crate::{
    AddKey, AuditKind, AuditReason, By, Change, Keys, NewAuditRecord, RefreshKeyRow, ResealedKey,
    ResealedRefreshKey, SigningKeyRow, StoreError,
};

#[async_trait]
impl Keys for SqliteStore {
    async fn add_key(
        &self,
        key: SigningKeyRow,
        newest: Option<SigningKeyRow>,
        by: By,
    ) -> Result<AddKey, StoreError> {
        self.change(by, move |conn, trail| {
            if !is_newest(conn, newest.as_ref())? {
                return Ok(AddKey::Conflict);
            }
            insert(conn, &key, trail)?;
            Ok(AddKey::Added)
        })
        .await
    }

    async fn replace_keys(
        &self,
        key: SigningKeyRow,
        newest: Option<SigningKeyRow>,
        by: By,
    ) -> Result<AddKey, StoreError> {
        self.change(by, move |conn, trail| {
            if !is_newest(conn, newest.as_ref())? {
                return Ok(AddKey::Conflict);
            }
            overwriting(conn, || {
                let withdrawn = conn
                    .prepare("DELETE FROM signing_keys RETURNING kid")?
                    .query_map([], |row| row.get(0))?
                    .collect::<rusqlite::Result<Vec<String>>>()?;
                for kid in &withdrawn {
                    trail.record(&removed(kid, AuditReason::Withdrawn))?;
                }
                insert(conn, &key, trail)
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
        by: By,
    ) -> Result<Change, StoreError> {
        let kid = kid.to_owned();
        self.change(by, move |conn, trail| {
            overwriting(conn, || {
                let sealed = conn.execute(
                    "UPDATE signing_keys SET pkcs8 = ?2, seal_version = ?3 WHERE kid = ?1 AND seal_version = 0",
                    params![kid, pkcs8, seal_version],
                )?;
                if sealed == 1 {
                    trail.record(&NewAuditRecord::new(AuditKind::KeyEncrypted).key(&kid))?;
                }
                Ok(change(sealed))
            })
        })
        .await
    }

    async fn reseal_keys(
        &self,
        keys: Vec<ResealedKey>,
        refresh_keys: Vec<ResealedRefreshKey>,
        by: By,
    ) -> Result<Change, StoreError> {
        self.change(by, move |conn, trail| {
            let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
            let stored: BTreeSet<(String, Vec<u8>)> = conn
                .prepare_cached("SELECT kid, pkcs8 FROM signing_keys")?
                .query_map([], read)?
                .collect::<rusqlite::Result<_>>()?;
            let seen = keys.iter().map(|key| (key.kid.clone(), key.old.clone()));
            let seen_refresh_keys = refresh_keys.iter().map(|key| &key.old);
            if stored != seen.collect() || !refresh_keys::all(conn)?.iter().eq(seen_refresh_keys) {
                return Ok(Change::NotFound);
            }
            overwriting(conn, || {
                let mut reseal = conn.prepare_cached(
                    "UPDATE signing_keys SET pkcs8 = ?2, seal_version = ?3 WHERE kid = ?1",
                )?;
                for key in &keys {
                    reseal.execute(params![key.kid, key.new, key.seal_version])?;
                    trail.record(&NewAuditRecord::new(AuditKind::KeyEncrypted).key(&key.kid))?;
                }
                for key in &refresh_keys {
                    refresh_keys::reseal(conn, &key.new, trail)?;
                }
                Ok(Change::Done)
            })
        })
        .await
    }

    async fn remove_key(&self, kid: &str, by: By) -> Result<Change, StoreError> {
        let kid = kid.to_owned();
        self.change(by, move |conn, trail| {
            overwriting(conn, || {
                let gone = conn.execute(
                    "DELETE FROM signing_keys WHERE kid = ?1 AND seq < (SELECT max(seq) FROM signing_keys)",
                    params![kid],
                )?;
                if gone == 1 {
                    trail.record(&removed(&kid, AuditReason::Retired))?;
                }
                Ok(change(gone))
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

    async fn add_refresh_key(
        &self,
        key: RefreshKeyRow,
        newest: Option<SigningKeyRow>,
        by: By,
    ) -> Result<AddKey, StoreError> {
        self.change(by, move |conn, trail| {
            if is_newest(conn, newest.as_ref())? && refresh_keys::insert(conn, &key, trail)? {
                Ok(AddKey::Added)
            } else {
                Ok(AddKey::Conflict)
            }
        })
        .await
    }

    async fn destroy_derive_key(&self, version: u32, by: By) -> Result<Change, StoreError> {
        self.change(by, move |conn, trail| {
            overwriting(conn, || {
                refresh_keys::destroy_derive_key(conn, version, trail)
            })
            .map(change)
        })
        .await
    }

    async fn remove_refresh_key(
        &self,
        version: u32,
        no_grant_before: Timestamp,
        by: By,
    ) -> Result<Change, StoreError> {
        self.change(by, move |conn, trail| {
            let remove = || refresh_keys::remove(conn, version, no_grant_before, trail);
            overwriting(conn, remove).map(change)
        })
        .await
    }

    async fn refresh_keys(&self) -> Result<Vec<RefreshKeyRow>, StoreError> {
        self.read(refresh_keys::all)
    }
}

/// Whether the key that was stored last is still as the caller has seen it.
fn is_newest(conn: &Connection, seen: Option<&SigningKeyRow>) -> rusqlite::Result<bool> {
    let newest = conn
        .prepare_cached("SELECT kid, pkcs8 FROM signing_keys ORDER BY seq DESC LIMIT 1")?
        .query_row([], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?))
        })
        .optional()?;
    Ok(match (newest, seen) {
        (Some((kid, pkcs8)), Some(seen)) => kid == seen.kid && pkcs8 == seen.pkcs8,
        (None, None) => true,
        _ => false,
    })
}

fn insert(conn: &Connection, key: &SigningKeyRow, trail: &Trail<'_>) -> rusqlite::Result<()> {
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
    let record = NewAuditRecord::new(AuditKind::KeyAdded)
        .key(&key.kid)
        .detail("alg", key.alg.clone())
        .detail("signs_from", key.activates_at.secs());
    trail.record(&record)
}

fn removed(kid: &str, reason: AuditReason) -> NewAuditRecord {
    NewAuditRecord::new(AuditKind::KeyRemoved)
        .key(kid)
        .because(reason)
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
