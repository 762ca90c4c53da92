//! The audit trail.

use std::cell::RefCell;
use std::net::IpAddr;

use async_trait::async_trait;
use rusqlite::types::{Type, Value};
use rusqlite::{Connection, Row, params, params_from_iter};
use sessionmint_oauth::{ClientId, Timestamp, UserId};

use super::SqliteStore;
use super::rows::{damaged, optional, parsed, timestamp};
use super::sessions::count;
use crate::{
    Actor, Audit, AuditCursor, AuditDetails, AuditFilter, AuditKind, AuditRecord, By,
    NewAuditRecord, Refusal, StoreError,
};

const SELECT: &str = "SELECT seq, at, kind, reason, actor, actor_id, user_id, session_id, client_id, key_id, network, \
     attempts, details FROM audit WHERE true";

/// Rows that one purge command removes, so that sign-ins never wait long behind it.
const PURGE_CHUNK: u32 = 1000;

/// Writes the records of one command, in its transaction.
pub(super) struct Trail<'a> {
    conn: &'a Connection,
    by: &'a By,
    written: RefCell<Vec<AuditKind>>,
}

impl<'a> Trail<'a> {
    pub(super) fn new(conn: &'a Connection, by: &'a By) -> Self {
        Self {
            conn,
            by,
            written: RefCell::default(),
        }
    }

    /// When the command happens.
    pub(super) fn at(&self) -> Timestamp {
        self.by.at
    }

    pub(super) fn record(&self, record: &NewAuditRecord) -> rusqlite::Result<()> {
        insert(self.conn, self.by, record)?;
        self.written.borrow_mut().push(record.kind);
        Ok(())
    }

    /// The kinds of what was written.
    pub(super) fn into_written(self) -> Vec<AuditKind> {
        self.written.into_inner()
    }
}

#[async_trait]
impl Audit for SqliteStore {
    async fn record_refusals(&self, refusals: Vec<Refusal>) -> Result<(), StoreError> {
        let kinds = self
            .write(move |conn| {
                refusals
                    .iter()
                    .map(|Refusal { by, record }| insert(conn, by, record).map(|()| record.kind))
                    .collect::<rusqlite::Result<Vec<_>>>()
            })
            .await?;
        self.recorded(&kinds);
        Ok(())
    }

    async fn audit(
        &self,
        filter: &AuditFilter,
        after: Option<AuditCursor>,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        let (sql, values) = query(filter, after, limit);
        self.read(|conn| {
            conn.prepare(&sql)?
                .query_map(params_from_iter(values), from_row)?
                .collect()
        })
    }

    async fn purge_audit(&self, before: Timestamp, max_refusals: u32) -> Result<u32, StoreError> {
        let mut removed = 0_u32;
        loop {
            let (old, too_many) = self
                .write(move |conn| {
                    let old = conn
                        .prepare_cached(
                            "DELETE FROM audit WHERE seq IN (SELECT seq FROM audit WHERE at < ?1 LIMIT ?2)",
                        )?
                        .execute(params![before.millis(), PURGE_CHUNK])?;
                    let too_many = conn
                        .prepare_cached(
                            "DELETE FROM audit WHERE seq IN (
                                SELECT seq FROM audit WHERE attempts IS NOT NULL AND seq <= (
                                    SELECT seq FROM audit WHERE attempts IS NOT NULL ORDER BY seq DESC LIMIT 1 OFFSET ?1)
                                ORDER BY seq LIMIT ?2)",
                        )?
                        .execute(params![max_refusals, PURGE_CHUNK])?;
                    Ok((count(old), count(too_many)))
                })
                .await?;
            removed = removed.saturating_add(old).saturating_add(too_many);
            if old < PURGE_CHUNK && too_many < PURGE_CHUNK {
                return Ok(removed);
            }
        }
    }
}

fn insert(conn: &Connection, by: &By, record: &NewAuditRecord) -> rusqlite::Result<()> {
    let actor = match (&by.actor, &record.user_id) {
        (Some(actor), _) => actor.clone(),
        (None, Some(user)) => Actor::User(user.clone()),
        (None, None) => Actor::Nobody,
    };
    let client_id = record.client_id.as_ref().or(by.client_id.as_ref());
    conn.prepare_cached(
        "INSERT INTO audit (at, kind, reason, actor, actor_id, user_id, session_id, client_id, key_id, network, attempts,
            details)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?
    .execute(params![
        by.at.millis(),
        record.kind.as_str(),
        record.reason.map(|reason| reason.as_str()),
        actor.as_str(),
        actor.id(),
        record.user_id.as_ref().map(|id| id.as_str()),
        record.session_id.as_ref().map(|id| id.as_str()),
        client_id.map(|id| id.as_str()),
        record.key_id,
        by.network.map(|network| network.to_string()),
        record.attempts,
        json(&record.details)?,
    ])?;
    Ok(())
}

/// The time of the newest record.
pub(super) fn newest(conn: &Connection) -> rusqlite::Result<Option<Timestamp>> {
    let at: Option<i64> = conn.query_row("SELECT max(at) FROM audit", [], |row| row.get(0))?;
    Ok(at.map(Timestamp::from_millis))
}

fn json(details: &AuditDetails) -> rusqlite::Result<Option<String>> {
    if details.is_empty() {
        return Ok(None);
    }
    serde_json::to_string(details)
        .map(Some)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

/// Newest first. Written for the filter at hand, so that an index serves it.
fn query(filter: &AuditFilter, after: Option<AuditCursor>, limit: u32) -> (String, Vec<Value>) {
    let (mut sql, mut values) = (SELECT.to_owned(), Vec::new());
    let mut only = |condition: &str, given: Vec<Value>| {
        sql.push_str(" AND ");
        sql.push_str(condition);
        values.extend(given);
    };
    let millis = |at: Timestamp| Value::from(at.millis());
    if let Some(user) = &filter.user_id {
        only("user_id = ?", vec![user.to_string().into()]);
    }
    if let Some(since) = filter.since {
        only("at >= ?", vec![millis(since)]);
    }
    if let Some(until) = filter.until {
        only("at < ?", vec![millis(until)]);
    }
    if let Some(AuditCursor { at, id }) = after {
        only("(at, seq) < (?, ?)", vec![millis(at), id.into()]);
    }
    if !filter.kinds.is_empty() {
        let places = vec!["?"; filter.kinds.len()].join(", ");
        let kinds = filter.kinds.iter().map(|kind| kind.as_str().to_owned());
        only(
            &format!("kind IN ({places})"),
            kinds.map(Value::from).collect(),
        );
    }
    sql.push_str(" ORDER BY at DESC, seq DESC LIMIT ?");
    values.push(limit.into());
    (sql, values)
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<AuditRecord> {
    Ok(AuditRecord {
        id: row.get(0)?,
        at: timestamp(row, 1)?,
        kind: parsed(row, 2)?,
        reason: optional(row, 3)?,
        actor: actor(row)?,
        user_id: optional(row, 6)?,
        session_id: optional(row, 7)?,
        client_id: optional(row, 8)?,
        key_id: row.get(9)?,
        network: optional::<IpAddr>(row, 10)?,
        attempts: row.get(11)?,
        details: match row.get_ref(12)?.as_str_or_null()? {
            Some(text) => serde_json::from_str(text).map_err(|error| damaged(12, error))?,
            None => AuditDetails::new(),
        },
    })
}

fn actor(row: &Row<'_>) -> rusqlite::Result<Actor> {
    let id: Option<String> = row.get(5)?;
    match (row.get_ref(4)?.as_str()?, id) {
        ("user", Some(id)) => {
            let id: UserId = id.parse().map_err(|error| damaged(5, error))?;
            Ok(Actor::User(id))
        }
        ("client", Some(id)) => {
            let id: ClientId = id.parse().map_err(|error| damaged(5, error))?;
            Ok(Actor::Client(id))
        }
        ("operator", Some(name)) => Ok(Actor::Operator(name)),
        ("service", None) => Ok(Actor::Service),
        ("nobody", None) => Ok(Actor::Nobody),
        _ => Err(rusqlite::Error::InvalidColumnType(
            4,
            "actor".to_owned(),
            Type::Text,
        )),
    }
}
