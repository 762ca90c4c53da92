//! Marks.

use async_trait::async_trait;
use rusqlite::params;
use sessionmint_oauth::Timestamp;

use super::SqliteStore;
use super::sessions::count;
use crate::{AuditKind, By, Mark, MarkHash, Marks, NewAuditRecord, Purpose, StoreError};

/// Rows that one purge command removes, so that others never wait long behind it.
const PURGE_CHUNK: u32 = 1000;

#[async_trait]
impl Marks for SqliteStore {
    async fn mark(
        &self,
        purpose: Purpose,
        hash: MarkHash,
        until: Timestamp,
        by: By,
    ) -> Result<Mark, StoreError> {
        self.change(by, move |conn, trail| {
            let inserted = conn
                .prepare_cached(
                    "INSERT INTO marks (purpose, hash, until) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
                )?
                .execute(params![purpose.as_str(), hash.0, until.millis()])?;
            if inserted == 0 {
                return Ok(Mark::Again);
            }
            if purpose == Purpose::AccessToken {
                trail.record(&NewAuditRecord::new(AuditKind::TokenRevoked))?;
            }
            Ok(Mark::First)
        })
        .await
    }

    async fn is_marked(&self, purpose: Purpose, hash: MarkHash) -> Result<bool, StoreError> {
        self.read(|conn| {
            conn.prepare_cached("SELECT 1 FROM marks WHERE purpose = ?1 AND hash = ?2")?
                .exists(params![purpose.as_str(), hash.0])
        })
    }

    async fn purge_marks(&self, before: Timestamp) -> Result<u32, StoreError> {
        let mut removed = 0_u32;
        loop {
            let chunk = self
                .write(move |conn| {
                    conn.prepare_cached(
                        "DELETE FROM marks WHERE (purpose, hash) IN (
                            SELECT purpose, hash FROM marks WHERE until < ?1 LIMIT ?2)",
                    )?
                    .execute(params![before.millis(), PURGE_CHUNK])
                    .map(count)
                })
                .await?;
            removed = removed.saturating_add(chunk);
            if chunk < PURGE_CHUNK {
                return Ok(removed);
            }
        }
    }
}
