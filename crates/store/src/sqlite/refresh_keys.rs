//! The keys of refresh tokens, within a caller's transaction.

use rusqlite::{Connection, params};
use sessionmint_oauth::Timestamp;

use super::audit::Trail;
use super::rows::timestamp;
use crate::{AuditKind, AuditReason, NewAuditRecord, RefreshKeyRow};

pub(super) fn all(conn: &Connection) -> rusqlite::Result<Vec<RefreshKeyRow>> {
    conn.prepare_cached(
        "SELECT version, tag_key, derive_key, created_at FROM refresh_keys ORDER BY version",
    )?
    .query_map([], |row| {
        Ok(RefreshKeyRow {
            version: row.get(0)?,
            tag_key: row.get(1)?,
            derive_key: row.get(2)?,
            created_at: timestamp(row, 3)?,
        })
    })?
    .collect()
}

/// Whether it was the next version and is there now.
pub(super) fn insert(
    conn: &Connection,
    key: &RefreshKeyRow,
    trail: &Trail<'_>,
) -> rusqlite::Result<bool> {
    let added = conn
        .prepare_cached(
            "INSERT INTO refresh_keys (version, tag_key, derive_key, created_at)
             SELECT ?1, ?2, ?3, ?4 WHERE ?1 = 1 + ifnull((SELECT max(version) FROM refresh_keys), 0)",
        )?
        .execute(params![
            key.version,
            key.tag_key,
            key.derive_key,
            key.created_at.millis()
        ])?;
    if added == 1 {
        let record = record(AuditKind::KeyAdded, key.version).detail("alg", "HS256");
        trail.record(&record.detail("signs_from", key.created_at.secs()))?;
    }
    Ok(added == 1)
}

pub(super) fn reseal(
    conn: &Connection,
    key: &RefreshKeyRow,
    trail: &Trail<'_>,
) -> rusqlite::Result<()> {
    conn.prepare_cached(
        "UPDATE refresh_keys SET tag_key = ?2, derive_key = ?3 WHERE version = ?1",
    )?
    .execute(params![key.version, key.tag_key, key.derive_key])?;
    trail.record(&record(AuditKind::KeyEncrypted, key.version))
}

pub(super) fn destroy_derive_key(
    conn: &Connection,
    version: u32,
    trail: &Trail<'_>,
) -> rusqlite::Result<usize> {
    let destroyed = conn
        .prepare_cached(
            "UPDATE refresh_keys SET derive_key = NULL
             WHERE version = ?1 AND derive_key IS NOT NULL AND version < (SELECT max(version) FROM refresh_keys)",
        )?
        .execute([version])?;
    if destroyed == 1 {
        let retired = record(AuditKind::KeyRemoved, version).because(AuditReason::Retired);
        trail.record(&retired.detail("part", "derivation"))?;
    }
    Ok(destroyed)
}

pub(super) fn remove(
    conn: &Connection,
    version: u32,
    no_grant_before: Timestamp,
    trail: &Trail<'_>,
) -> rusqlite::Result<usize> {
    let removed = conn
        .prepare_cached(
            "DELETE FROM refresh_keys
             WHERE version = ?1 AND version < (SELECT max(version) FROM refresh_keys)
                AND NOT EXISTS (SELECT 1 FROM grants WHERE created_at < ?2)",
        )?
        .execute(params![version, no_grant_before.millis()])?;
    if removed == 1 {
        let retired = record(AuditKind::KeyRemoved, version).because(AuditReason::Retired);
        trail.record(&retired.detail("part", "all"))?;
    }
    Ok(removed)
}

fn record(kind: AuditKind, version: u32) -> NewAuditRecord {
    NewAuditRecord::new(kind).key(&RefreshKeyRow::key_id(version))
}
