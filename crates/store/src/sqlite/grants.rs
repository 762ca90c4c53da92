//! Grants and their refresh tokens.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params, params_from_iter};
use sessionmint_oauth::lifetime::SessionTimes;
use sessionmint_oauth::{ClientId, GrantId, RefreshTokenHash, SessionId, Timestamp, UserId};

use super::SqliteStore;
use super::audit::Trail;
use super::rows::{json, optional, parsed, strings, timestamp};
use super::sessions::count;
use super::users::change;
use crate::{
    AuditKind, AuditReason, By, Change, Grant, Grants, GrantsOf, NewAuditRecord, NewGrant, Revoked,
    RotateGrant, StartGrant, StoreError, Successor,
};

macro_rules! select_where {
    ($which:literal) => {
        concat!(
            "SELECT g.id, g.client_id, g.user_id, g.session_id, g.scopes, g.resources, g.auth_time, g.created_at,
                g.generation, g.current_hash, g.previous_hash, g.salt, g.key_version, g.rotated_at, g.absolute_end,
                g.idle_end, g.revoked_at, g.cause, u.scopes, s.last_activity, s.absolute_end
            FROM grants g JOIN users u ON u.id = g.user_id
                LEFT JOIN sessions s ON s.id = g.session_id AND s.user_id = g.user_id
            WHERE ",
            $which
        )
    };
}

/// Rows that one purge command removes, so that other writes never wait long behind it.
const PURGE_CHUNK: u32 = 1000;

#[async_trait]
impl Grants for SqliteStore {
    async fn start_grant(&self, grant: NewGrant, by: By) -> Result<StartGrant, StoreError> {
        self.change(by, move |conn, trail| insert_grant(conn, &grant, trail))
            .await
    }

    async fn grant(&self, id: &GrantId) -> Result<Option<Grant>, StoreError> {
        self.read(|conn| {
            conn.prepare_cached(select_where!("g.id = ?1 AND u.disabled_at IS NULL"))?
                .query_row([id.as_str()], from_row)
                .optional()
        })
    }

    async fn grants(&self, of: &GrantsOf) -> Result<Vec<Grant>, StoreError> {
        let (sql, ids) = match of {
            GrantsOf::Everybody => (select_where!("true ORDER BY g.seq DESC"), vec![]),
            GrantsOf::User(id) => (
                select_where!("g.user_id = ?1 ORDER BY g.seq DESC"),
                vec![id.as_str()],
            ),
            GrantsOf::Client(id) => (
                select_where!("g.client_id = ?1 ORDER BY g.seq DESC"),
                vec![id.as_str()],
            ),
            GrantsOf::Both(user, client) => (
                select_where!("g.user_id = ?1 AND g.client_id = ?2 ORDER BY g.seq DESC"),
                vec![user.as_str(), client.as_str()],
            ),
        };
        self.read(|conn| {
            conn.prepare_cached(sql)?
                .query_map(params_from_iter(&ids), from_row)?
                .collect()
        })
    }

    async fn rotate_grant(
        &self,
        id: &GrantId,
        successor: Successor,
    ) -> Result<RotateGrant, StoreError> {
        let id = id.clone();
        self.write(move |conn| {
            let rotated = conn
                .prepare_cached(
                    "UPDATE grants SET generation = generation + 1, previous_hash = current_hash, current_hash = ?3,
                        salt = ?4, key_version = ?5, rotated_at = ?6, idle_end = ?7
                     WHERE id = ?1 AND generation = ?2 AND current_hash IS NOT NULL AND revoked_at IS NULL
                        AND EXISTS (SELECT 1 FROM users u WHERE u.id = user_id AND u.disabled_at IS NULL)
                        AND (session_id IS NULL OR EXISTS (SELECT 1 FROM sessions s WHERE s.id = session_id))",
                )?
                .execute(params![
                    id.as_str(),
                    successor.follows,
                    successor.hash.0,
                    successor.salt,
                    successor.key_version,
                    successor.rotated_at.millis(),
                    successor.idle_end.millis(),
                ])?;
            if rotated == 1 {
                return Ok(RotateGrant::Rotated);
            }
            let moved = conn
                .prepare_cached("SELECT 1 FROM grants WHERE id = ?1 AND generation <> ?2 AND revoked_at IS NULL")?
                .exists(params![id.as_str(), successor.follows])?;
            Ok(if moved {
                RotateGrant::Conflict
            } else {
                RotateGrant::Gone
            })
        })
        .await
    }

    async fn touch_grant(&self, id: &GrantId, idle_end: Timestamp) -> Result<Change, StoreError> {
        let id = id.clone();
        self.write(move |conn| {
            conn.prepare_cached(
                "UPDATE grants SET idle_end = max(idle_end, ?2) WHERE id = ?1 AND revoked_at IS NULL",
            )?
            .execute(params![id.as_str(), idle_end.millis()])
            .map(change)
        })
        .await
    }

    async fn revoke_grant(
        &self,
        id: &GrantId,
        cause: AuditReason,
        by: By,
    ) -> Result<Change, StoreError> {
        let id = id.clone();
        self.change(by, move |conn, trail| {
            end_grants(conn, "id = ?3", &[id.as_str()], cause, trail).map(change)
        })
        .await
    }

    async fn revoke_grants(
        &self,
        of: &GrantsOf,
        cause: AuditReason,
        by: By,
    ) -> Result<u32, StoreError> {
        let of = of.clone();
        self.change(by, move |conn, trail| {
            let ended = match &of {
                GrantsOf::Everybody => end_grants(conn, "true", &[], cause, trail),
                GrantsOf::User(id) => end_grants_of(conn, id, cause, trail),
                GrantsOf::Client(id) => {
                    end_grants(conn, "client_id = ?3", &[id.as_str()], cause, trail)
                }
                GrantsOf::Both(user, client) => {
                    end_grants_of_both(conn, user, client, cause, trail)
                }
            };
            ended.map(count)
        })
        .await
    }

    async fn purge_grants(&self, before: Timestamp) -> Result<u32, StoreError> {
        let mut removed = 0_u32;
        loop {
            let chunk = self
                .write(move |conn| {
                    conn.prepare_cached(
                        "DELETE FROM grants WHERE seq IN (SELECT seq FROM grants WHERE absolute_end < ?1 LIMIT ?2)",
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

/// Starts a grant within the caller's transaction.
pub(super) fn insert_grant(
    conn: &Connection,
    grant: &NewGrant,
    trail: &Trail<'_>,
) -> rusqlite::Result<StartGrant> {
    let inserted = conn
        .prepare_cached(
            "INSERT INTO grants (id, client_id, user_id, session_id, scopes, resources, auth_time, created_at, generation,
                current_hash, salt, key_version, rotated_at, absolute_end, idle_end)
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, ?9, zeroblob(32), 0, ?8, ?10, ?11
             FROM users u WHERE u.id = ?3 AND u.disabled_at IS NULL
                AND (?4 IS NULL OR EXISTS (SELECT 1 FROM sessions s WHERE s.id = ?4 AND s.user_id = ?3))",
        )?
        .execute(params![
            grant.id.as_str(),
            grant.client_id.as_str(),
            grant.user_id.as_str(),
            grant.session_id.as_ref().map(SessionId::as_str),
            grant.scopes.as_str(),
            json(&grant.resources)?,
            grant.auth_time.millis(),
            trail.at().millis(),
            grant.refresh_token.map(|hash| hash.0),
            grant.absolute_end.millis(),
            grant.idle_end.millis(),
        ])?;
    if inserted == 0 {
        return Ok(StartGrant::UserGone);
    }
    let started = NewAuditRecord {
        session_id: grant.session_id.clone(),
        ..NewAuditRecord::new(AuditKind::GrantStarted)
    };
    let started = started
        .user(&grant.user_id)
        .client(&grant.client_id)
        .detail("grant_id", grant.id.as_str())
        .detail("scopes", grant.scopes.as_str())
        .detail("resources", grant.resources.clone())
        .detail("offline", grant.session_id.is_none())
        .detail("refresh_token", grant.refresh_token.is_some());
    trail.record(&started)?;
    Ok(StartGrant::Started)
}

/// Ends all grants of a user within the caller's transaction.
pub(super) fn end_grants_of(
    conn: &Connection,
    user: &UserId,
    cause: AuditReason,
    trail: &Trail<'_>,
) -> rusqlite::Result<usize> {
    end_grants(conn, "user_id = ?3", &[user.as_str()], cause, trail)
}

/// Ends all grants of a user to a client within the caller's transaction.
pub(super) fn end_grants_of_both(
    conn: &Connection,
    user: &UserId,
    client: &ClientId,
    cause: AuditReason,
    trail: &Trail<'_>,
) -> rusqlite::Result<usize> {
    let which = "user_id = ?3 AND client_id = ?4";
    let ids = [user.as_str(), client.as_str()];
    end_grants(conn, which, &ids, cause, trail)
}

/// Every end of a grant before its time comes through here: ends what `which` selects by the `ids` (from `?3` on), and
/// records each.
pub(super) fn end_grants(
    conn: &Connection,
    which: &str,
    ids: &[&str],
    cause: AuditReason,
    trail: &Trail<'_>,
) -> rusqlite::Result<usize> {
    let cause_text = cause.as_str();
    let mut end = conn.prepare_cached(&format!(
        "UPDATE grants SET revoked_at = ?1, cause = ?2 WHERE {which} AND revoked_at IS NULL
         RETURNING id, user_id, client_id, session_id"
    ))?;
    let at = trail.at().millis();
    let mut values: Vec<&dyn ToSql> = vec![&at, &cause_text];
    values.extend(ids.iter().map(|id| id as &dyn ToSql));
    let ended = end
        .query_map(&*values, |row| {
            // A row with a damaged id ends like any other; the record does without.
            let record = NewAuditRecord {
                user_id: parsed(row, 1).ok(),
                client_id: parsed(row, 2).ok(),
                session_id: parsed(row, 3).ok(),
                ..NewAuditRecord::new(AuditKind::GrantEnded).because(cause)
            };
            Ok(record.detail("grant_id", row.get::<_, String>(0)?))
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    for record in &ended {
        trail.record(record)?;
    }
    Ok(ended.len())
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Grant> {
    let hash = |column| -> rusqlite::Result<Option<RefreshTokenHash>> {
        Ok(row.get::<_, Option<_>>(column)?.map(RefreshTokenHash))
    };
    let at = |column| -> rusqlite::Result<Option<Timestamp>> {
        Ok(row.get::<_, Option<_>>(column)?.map(Timestamp::from_millis))
    };
    let revoked = at(16)?.zip(optional(row, 17)?);
    let session = at(19)?.zip(at(20)?);
    Ok(Grant {
        id: parsed(row, 0)?,
        client_id: parsed(row, 1)?,
        user_id: parsed(row, 2)?,
        session_id: optional(row, 3)?,
        scopes: parsed(row, 4)?,
        resources: strings(row, 5)?,
        auth_time: timestamp(row, 6)?,
        created_at: timestamp(row, 7)?,
        generation: row.get(8)?,
        current: hash(9)?,
        previous: hash(10)?,
        salt: row.get(11)?,
        key_version: row.get(12)?,
        rotated_at: timestamp(row, 13)?,
        absolute_end: timestamp(row, 14)?,
        idle_end: timestamp(row, 15)?,
        revoked: revoked.map(|(at, cause)| Revoked { at, cause }),
        user_scopes: optional(row, 18)?,
        session: session.map(|(last_activity, absolute_end)| SessionTimes {
            last_activity,
            absolute_end,
        }),
    })
}
