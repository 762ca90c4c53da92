//! Requests of clients, codes, and what users agreed to.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};
use sessionmint_oauth::authorize::AuthorizationRequest;
use sessionmint_oauth::{
    BrowserHash, ClientId, CodeHash, InteractionHash, Network, Scope, SessionId, Timestamp, UserId,
};

use super::SqliteStore;
use super::audit::Trail;
use super::grants::{end_grants_of_both, insert_grant};
use super::rows::{damaged, optional, parsed, timestamp};
use super::sessions::count;
use crate::{
    Agreement, AuditKind, AuditReason, Authorization, Authorizations, By, Code,
    CompleteAuthorization, Ending, MaxWaiting, NewAuditRecord, NewCode, NewGrant, RedeemCode,
    StartAuthorization, StartGrant, StoreError, StoredConsent, WithdrawConsent,
};

/// Rows that one purge command removes, so that other writes never wait long behind it.
const PURGE_CHUNK: u32 = 1000;

#[async_trait]
impl Authorizations for SqliteStore {
    async fn start_authorization(
        &self,
        id: InteractionHash,
        authorization: Authorization,
        network: Network,
        max: MaxWaiting,
    ) -> Result<StartAuthorization, StoreError> {
        self.write(move |conn| {
            let now = authorization.created_at;
            let (theirs, first_over) = of_network(conn, network, now)?;
            if theirs >= max.of_network {
                let until = first_over.unwrap_or(now);
                return Ok(StartAuthorization::TooMany { until });
            }
            if waiting(conn)? >= max.in_all {
                purge(conn, "authorization_requests", now)?;
                if waiting(conn)? >= max.in_all {
                    make_room(conn, max.in_all.div_ceil(20))?;
                }
            }
            conn.prepare_cached(
                "INSERT INTO authorization_requests
                     (id_hash, browser_hash, client_id, request, created_at, expires_at, network, neighbourhood)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![
                id.0,
                authorization.browser.0,
                authorization.request.client_id.as_str(),
                json(&authorization.request)?,
                now.millis(),
                authorization.expires_at.millis(),
                network.to_string(),
                network.neighbourhood().to_string(),
            ])?;
            Ok(StartAuthorization::Started)
        })
        .await
    }

    async fn authorization(
        &self,
        id: &InteractionHash,
    ) -> Result<Option<Authorization>, StoreError> {
        self.read(|conn| by_id(conn, id))
    }

    async fn complete_authorization(
        &self,
        id: &InteractionHash,
        ending: Ending,
        by: By,
    ) -> Result<CompleteAuthorization, StoreError> {
        let id = *id;
        self.change(by, move |conn, trail| {
            let waiting = by_id(conn, &id)?.filter(|waiting| trail.at() < waiting.expires_at);
            let Some(Authorization { request, .. }) = waiting else {
                return Ok(CompleteAuthorization::Gone);
            };
            match ending {
                Ending::Granted { code, consent } => {
                    if !is_live(conn, &code.user_id, &code.session_id)? {
                        return Ok(CompleteAuthorization::SessionOver);
                    }
                    let at = &request.resources;
                    let covers = |earlier: Scope| code.scopes.is_subset(&earlier);
                    if consent == Agreement::Earlier
                        && !consent_at_each(conn, &code.user_id, &request.client_id, at)?
                            .is_some_and(covers)
                    {
                        return Ok(CompleteAuthorization::ConsentWithdrawn);
                    }
                    insert_code(conn, &code, &request)?;
                    match consent {
                        Agreement::Once => agreed(conn, &code, &request, false, trail)?,
                        Agreement::Remembered => agreed(conn, &code, &request, true, trail)?,
                        Agreement::Earlier | Agreement::Trusted => {}
                    }
                }
                Ending::Denied => {
                    let denied = NewAuditRecord::new(AuditKind::ConsentDenied)
                        .client(&request.client_id)
                        .detail("scopes", request.scope.as_str());
                    trail.record(&denied)?;
                }
                Ending::Refused => {}
            }
            conn.prepare_cached("DELETE FROM authorization_requests WHERE id_hash = ?1")?
                .execute([id.0])?;
            Ok(CompleteAuthorization::Completed)
        })
        .await
    }

    async fn code(&self, hash: &CodeHash) -> Result<Option<Code>, StoreError> {
        self.read(|conn| code(conn, hash))
    }

    async fn redeem_code(
        &self,
        hash: &CodeHash,
        grant: NewGrant,
        by: By,
    ) -> Result<RedeemCode, StoreError> {
        let hash = *hash;
        self.change(by, move |conn, trail| {
            let Some(code) = code(conn, &hash)? else {
                return Ok(RedeemCode::Gone);
            };
            if code.grant.is_some() {
                return Ok(RedeemCode::Spent);
            }
            if trail.at() >= code.expires_at {
                return Ok(RedeemCode::Gone);
            }
            if !is_live(conn, &code.user_id, &code.session_id)? {
                return Ok(RedeemCode::SessionOver);
            }
            if insert_grant(conn, &grant, trail)? == StartGrant::UserGone {
                return Ok(RedeemCode::SessionOver);
            }
            conn.prepare_cached("UPDATE authorization_codes SET grant_id = ?2 WHERE hash = ?1")?
                .execute(params![hash.0, grant.id.as_str()])?;
            Ok(RedeemCode::Redeemed)
        })
        .await
    }

    async fn consent(
        &self,
        user: &UserId,
        client: &ClientId,
        resources: &[String],
    ) -> Result<Option<Scope>, StoreError> {
        self.read(|conn| consent_at_each(conn, user, client, resources))
    }

    async fn consents_of(&self, user: &UserId) -> Result<Vec<StoredConsent>, StoreError> {
        self.read(|conn| {
            conn.prepare_cached(
                "SELECT client_id, scopes, given_at FROM consents WHERE user_id = ?1 ORDER BY client_id",
            )?
            .query_map([user.as_str()], |row| {
                Ok(StoredConsent {
                    client_id: parsed(row, 0)?,
                    scopes: parsed(row, 1)?,
                    given_at: timestamp(row, 2)?,
                })
            })?
            .collect()
        })
    }

    async fn withdraw_consent(
        &self,
        user: &UserId,
        client: &ClientId,
        by: By,
    ) -> Result<WithdrawConsent, StoreError> {
        let (user, client) = (user.clone(), client.clone());
        self.change(by, move |conn, trail| {
            let ids = [user.as_str(), client.as_str()];
            let remembered = conn
                .prepare_cached("DELETE FROM consents WHERE user_id = ?1 AND client_id = ?2")?
                .execute(ids)?;
            let codes = conn
                .prepare_cached(
                    "DELETE FROM authorization_codes WHERE user_id = ?1 AND client_id = ?2 AND grant_id IS NULL",
                )?
                .execute(ids)?;
            let cause = AuditReason::ConsentWithdrawn;
            let ended = end_grants_of_both(conn, &user, &client, cause, trail)?;
            if remembered + codes + ended == 0 {
                return Ok(WithdrawConsent::NotFound);
            }
            let withdrawn = NewAuditRecord::new(AuditKind::ConsentWithdrawn)
                .user(&user)
                .client(&client);
            trail.record(&withdrawn)?;
            let ended = count(ended);
            Ok(WithdrawConsent::Withdrawn { ended })
        })
        .await
    }

    async fn purge_authorizations(
        &self,
        now: Timestamp,
        codes_before: Timestamp,
    ) -> Result<u32, StoreError> {
        let mut removed = 0_u32;
        loop {
            let (requests, codes) = self
                .write(move |conn| {
                    let requests = purge(conn, "authorization_requests", now)?;
                    Ok((requests, purge(conn, "authorization_codes", codes_before)?))
                })
                .await?;
            removed = removed.saturating_add(requests).saturating_add(codes);
            if requests < PURGE_CHUNK && codes < PURGE_CHUNK {
                return Ok(removed);
            }
        }
    }
}

fn waiting(conn: &Connection) -> rusqlite::Result<u32> {
    conn.prepare_cached("SELECT count(*) FROM authorization_requests")?
        .query_row([], |row| row.get(0))
}

/// How many of a network wait, and when the first of them is over.
fn of_network(
    conn: &Connection,
    network: Network,
    now: Timestamp,
) -> rusqlite::Result<(u32, Option<Timestamp>)> {
    conn.prepare_cached(
        "SELECT count(*), min(expires_at) FROM authorization_requests WHERE network = ?1 AND expires_at > ?2",
    )?
    .query_row(params![network.to_string(), now.millis()], |row| {
        let first: Option<i64> = row.get(1)?;
        Ok((row.get(0)?, first.map(Timestamp::from_millis)))
    })
}

/// Each request has a place in its neighbourhood: first the newest of each network there, then the second of each, and so on.
/// Those of the last places go; many at once, since to find them takes some 150 ms where 20,000 wait.
fn make_room(conn: &Connection, for_so_many: u32) -> rusqlite::Result<usize> {
    conn.prepare_cached(
        "DELETE FROM authorization_requests WHERE id_hash IN (
             SELECT id_hash FROM (
                 SELECT id_hash, expires_at,
                        row_number() OVER (PARTITION BY neighbourhood ORDER BY nth, expires_at DESC) AS place
                 FROM (
                     SELECT id_hash, neighbourhood, expires_at,
                            row_number() OVER (PARTITION BY network ORDER BY expires_at DESC) AS nth
                     FROM authorization_requests
                 )
             )
             ORDER BY place DESC, expires_at LIMIT ?1
         )",
    )?
    .execute([for_so_many])
}

fn purge(conn: &Connection, table: &'static str, over_at: Timestamp) -> rusqlite::Result<u32> {
    conn.prepare_cached(&format!(
        "DELETE FROM {table} WHERE rowid IN (SELECT rowid FROM {table} WHERE expires_at <= ?1 LIMIT ?2)"
    ))?
    .execute(params![over_at.millis(), PURGE_CHUNK])
    .map(count)
}

fn is_live(conn: &Connection, user: &UserId, session: &SessionId) -> rusqlite::Result<bool> {
    conn.prepare_cached(
        "SELECT 1 FROM sessions s JOIN users u ON u.id = s.user_id
         WHERE s.id = ?1 AND s.user_id = ?2 AND u.disabled_at IS NULL",
    )?
    .exists([session.as_str(), user.as_str()])
}

fn insert_code(
    conn: &Connection,
    code: &NewCode,
    request: &AuthorizationRequest,
) -> rusqlite::Result<usize> {
    conn.prepare_cached(
        "INSERT INTO authorization_codes (hash, client_id, user_id, session_id, request, scopes, auth_time, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        code.hash.0,
        request.client_id.as_str(),
        code.user_id.as_str(),
        code.session_id.as_str(),
        json(request)?,
        code.scopes.as_str(),
        code.auth_time.millis(),
        code.expires_at.millis(),
    ])
}

/// Records that the user agreed, and adds it to what they agreed to before if they are not to be asked again.
fn agreed(
    conn: &Connection,
    code: &NewCode,
    request: &AuthorizationRequest,
    remembered: bool,
    trail: &Trail<'_>,
) -> rusqlite::Result<()> {
    let client = &request.client_id;
    if remembered {
        let earlier = consent(conn, &code.user_id, client)?.unwrap_or_default();
        conn.prepare_cached(
            "INSERT INTO consents (user_id, client_id, scopes, given_at) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (user_id, client_id) DO UPDATE SET scopes = excluded.scopes, given_at = excluded.given_at",
        )?
        .execute(params![
            code.user_id.as_str(),
            client.as_str(),
            earlier.union(&code.scopes).as_str(),
            trail.at().millis(),
        ])?;
        for resource in &request.resources {
            let earlier = consent_at(conn, &code.user_id, client, resource)?.unwrap_or_default();
            conn.prepare_cached(
                "INSERT INTO consent_resources (user_id, client_id, resource, scopes) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (user_id, client_id, resource) DO UPDATE SET scopes = excluded.scopes",
            )?
            .execute(params![
                code.user_id.as_str(),
                client.as_str(),
                resource,
                earlier.union(&code.scopes).as_str(),
            ])?;
        }
    }
    let given = NewAuditRecord::new(AuditKind::ConsentGiven)
        .user(&code.user_id)
        .session(&code.session_id)
        .client(client)
        .detail("scopes", code.scopes.as_str())
        .detail("remembered", remembered);
    trail.record(&given)
}

fn consent(conn: &Connection, user: &UserId, client: &ClientId) -> rusqlite::Result<Option<Scope>> {
    conn.prepare_cached("SELECT scopes FROM consents WHERE user_id = ?1 AND client_id = ?2")?
        .query_row([user.as_str(), client.as_str()], |row| parsed(row, 0))
        .optional()
}

fn consent_at_each(
    conn: &Connection,
    user: &UserId,
    client: &ClientId,
    resources: &[String],
) -> rusqlite::Result<Option<Scope>> {
    let mut at_each: Option<Scope> = None;
    for resource in resources {
        let Some(scopes) = consent_at(conn, user, client, resource)? else {
            return Ok(None);
        };
        at_each = Some(match at_each {
            Some(before) => before.intersection(&scopes),
            None => scopes,
        });
    }
    Ok(at_each)
}

fn consent_at(
    conn: &Connection,
    user: &UserId,
    client: &ClientId,
    resource: &str,
) -> rusqlite::Result<Option<Scope>> {
    conn.prepare_cached(
        "SELECT scopes FROM consent_resources WHERE user_id = ?1 AND client_id = ?2 AND resource = ?3",
    )?
    .query_row([user.as_str(), client.as_str(), resource], |row| {
        parsed(row, 0)
    })
    .optional()
}

fn by_id(conn: &Connection, id: &InteractionHash) -> rusqlite::Result<Option<Authorization>> {
    conn.prepare_cached(
        "SELECT browser_hash, request, created_at, expires_at FROM authorization_requests WHERE id_hash = ?1",
    )?
    .query_row([id.0], |row| {
        Ok(Authorization {
            browser: BrowserHash(row.get(0)?),
            request: request(row, 1)?,
            created_at: timestamp(row, 2)?,
            expires_at: timestamp(row, 3)?,
        })
    })
    .optional()
}

fn code(conn: &Connection, hash: &CodeHash) -> rusqlite::Result<Option<Code>> {
    conn.prepare_cached(
        "SELECT request, user_id, session_id, scopes, auth_time, expires_at, grant_id
         FROM authorization_codes WHERE hash = ?1",
    )?
    .query_row([hash.0], |row| {
        Ok(Code {
            request: request(row, 0)?,
            user_id: parsed(row, 1)?,
            session_id: parsed(row, 2)?,
            scopes: parsed(row, 3)?,
            auth_time: timestamp(row, 4)?,
            expires_at: timestamp(row, 5)?,
            grant: optional(row, 6)?,
        })
    })
    .optional()
}

fn json(request: &AuthorizationRequest) -> rusqlite::Result<String> {
    serde_json::to_string(request)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

fn request(row: &Row<'_>, column: usize) -> rusqlite::Result<AuthorizationRequest> {
    let text = row.get_ref(column)?.as_str()?;
    serde_json::from_str(text).map_err(|error| damaged(column, error))
}
