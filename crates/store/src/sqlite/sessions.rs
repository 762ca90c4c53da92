//! Sessions. Ending one deletes its row, so no later command can find it, and leaves a record of why.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Params, Row, params};
use sessionmint_oauth::{SessionId, SessionKeyHash, Timestamp, UserId};

use super::SqliteStore;
use super::audit::Trail;
use super::grants::end_grants;
use super::rows::{optional, parsed, timestamp};
use super::users::change;
use crate::{
    AuditKind, AuditReason, By, Change, EndSessions, NewAuditRecord, NewSession, Session, Sessions,
    StartSession, StoreError,
};

/// Whatever is read here changes only where a trigger of `session_changes` sees it.
macro_rules! select_where {
    ($which:literal) => {
        concat!(
            "SELECT s.id, s.user_id, u.scopes, s.client_id, s.auth_time, s.last_activity, s.absolute_end,
                s.created_at, s.persistent, s.user_agent
            FROM sessions s JOIN users u ON u.id = s.user_id
            WHERE u.disabled_at IS NULL AND ",
            $which
        )
    };
}

/// Rows that one purge command removes, so that sign-ins never wait long behind it.
const PURGE_CHUNK: u32 = 1000;

#[async_trait]
impl Sessions for SqliteStore {
    async fn start_session(
        &self,
        session: NewSession,
        replaces: Option<SessionKeyHash>,
        max_per_user: u32,
        by: By,
    ) -> Result<StartSession, StoreError> {
        self.change(by, move |conn, trail| {
            if !may_start(conn, &session)? {
                return Ok(StartSession::UserGone);
            }
            if let Some(key) = replaces {
                end_session(conn, &key, AuditReason::Replaced, trail)?;
            }
            insert(conn, &session)?;
            let began = NewAuditRecord::new(AuditKind::SignInSucceeded)
                .user(&session.user_id)
                .session(&session.id)
                .client(&session.client_id)
                .detail("persistent", session.persistent)
                .detail("user_agent", session.user_agent);
            trail.record(&began)?;
            let evicted = end(
                conn,
                "user_id = ?1 AND seq NOT IN
                    (SELECT seq FROM sessions WHERE user_id = ?1 ORDER BY seq DESC LIMIT ?2)",
                params![session.user_id.as_str(), max_per_user.max(1)],
                |_| Ok(AuditReason::Evicted),
                trail,
            )?;
            Ok(StartSession::Started {
                evicted: count(evicted),
            })
        })
        .await
    }

    async fn session(&self, key: &SessionKeyHash) -> Result<Option<Arc<Session>>, StoreError> {
        self.read_with(|reader| {
            self.sessions.get(reader, key, |conn| {
                conn.prepare_cached(select_where!("s.key_hash = ?1"))?
                    .query_row([&key.0], from_row)
                    .optional()
            })
        })
    }

    async fn touch_session(
        &self,
        key: &SessionKeyHash,
        at: Timestamp,
    ) -> Result<Change, StoreError> {
        let key = *key;
        self.write(move |conn| {
            let moved = conn
                .prepare_cached("UPDATE sessions SET last_activity = ?2 WHERE key_hash = ?1 AND last_activity < ?2")?
                .execute(params![key.0, at.millis()])?;
            let there = moved == 1
                || conn.prepare_cached("SELECT 1 FROM sessions WHERE key_hash = ?1")?.exists([&key.0])?;
            Ok(if there { Change::Done } else { Change::NotFound })
        })
        .await
    }

    async fn end_session(&self, key: &SessionKeyHash, by: By) -> Result<Change, StoreError> {
        let key = *key;
        self.change(by, move |conn, trail| {
            end_session(conn, &key, AuditReason::SignOut, trail).map(change)
        })
        .await
    }

    async fn sessions_of(&self, user: &UserId) -> Result<Vec<Session>, StoreError> {
        self.read(|conn| {
            conn.prepare_cached(select_where!("s.user_id = ?1 ORDER BY s.seq DESC"))?
                .query_map([user.as_str()], from_row)?
                .collect()
        })
    }

    async fn end_session_of(
        &self,
        user: &UserId,
        id: &SessionId,
        by: By,
    ) -> Result<Change, StoreError> {
        let (user, id) = (user.clone(), id.clone());
        self.change(by, move |conn, trail| {
            let which = params![id.as_str(), user.as_str()];
            end(conn, "id = ?1 AND user_id = ?2", which, requested, trail).map(change)
        })
        .await
    }

    async fn end_session_by_id(&self, id: &SessionId, by: By) -> Result<Change, StoreError> {
        let id = id.clone();
        self.change(by, move |conn, trail| {
            end(conn, "id = ?1", [id.as_str()], requested, trail).map(change)
        })
        .await
    }

    async fn end_sessions_of(
        &self,
        user: &UserId,
        which: EndSessions,
        by: By,
    ) -> Result<u32, StoreError> {
        let user = user.clone();
        self.change(by, move |conn, trail| {
            end_sessions(conn, &user, &which, AuditReason::Requested, trail).map(count)
        })
        .await
    }

    async fn purge_sessions(&self, idle_before: Timestamp, by: By) -> Result<u32, StoreError> {
        let mut removed = 0_u32;
        loop {
            let chunk = self
                .change(by.clone(), move |conn, trail| {
                    let now = trail.at();
                    let reason = |row: &Row<'_>| {
                        Ok(if timestamp(row, 2)? < now {
                            AuditReason::AbsoluteEnd
                        } else {
                            AuditReason::Idle
                        })
                    };
                    end(
                        conn,
                        "seq IN (SELECT seq FROM sessions WHERE absolute_end < ?1 OR last_activity < ?2 LIMIT ?3)",
                        params![now.millis(), idle_before.millis(), PURGE_CHUNK],
                        reason,
                        trail,
                    )
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

/// Ends sessions of a user within the caller's transaction; says how many.
pub(super) fn end_sessions(
    conn: &Connection,
    user: &UserId,
    which: &EndSessions,
    reason: AuditReason,
    trail: &Trail<'_>,
) -> rusqlite::Result<usize> {
    let reason = |_: &Row<'_>| Ok(reason);
    match which {
        EndSessions::All => end(conn, "user_id = ?1", [user.as_str()], reason, trail),
        EndSessions::AllBut(kept) => {
            let which = [user.as_str(), kept.as_str()];
            end(conn, "user_id = ?1 AND id <> ?2", which, reason, trail)
        }
    }
}

fn end_session(
    conn: &Connection,
    key: &SessionKeyHash,
    reason: AuditReason,
    trail: &Trail<'_>,
) -> rusqlite::Result<usize> {
    end(conn, "key_hash = ?1", [&key.0], |_| Ok(reason), trail)
}

#[expect(clippy::unnecessary_wraps, reason = "as `end` wants it")]
fn requested(_: &Row<'_>) -> rusqlite::Result<AuditReason> {
    Ok(AuditReason::Requested)
}

/// Every end of a session comes through here: removes the rows that `which` selects, records each with the reason that its row
/// (public id, user, absolute end) gives, and ends the grants that hang on it.
pub(super) fn end(
    conn: &Connection,
    which: &str,
    params: impl Params,
    reason: impl Fn(&Row<'_>) -> rusqlite::Result<AuditReason>,
    trail: &Trail<'_>,
) -> rusqlite::Result<usize> {
    let mut delete = conn.prepare_cached(&format!(
        "DELETE FROM sessions WHERE {which} RETURNING id, user_id, absolute_end"
    ))?;
    let ended = delete
        .query_map(params, |row| {
            // A row with a damaged id ends like any other; the record does without.
            Ok(NewAuditRecord {
                session_id: parsed(row, 0).ok(),
                user_id: parsed(row, 1).ok(),
                ..NewAuditRecord::new(AuditKind::SessionEnded).because(reason(row)?)
            })
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    for record in &ended {
        trail.record(record)?;
        if let Some(id) = &record.session_id {
            let cause = AuditReason::SessionEnded;
            end_grants(conn, "session_id = ?3", &[id.as_str()], cause, trail)?;
        }
    }
    Ok(ended.len())
}

/// Whether the user is there, may sign in, and has the password that was checked.
fn may_start(conn: &Connection, session: &NewSession) -> rusqlite::Result<bool> {
    conn.prepare_cached(
        "SELECT 1 FROM users WHERE id = ?1 AND disabled_at IS NULL AND (?2 IS NULL OR password_hash = ?2)",
    )?
    .exists(params![session.user_id.as_str(), session.password_hash])
}

fn insert(conn: &Connection, session: &NewSession) -> rusqlite::Result<usize> {
    conn.prepare_cached(
        "INSERT INTO sessions (key_hash, id, user_id, client_id, auth_time, last_activity, absolute_end, created_at,
            persistent, user_agent)
         VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6, ?5, ?7, ?8)",
    )?
    .execute(params![
        session.key_hash.0,
        session.id.as_str(),
        session.user_id.as_str(),
        session.client_id.as_str(),
        session.now.millis(),
        session.absolute_end.millis(),
        session.persistent,
        session.user_agent,
    ])
}

pub(super) fn count(rows: usize) -> u32 {
    u32::try_from(rows).unwrap_or(u32::MAX)
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Session> {
    Ok(Session {
        id: parsed(row, 0)?,
        user_id: parsed(row, 1)?,
        user_scopes: optional(row, 2)?,
        client_id: parsed(row, 3)?,
        auth_time: timestamp(row, 4)?,
        last_activity: timestamp(row, 5)?,
        absolute_end: timestamp(row, 6)?,
        created_at: timestamp(row, 7)?,
        persistent: row.get(8)?,
        user_agent: row.get(9)?,
    })
}
