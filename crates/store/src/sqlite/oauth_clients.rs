//! Clients of the standard grants, and their secrets.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::de::DeserializeOwned;
use sessionmint_oauth::redirect_uri;
use sessionmint_oauth::{ClientAuthentication, ClientId, OAuthClient, SecretId, Timestamp};

use super::SqliteStore;
use super::audit::Trail;
use super::grants::end_grants;
use super::rows::{damaged, json, parsed, strings, timestamp};
use super::users::change;
use crate::{
    AddOAuthClient, AddSecret, AuditKind, AuditReason, By, Change, ClientSecret, MAX_SECRETS,
    NewAuditRecord, OAuthClients, ReplaceOAuthClient, StoreError,
};

const SELECT: &str = "SELECT client_id, subject, name, authentication, keys, grants, redirect_uris, \
    post_logout_redirect_uris, default_resource, resources, scopes, default_scopes, ttl, refresh, trusted, disabled_at \
    FROM oauth_clients";

#[async_trait]
impl OAuthClients for SqliteStore {
    async fn add_oauth_client(
        &self,
        client: OAuthClient,
        secret: Option<ClientSecret>,
        by: By,
    ) -> Result<AddOAuthClient, StoreError> {
        self.change(by, move |conn, trail| {
            if id_taken(conn, &client.client_id)? {
                return Ok(AddOAuthClient::IdTaken);
            }
            if let Some((uri, client_id)) = on_browser_origin(conn, &client)? {
                return Ok(AddOAuthClient::BrowserOrigin { uri, client_id });
            }
            conn.prepare_cached(
                "INSERT INTO oauth_clients (client_id, name, authentication, keys, grants, redirect_uris,
                    post_logout_redirect_uris, default_resource, resources, scopes, default_scopes, ttl, refresh, trusted,
                    subject, disabled_at, created_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
            )?
            .execute(params![
                client.client_id.as_str(),
                client.name,
                client.authentication.as_str(),
                client.keys.as_ref().map(json).transpose()?,
                json(&client.grants)?,
                json(&client.redirect_uris)?,
                json(&client.post_logout_redirect_uris)?,
                client.default_resource,
                json(&client.resources)?,
                client.scopes.as_str(),
                client.default_scopes.as_str(),
                seconds(client.ttl),
                json(&client.refresh)?,
                client.trusted,
                client.subject.as_str(),
                client.disabled_at.map(Timestamp::millis),
                trail.at().millis(),
            ])?;
            trail.record(&record(AuditKind::ClientAdded, &client))?;
            if let Some(secret) = secret {
                insert_secret(conn, trail, &client.client_id, &secret)?;
            }
            Ok(AddOAuthClient::Added)
        })
        .await
    }

    async fn replace_oauth_client(
        &self,
        client: OAuthClient,
        seen: Option<OAuthClient>,
        by: By,
    ) -> Result<ReplaceOAuthClient, StoreError> {
        self.change(by, move |conn, trail| {
            let Some(stored) = by_id(conn, &client.client_id)? else {
                return Ok(ReplaceOAuthClient::NotFound);
            };
            if seen.is_some_and(|seen| seen != stored) {
                return Ok(ReplaceOAuthClient::Conflict);
            }
            let client = OAuthClient {
                subject: stored.subject.clone(),
                disabled_at: stored.disabled_at,
                ..client
            };
            if client == stored {
                return Ok(ReplaceOAuthClient::Replaced);
            }
            if let Some((uri, client_id)) = on_browser_origin(conn, &client)? {
                return Ok(ReplaceOAuthClient::BrowserOrigin { uri, client_id });
            }
            conn.prepare_cached(
                "UPDATE oauth_clients SET name = ?2, authentication = ?3, keys = ?4, grants = ?5, redirect_uris = ?6,
                    post_logout_redirect_uris = ?7, default_resource = ?8, resources = ?9, scopes = ?10,
                    default_scopes = ?11, ttl = ?12, refresh = ?13, trusted = ?14
                 WHERE client_id = ?1",
            )?
            .execute(params![
                client.client_id.as_str(),
                client.name,
                client.authentication.as_str(),
                client.keys.as_ref().map(json).transpose()?,
                json(&client.grants)?,
                json(&client.redirect_uris)?,
                json(&client.post_logout_redirect_uris)?,
                client.default_resource,
                json(&client.resources)?,
                client.scopes.as_str(),
                client.default_scopes.as_str(),
                seconds(client.ttl),
                json(&client.refresh)?,
                client.trusted,
            ])?;
            trail.record(&record(AuditKind::ClientChanged, &client))?;
            if !has_secrets(&client) {
                for secret in secrets(conn, &client.client_id)? {
                    delete_secret(conn, trail, &client.client_id, &secret.id)?;
                }
            }
            Ok(ReplaceOAuthClient::Replaced)
        })
        .await
    }

    async fn remove_oauth_client(&self, id: &ClientId, by: By) -> Result<Change, StoreError> {
        let id = id.clone();
        self.change(by, move |conn, trail| {
            let removed = conn
                .prepare_cached("DELETE FROM oauth_clients WHERE client_id = ?1")?
                .execute([id.as_str()])?;
            if removed == 1 {
                trail.record(&NewAuditRecord::new(AuditKind::ClientRemoved).client(&id))?;
                end_grants_to(conn, &id, trail)?;
            }
            Ok(change(removed))
        })
        .await
    }

    async fn set_oauth_client_disabled(
        &self,
        id: &ClientId,
        disabled: bool,
        by: By,
    ) -> Result<Change, StoreError> {
        let id = id.clone();
        self.change(by, move |conn, trail| {
            let Some(stored) = by_id(conn, &id)? else {
                return Ok(Change::NotFound);
            };
            if stored.disabled_at.is_some() == disabled {
                return Ok(Change::Done);
            }
            let (at, kind) = if disabled {
                (Some(trail.at().millis()), AuditKind::ClientDisabled)
            } else {
                (None, AuditKind::ClientEnabled)
            };
            conn.prepare_cached("UPDATE oauth_clients SET disabled_at = ?2 WHERE client_id = ?1")?
                .execute(params![id.as_str(), at])?;
            trail.record(&NewAuditRecord::new(kind).client(&id))?;
            if disabled {
                end_grants_to(conn, &id, trail)?;
            }
            Ok(Change::Done)
        })
        .await
    }

    async fn oauth_client(&self, id: &ClientId) -> Result<Option<OAuthClient>, StoreError> {
        self.read(|conn| by_id(conn, id))
    }

    async fn oauth_clients(&self) -> Result<Vec<OAuthClient>, StoreError> {
        self.read(|conn| {
            conn.prepare_cached(&format!("{SELECT} ORDER BY client_id"))?
                .query_map([], from_row)?
                .collect()
        })
    }

    async fn add_client_secret(
        &self,
        client: &ClientId,
        secret: ClientSecret,
        by: By,
    ) -> Result<AddSecret, StoreError> {
        let client = client.clone();
        self.change(by, move |conn, trail| {
            if by_id(conn, &client)?.is_none() {
                return Ok(AddSecret::NotFound);
            }
            if secrets(conn, &client)?.len() >= MAX_SECRETS {
                return Ok(AddSecret::TooMany);
            }
            insert_secret(conn, trail, &client, &secret)?;
            Ok(AddSecret::Added)
        })
        .await
    }

    async fn remove_client_secret(
        &self,
        client: &ClientId,
        id: &SecretId,
        by: By,
    ) -> Result<Change, StoreError> {
        let (client, id) = (client.clone(), id.clone());
        self.change(by, move |conn, trail| {
            delete_secret(conn, trail, &client, &id)
        })
        .await
    }

    async fn client_secrets(&self, client: &ClientId) -> Result<Vec<ClientSecret>, StoreError> {
        self.read(|conn| secrets(conn, client))
    }
}

fn end_grants_to(conn: &Connection, id: &ClientId, trail: &Trail<'_>) -> rusqlite::Result<usize> {
    let cause = AuditReason::ClientGone;
    end_grants(conn, "client_id = ?3", &[id.as_str()], cause, trail)
}

fn by_id(conn: &Connection, id: &ClientId) -> rusqlite::Result<Option<OAuthClient>> {
    conn.prepare_cached(&format!("{SELECT} WHERE client_id = ?1"))?
        .query_row([id.as_str()], from_row)
        .optional()
}

/// Whether a client of either kind has this id.
pub(super) fn id_taken(conn: &Connection, id: &ClientId) -> rusqlite::Result<bool> {
    conn.prepare_cached(
        "SELECT 1 FROM clients WHERE client_id = ?1 UNION ALL SELECT 1 FROM oauth_clients WHERE client_id = ?1",
    )?
    .exists([id.as_str()])
}

/// The first https redirect URI of a public client that is on the origin of a browser app, and whose origin that is.
fn on_browser_origin(
    conn: &Connection,
    client: &OAuthClient,
) -> rusqlite::Result<Option<(String, ClientId)>> {
    if !client.is_public() {
        return Ok(None);
    }
    let mut owner =
        conn.prepare_cached("SELECT client_id FROM client_origins WHERE origin = ?1")?;
    for uri in &client.redirect_uris {
        let Some(origin) = https_origin(uri) else {
            continue;
        };
        if let Some(owner) = owner.query_row([origin], |row| parsed(row, 0)).optional()? {
            return Ok(Some((uri.clone(), owner)));
        }
    }
    Ok(None)
}

/// The first of these origins that a public client has users sent to, and which client.
pub(super) fn redirected_to(
    conn: &Connection,
    origins: &[String],
) -> rusqlite::Result<Option<(String, ClientId)>> {
    let mut public = conn.prepare_cached(
        "SELECT client_id, redirect_uris FROM oauth_clients WHERE authentication = ?1 ORDER BY client_id",
    )?;
    let mut rows = public.query([ClientAuthentication::None.as_str()])?;
    while let Some(row) = rows.next()? {
        for uri in strings(row, 1)? {
            let taken =
                https_origin(&uri).and_then(|origin| origins.iter().find(|taken| *taken == origin));
            if let Some(origin) = taken {
                return Ok(Some((origin.clone(), parsed(row, 0)?)));
            }
        }
    }
    Ok(None)
}

/// The origin of pages that could read what is sent there.
fn https_origin(uri: &str) -> Option<&str> {
    redirect_uri::origin(uri).filter(|origin| origin.starts_with("https://"))
}

fn has_secrets(client: &OAuthClient) -> bool {
    matches!(
        client.authentication,
        ClientAuthentication::ClientSecretBasic | ClientAuthentication::ClientSecretPost
    )
}

fn secrets(conn: &Connection, client: &ClientId) -> rusqlite::Result<Vec<ClientSecret>> {
    conn.prepare_cached(
        "SELECT id, hash, created_at FROM client_secrets WHERE client_id = ?1 ORDER BY seq",
    )?
    .query_map([client.as_str()], |row| {
        Ok(ClientSecret {
            id: parsed(row, 0)?,
            hash: row.get(1)?,
            created_at: timestamp(row, 2)?,
        })
    })?
    .collect()
}

fn insert_secret(
    conn: &Connection,
    trail: &Trail<'_>,
    client: &ClientId,
    secret: &ClientSecret,
) -> rusqlite::Result<()> {
    conn.prepare_cached(
        "INSERT INTO client_secrets (id, client_id, hash, created_at) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![
        secret.id.as_str(),
        client.as_str(),
        secret.hash,
        secret.created_at.millis(),
    ])?;
    trail.record(&secret_record(
        AuditKind::ClientSecretAdded,
        client,
        &secret.id,
    ))
}

fn delete_secret(
    conn: &Connection,
    trail: &Trail<'_>,
    client: &ClientId,
    id: &SecretId,
) -> rusqlite::Result<Change> {
    let removed = conn
        .prepare_cached("DELETE FROM client_secrets WHERE client_id = ?1 AND id = ?2")?
        .execute([client.as_str(), id.as_str()])?;
    if removed == 1 {
        trail.record(&secret_record(AuditKind::ClientSecretRemoved, client, id))?;
    }
    Ok(change(removed))
}

fn secret_record(kind: AuditKind, client: &ClientId, id: &SecretId) -> NewAuditRecord {
    NewAuditRecord::new(kind)
        .client(client)
        .detail("secret_id", id.as_str())
}

/// The client as it is from now on. Its keys are public, and long: only that it has some is said.
fn record(kind: AuditKind, client: &OAuthClient) -> NewAuditRecord {
    let words = |grants: &[_]| -> Vec<String> { grants.iter().map(ToString::to_string).collect() };
    NewAuditRecord::new(kind)
        .client(&client.client_id)
        .detail("subject", client.subject.as_str())
        .detail("name", client.name.clone())
        .detail("authentication", client.authentication.as_str())
        .detail("keys", client.keys.is_some())
        .detail("grants", words(&client.grants))
        .detail("redirect_uris", client.redirect_uris.clone())
        .detail(
            "post_logout_redirect_uris",
            client.post_logout_redirect_uris.clone(),
        )
        .detail("default_resource", client.default_resource.clone())
        .detail("resources", client.resources.clone())
        .detail("scopes", client.scopes.to_string())
        .detail("default_scopes", client.default_scopes.to_string())
        .detail("ttl", client.ttl)
        .detail("rotation", client.refresh.rotation.as_str())
        .detail("refresh_window", client.refresh.window_secs)
        .detail("refresh_idle", client.refresh.idle_secs)
        .detail("refresh_absolute", client.refresh.absolute_secs)
        .detail("trusted", client.trusted)
}

fn from_json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    serde_json::from_str(text).map_err(|error| damaged(column, error))
}

fn seconds(ttl: u64) -> i64 {
    i64::try_from(ttl).unwrap_or(i64::MAX)
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<OAuthClient> {
    let ttl: i64 = row.get(12)?;
    let keys = row.get_ref(4)?.as_str_or_null()?;
    Ok(OAuthClient {
        client_id: parsed(row, 0)?,
        subject: parsed(row, 1)?,
        name: row.get(2)?,
        authentication: parsed(row, 3)?,
        keys: keys.map(|_| from_json(row, 4)).transpose()?,
        grants: from_json(row, 5)?,
        redirect_uris: strings(row, 6)?,
        post_logout_redirect_uris: strings(row, 7)?,
        default_resource: row.get(8)?,
        resources: strings(row, 9)?,
        scopes: parsed(row, 10)?,
        default_scopes: parsed(row, 11)?,
        ttl: u64::try_from(ttl).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(12, ttl))?,
        refresh: from_json(row, 13)?,
        trusted: row.get(14)?,
        disabled_at: row.get::<_, Option<i64>>(15)?.map(Timestamp::from_millis),
    })
}
