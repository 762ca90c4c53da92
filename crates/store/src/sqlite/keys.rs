//! Signing keys.

use async_trait::async_trait;
use rusqlite::params;

use super::SqliteStore;
use super::rows::timestamp;
use crate::{AddKey, Keys, SigningKeyRow, StoreError};

#[async_trait]
impl Keys for SqliteStore {
    async fn add_first_key(&self, key: SigningKeyRow) -> Result<AddKey, StoreError> {
        self.write(move |conn| {
            let added = conn
                .prepare_cached(
                    "INSERT INTO signing_keys (kid, alg, pkcs8, created_at)
                     SELECT ?1, ?2, ?3, ?4 WHERE NOT EXISTS (SELECT 1 FROM signing_keys)",
                )?
                .execute(params![
                    key.kid,
                    key.alg,
                    key.pkcs8,
                    key.created_at.millis()
                ])?;
            Ok(if added == 1 {
                AddKey::Added
            } else {
                AddKey::Exists
            })
        })
        .await
    }

    async fn keys(&self) -> Result<Vec<SigningKeyRow>, StoreError> {
        self.read(|conn| {
            conn.prepare_cached(
                "SELECT kid, alg, pkcs8, created_at FROM signing_keys ORDER BY seq",
            )?
            .query_map([], |row| {
                Ok(SigningKeyRow {
                    kid: row.get(0)?,
                    alg: row.get(1)?,
                    pkcs8: row.get(2)?,
                    created_at: timestamp(row, 3)?,
                })
            })?
            .collect()
        })
    }
}
