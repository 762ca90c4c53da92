//! Registered clients and the origins that identify them.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};
use sessionmint_oauth::{BrowserClient, ClientId};

use super::SqliteStore;
use super::oauth_clients::{id_taken, redirected_to};
use super::rows::{json, parsed, strings};
use super::users::change;
use crate::{AddClient, AuditKind, By, Change, Clients, NewAuditRecord, ReplaceClient, StoreError};

/// One statement, so that a client and its origins are of the same moment.
const SELECT: &str = "SELECT client_id, default_resource, resources, scopes, default_scopes, ttl,
        (SELECT json_group_array(origin ORDER BY position) FROM client_origins o WHERE o.client_id = c.client_id)
    FROM clients c";

#[async_trait]
impl Clients for SqliteStore {
    async fn add_client(&self, client: BrowserClient, by: By) -> Result<AddClient, StoreError> {
        self.change(by, move |conn, trail| {
            if id_taken(conn, &client.client_id)? {
                return Ok(AddClient::IdTaken);
            }
            if let Some((origin, client_id)) = redirected_to(conn, &client.origins)? {
                return Ok(AddClient::RedirectedTo { origin, client_id });
            }
            if let Some((origin, client_id)) = taken_origin(conn, &client)? {
                return Ok(AddClient::OriginTaken { origin, client_id });
            }
            conn.prepare_cached(
                "INSERT INTO clients (client_id, default_resource, resources, scopes, default_scopes, ttl, created_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                client.client_id.as_str(),
                client.default_resource,
                json(&client.resources)?,
                client.scopes.to_string(),
                client.default_scopes.to_string(),
                seconds(client.ttl),
                trail.at().millis(),
            ])?;
            insert_origins(conn, &client)?;
            trail.record(&record(AuditKind::ClientAdded, &client))?;
            Ok(AddClient::Added)
        })
        .await
    }

    async fn replace_client(
        &self,
        client: BrowserClient,
        seen: Option<BrowserClient>,
        by: By,
    ) -> Result<ReplaceClient, StoreError> {
        self.change(by, move |conn, trail| {
            let Some(stored) = by_id(conn, &client.client_id)? else {
                return Ok(ReplaceClient::NotFound);
            };
            if seen.is_some_and(|seen| seen != stored) {
                return Ok(ReplaceClient::Conflict);
            }
            if client == stored {
                return Ok(ReplaceClient::Replaced);
            }
            if let Some((origin, client_id)) = taken_origin(conn, &client)? {
                return Ok(ReplaceClient::OriginTaken { origin, client_id });
            }
            if let Some((origin, client_id)) = redirected_to(conn, &client.origins)? {
                return Ok(ReplaceClient::RedirectedTo { origin, client_id });
            }
            conn.prepare_cached(
                "UPDATE clients SET default_resource = ?2, resources = ?3, scopes = ?4, default_scopes = ?5, ttl = ?6
                 WHERE client_id = ?1",
            )?
            .execute(params![
                client.client_id.as_str(),
                client.default_resource,
                json(&client.resources)?,
                client.scopes.to_string(),
                client.default_scopes.to_string(),
                seconds(client.ttl),
            ])?;
            conn.prepare_cached("DELETE FROM client_origins WHERE client_id = ?1")?
                .execute([client.client_id.as_str()])?;
            insert_origins(conn, &client)?;
            trail.record(&record(AuditKind::ClientChanged, &client))?;
            Ok(ReplaceClient::Replaced)
        })
        .await
    }

    async fn remove_client(&self, id: &ClientId, by: By) -> Result<Change, StoreError> {
        let id = id.clone();
        self.change(by, move |conn, trail| {
            let removed = conn
                .prepare_cached("DELETE FROM clients WHERE client_id = ?1")?
                .execute([id.as_str()])?;
            if removed == 1 {
                trail.record(&NewAuditRecord::new(AuditKind::ClientRemoved).client(&id))?;
            }
            Ok(change(removed))
        })
        .await
    }

    async fn client_by_origin(
        &self,
        origin: &str,
    ) -> Result<Option<Arc<BrowserClient>>, StoreError> {
        self.read_with(|reader| {
            reader.client_by_origin(origin, |conn| {
                conn.prepare_cached(&format!(
                    "{SELECT} WHERE client_id = (SELECT client_id FROM client_origins WHERE origin = ?1)"
                ))?
                .query_row([origin], from_row)
                .optional()
            })
        })
    }

    async fn client(&self, id: &ClientId) -> Result<Option<BrowserClient>, StoreError> {
        self.read(|conn| by_id(conn, id))
    }

    async fn clients(&self) -> Result<Vec<BrowserClient>, StoreError> {
        self.read(|conn| {
            conn.prepare_cached(&format!("{SELECT} ORDER BY client_id"))?
                .query_map([], from_row)?
                .collect()
        })
    }
}

fn by_id(conn: &Connection, id: &ClientId) -> rusqlite::Result<Option<BrowserClient>> {
    conn.prepare_cached(&format!("{SELECT} WHERE client_id = ?1"))?
        .query_row([id.as_str()], from_row)
        .optional()
}

/// The client as it is from now on.
fn record(kind: AuditKind, client: &BrowserClient) -> NewAuditRecord {
    NewAuditRecord::new(kind)
        .client(&client.client_id)
        .detail("origins", client.origins.clone())
        .detail("default_resource", client.default_resource.clone())
        .detail("resources", client.resources.clone())
        .detail("scopes", client.scopes.to_string())
        .detail("default_scopes", client.default_scopes.to_string())
        .detail("ttl", client.ttl)
}

/// The first of the client's origins that is another client's, and whose.
fn taken_origin(
    conn: &Connection,
    client: &BrowserClient,
) -> rusqlite::Result<Option<(String, ClientId)>> {
    let mut owner = conn.prepare_cached(
        "SELECT client_id FROM client_origins WHERE origin = ?1 AND client_id <> ?2",
    )?;
    for origin in &client.origins {
        let other = owner
            .query_row([origin, client.client_id.as_str()], |row| parsed(row, 0))
            .optional()?;
        if let Some(other) = other {
            return Ok(Some((origin.clone(), other)));
        }
    }
    Ok(None)
}

/// An origin that is listed twice is stored once.
fn insert_origins(conn: &Connection, client: &BrowserClient) -> rusqlite::Result<()> {
    let mut insert = conn.prepare_cached(
        "INSERT INTO client_origins (origin, client_id, position) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
    )?;
    for (position, origin) in (0_i64..).zip(&client.origins) {
        insert.execute(params![origin, client.client_id.as_str(), position])?;
    }
    Ok(())
}

fn seconds(ttl: u64) -> i64 {
    i64::try_from(ttl).unwrap_or(i64::MAX)
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<BrowserClient> {
    let ttl: i64 = row.get(5)?;
    Ok(BrowserClient {
        client_id: parsed(row, 0)?,
        default_resource: row.get(1)?,
        resources: strings(row, 2)?,
        scopes: parsed(row, 3)?,
        default_scopes: parsed(row, 4)?,
        ttl: u64::try_from(ttl).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(5, ttl))?,
        origins: strings(row, 6)?,
    })
}
