//! People.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};
use sessionmint_oauth::{Scope, SessionId, Timestamp, UserId};

use super::SqliteStore;
use super::rows::{optional_scope, parsed, timestamp};
use super::sessions::{count, end_sessions};
use crate::{AddUser, Change, ChangePassword, EndSessions, NewUser, StoreError, User, Users};

const SELECT: &str =
    "SELECT id, username, password_hash, scopes, disabled_at, created_at FROM users";

#[async_trait]
impl Users for SqliteStore {
    async fn add_user(&self, user: NewUser) -> Result<AddUser, StoreError> {
        self.write(move |conn| add(conn, &user)).await
    }

    async fn add_users(&self, users: Vec<NewUser>) -> Result<Vec<AddUser>, StoreError> {
        self.write(move |conn| users.iter().map(|user| add(conn, user)).collect())
            .await
    }

    async fn user_by_name(&self, username: &str) -> Result<Option<User>, StoreError> {
        self.read(|conn| {
            conn.prepare_cached(&format!("{SELECT} WHERE username = ?1"))?
                .query_row([username], from_row)
                .optional()
        })
    }

    async fn user(&self, id: &UserId) -> Result<Option<User>, StoreError> {
        self.read(|conn| {
            conn.prepare_cached(&format!("{SELECT} WHERE id = ?1"))?
                .query_row([id.as_str()], from_row)
                .optional()
        })
    }

    async fn users(&self, after: Option<&str>, limit: u32) -> Result<Vec<User>, StoreError> {
        self.read(|conn| {
            conn.prepare_cached(&format!(
                "{SELECT} WHERE ?1 IS NULL OR username > ?1 ORDER BY username LIMIT ?2"
            ))?
            .query_map(params![after, limit], from_row)?
            .collect()
        })
    }

    async fn set_password(
        &self,
        id: &UserId,
        hash: String,
        end: EndSessions,
    ) -> Result<Change, StoreError> {
        let id = id.clone();
        self.write(move |conn| {
            let changed = conn
                .prepare_cached("UPDATE users SET password_hash = ?2 WHERE id = ?1")?
                .execute(params![id.as_str(), hash])?;
            if changed == 1 {
                end_sessions(conn, &id, &end)?;
            }
            Ok(change(changed))
        })
        .await
    }

    async fn change_password(
        &self,
        id: &UserId,
        old: &str,
        new: String,
        kept: &SessionId,
    ) -> Result<ChangePassword, StoreError> {
        let (id, old, kept) = (id.clone(), old.to_owned(), kept.clone());
        self.write(move |conn| {
            let live = conn
                .prepare_cached("SELECT 1 FROM sessions WHERE id = ?1 AND user_id = ?2")?
                .exists([kept.as_str(), id.as_str()])?;
            if !live {
                return Ok(ChangePassword::SessionOver);
            }
            if replace_hash(conn, &id, &old, &new)? == 0 {
                return Ok(ChangePassword::OtherPassword);
            }
            let ended = count(end_sessions(conn, &id, &EndSessions::AllBut(kept))?);
            Ok(ChangePassword::Changed { ended })
        })
        .await
    }

    async fn upgrade_password_hash(
        &self,
        id: &UserId,
        old: &str,
        new: String,
    ) -> Result<Change, StoreError> {
        let (id, old) = (id.clone(), old.to_owned());
        self.write(move |conn| replace_hash(conn, &id, &old, &new).map(change))
            .await
    }

    async fn set_disabled(&self, id: &UserId, at: Option<Timestamp>) -> Result<Change, StoreError> {
        let id = id.clone();
        self.write(move |conn| {
            let Some(at) = at else {
                return conn
                    .prepare_cached("UPDATE users SET disabled_at = NULL WHERE id = ?1")?
                    .execute([id.as_str()])
                    .map(change);
            };
            end_sessions(conn, &id, &EndSessions::All)?;
            conn.prepare_cached(
                "UPDATE users SET disabled_at = coalesce(disabled_at, ?2) WHERE id = ?1",
            )?
            .execute(params![id.as_str(), at.millis()])
            .map(change)
        })
        .await
    }

    async fn set_user_scopes(
        &self,
        id: &UserId,
        scopes: Option<Scope>,
    ) -> Result<Change, StoreError> {
        let id = id.clone();
        self.write(move |conn| {
            conn.prepare_cached("UPDATE users SET scopes = ?2 WHERE id = ?1")?
                .execute(params![id.as_str(), scopes.map(String::from)])
                .map(change)
        })
        .await
    }

    async fn remove_user(&self, id: &UserId) -> Result<Change, StoreError> {
        let id = id.clone();
        self.write(move |conn| {
            conn.prepare_cached("DELETE FROM users WHERE id = ?1")?
                .execute([id.as_str()])
                .map(change)
        })
        .await
    }
}

fn add(conn: &Connection, user: &NewUser) -> rusqlite::Result<AddUser> {
    let added = conn
        .prepare_cached(
            "INSERT INTO users (id, username, password_hash, scopes, disabled_at, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (username) DO NOTHING",
        )?
        .execute(params![
            user.id.as_str(),
            user.username,
            user.password_hash,
            user.scopes.as_ref().map(ToString::to_string),
            user.disabled_at.map(Timestamp::millis),
            user.created_at.millis()
        ])?;
    Ok(if added == 1 {
        AddUser::Added
    } else {
        AddUser::NameTaken
    })
}

fn replace_hash(conn: &Connection, id: &UserId, old: &str, new: &str) -> rusqlite::Result<usize> {
    conn.prepare_cached("UPDATE users SET password_hash = ?3 WHERE id = ?1 AND password_hash = ?2")?
        .execute([id.as_str(), old, new])
}

/// From the number of rows that a statement changed.
pub(super) fn change(rows: usize) -> Change {
    if rows == 0 {
        Change::NotFound
    } else {
        Change::Done
    }
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<User> {
    let disabled_at: Option<i64> = row.get(4)?;
    Ok(User {
        id: parsed(row, 0)?,
        username: row.get(1)?,
        password_hash: row.get(2)?,
        scopes: optional_scope(row, 3)?,
        disabled_at: disabled_at.map(Timestamp::from_millis),
        created_at: timestamp(row, 5)?,
    })
}
