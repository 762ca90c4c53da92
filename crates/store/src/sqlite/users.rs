//! People.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};
use sessionmint_oauth::{Scope, SessionId, Timestamp, UserId};

use super::SqliteStore;
use super::audit::Trail;
use super::grants::end_grants_of;
use super::rows::{optional, parsed, timestamp};
use super::sessions::{count, end_sessions};
use crate::{
    AddUser, AuditKind, AuditReason, By, Change, ChangePassword, ChangeUser, EndSessions,
    NewAuditRecord, NewUser, StoreError, User, Users,
};

const SELECT: &str =
    "SELECT id, username, password_hash, scopes, disabled_at, created_at FROM users";

#[async_trait]
impl Users for SqliteStore {
    async fn add_user(&self, user: NewUser, by: By) -> Result<AddUser, StoreError> {
        self.change(by, move |conn, trail| add(conn, &user, trail))
            .await
    }

    async fn add_users(&self, users: Vec<NewUser>, by: By) -> Result<Vec<AddUser>, StoreError> {
        self.change(by, move |conn, trail| {
            users.iter().map(|user| add(conn, user, trail)).collect()
        })
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
        by: By,
    ) -> Result<Change, StoreError> {
        let id = id.clone();
        self.change(by, move |conn, trail| {
            let changed = conn
                .prepare_cached("UPDATE users SET password_hash = ?2 WHERE id = ?1")?
                .execute(params![id.as_str(), hash])?;
            if changed == 1 {
                password_changed(conn, &id, &end, trail)?;
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
        by: By,
    ) -> Result<ChangePassword, StoreError> {
        let (id, old, kept) = (id.clone(), old.to_owned(), kept.clone());
        self.change(by, move |conn, trail| {
            let live = conn
                .prepare_cached("SELECT 1 FROM sessions WHERE id = ?1 AND user_id = ?2")?
                .exists([kept.as_str(), id.as_str()])?;
            if !live {
                return Ok(ChangePassword::SessionOver);
            }
            if replace_hash(conn, &id, &old, &new)? == 0 {
                return Ok(ChangePassword::OtherPassword);
            }
            let ended = password_changed(conn, &id, &EndSessions::AllBut(kept), trail)?;
            Ok(ChangePassword::Changed {
                ended: count(ended),
            })
        })
        .await
    }

    async fn upgrade_password_hash(
        &self,
        id: &UserId,
        old: &str,
        new: String,
        by: By,
    ) -> Result<Change, StoreError> {
        let (id, old) = (id.clone(), old.to_owned());
        self.change(by, move |conn, trail| {
            let replaced = replace_hash(conn, &id, &old, &new)?;
            if replaced == 1 {
                trail.record(&NewAuditRecord::new(AuditKind::PasswordHashRenewed).user(&id))?;
            }
            Ok(change(replaced))
        })
        .await
    }

    async fn set_disabled(
        &self,
        id: &UserId,
        disabled: bool,
        by: By,
    ) -> Result<Change, StoreError> {
        let id = id.clone();
        self.change(by, move |conn, trail| {
            set_disabled(conn, &id, disabled, trail)
        })
        .await
    }

    async fn set_user_scopes(
        &self,
        id: &UserId,
        scopes: Option<Scope>,
        by: By,
    ) -> Result<Change, StoreError> {
        let id = id.clone();
        self.change(by, move |conn, trail| {
            set_scopes(conn, &id, scopes.as_ref(), trail)
        })
        .await
    }

    async fn change_user(
        &self,
        seen: &User,
        scopes: Option<Scope>,
        disabled: bool,
        by: By,
    ) -> Result<ChangeUser, StoreError> {
        let seen = seen.clone();
        self.change(by, move |conn, trail| {
            let stored = conn
                .prepare_cached(&format!("{SELECT} WHERE id = ?1"))?
                .query_row([seen.id.as_str()], from_row)
                .optional()?;
            let Some(stored) = stored else {
                return Ok(ChangeUser::NotFound);
            };
            if (&stored.scopes, stored.disabled_at) != (&seen.scopes, seen.disabled_at) {
                return Ok(ChangeUser::Conflict);
            }
            set_scopes(conn, &seen.id, scopes.as_ref(), trail)?;
            set_disabled(conn, &seen.id, disabled, trail)?;
            Ok(ChangeUser::Changed)
        })
        .await
    }

    async fn remove_user(&self, id: &UserId, by: By) -> Result<Change, StoreError> {
        let id = id.clone();
        self.change(by, move |conn, trail| {
            end_sessions(
                conn,
                &id,
                &EndSessions::All,
                AuditReason::UserRemoved,
                trail,
            )?;
            end_grants_of(conn, &id, AuditReason::UserRemoved, trail)?;
            let removed = conn
                .prepare_cached("DELETE FROM users WHERE id = ?1")?
                .execute([id.as_str()])?;
            if removed == 1 {
                trail.record(&NewAuditRecord::new(AuditKind::UserRemoved).user(&id))?;
            }
            Ok(change(removed))
        })
        .await
    }
}

fn add(conn: &Connection, user: &NewUser, trail: &Trail<'_>) -> rusqlite::Result<AddUser> {
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
    if added == 0 {
        return Ok(AddUser::NameTaken);
    }
    let scopes = user.scopes.as_ref().map(ToString::to_string);
    let record = NewAuditRecord::new(AuditKind::UserAdded)
        .user(&user.id)
        .detail("disabled", user.disabled_at.is_some())
        .detail("scopes", scopes);
    trail.record(&record)?;
    Ok(AddUser::Added)
}

/// Records it and, in the same transaction, ends sessions and every grant; says how many sessions.
fn password_changed(
    conn: &Connection,
    id: &UserId,
    end: &EndSessions,
    trail: &Trail<'_>,
) -> rusqlite::Result<usize> {
    trail.record(&NewAuditRecord::new(AuditKind::PasswordChanged).user(id))?;
    let ended = end_sessions(conn, id, end, AuditReason::PasswordChanged, trail)?;
    end_grants_of(conn, id, AuditReason::PasswordChanged, trail)?;
    Ok(ended)
}

fn set_disabled(
    conn: &Connection,
    id: &UserId,
    disabled: bool,
    trail: &Trail<'_>,
) -> rusqlite::Result<Change> {
    let (changed, kind) = if disabled {
        let changed = conn
            .prepare_cached(
                "UPDATE users SET disabled_at = ?2 WHERE id = ?1 AND disabled_at IS NULL",
            )?
            .execute(params![id.as_str(), trail.at().millis()])?;
        (changed, AuditKind::UserDisabled)
    } else {
        let changed = conn
            .prepare_cached(
                "UPDATE users SET disabled_at = NULL WHERE id = ?1 AND disabled_at IS NOT NULL",
            )?
            .execute([id.as_str()])?;
        (changed, AuditKind::UserEnabled)
    };
    if changed == 1 {
        trail.record(&NewAuditRecord::new(kind).user(id))?;
    }
    if disabled {
        end_sessions(
            conn,
            id,
            &EndSessions::All,
            AuditReason::UserDisabled,
            trail,
        )?;
        end_grants_of(conn, id, AuditReason::UserDisabled, trail)?;
    }
    there(conn, id)
}

fn set_scopes(
    conn: &Connection,
    id: &UserId,
    scopes: Option<&Scope>,
    trail: &Trail<'_>,
) -> rusqlite::Result<Change> {
    let scopes = scopes.map(ToString::to_string);
    let changed = conn
        .prepare_cached("UPDATE users SET scopes = ?2 WHERE id = ?1 AND scopes IS NOT ?2")?
        .execute(params![id.as_str(), scopes])?;
    if changed == 1 {
        let record = NewAuditRecord::new(AuditKind::UserScopesChanged).user(id);
        trail.record(&record.detail("scopes", scopes))?;
    }
    there(conn, id)
}

/// For a command that leaves a user as they are who is so already.
fn there(conn: &Connection, id: &UserId) -> rusqlite::Result<Change> {
    let there = conn
        .prepare_cached("SELECT 1 FROM users WHERE id = ?1")?
        .exists([id.as_str()])?;
    Ok(if there {
        Change::Done
    } else {
        Change::NotFound
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
        scopes: optional(row, 3)?,
        disabled_at: disabled_at.map(Timestamp::from_millis),
        created_at: timestamp(row, 5)?,
    })
}
