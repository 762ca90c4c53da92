//! What operators are shown, the same at the command line (`--json`) and in the admin API. Never a hash, a secret or a key.

use serde_json::{Value, json};
use sessionmint_oauth::{BrowserClient, ClientKeys, OAuthClient, Timestamp, UserId};
use sessionmint_store::{
    AuditKind, AuditRecord, ClientSecret, Grant, Session, StoredConsent, StoredGroup, StoredRole,
    User,
};

use crate::clock::{utc, utc_millis};
use crate::keys::Listed;

/// A user.
pub fn user(user: &User) -> Value {
    json!({
        "id": user.id.as_str(),
        "username": user.username,
        "scopes": user.scopes.as_ref().map(ToString::to_string),
        "has_password": user.password_hash.is_some(),
        "disabled_at": user.disabled_at.map(utc),
        "created_at": utc(user.created_at),
    })
}

/// A session of a user of this name.
pub fn session(session: &Session, username: &str) -> Value {
    json!({
        "id": session.id.as_str(),
        "username": username,
        "user_id": session.user_id.as_str(),
        "client_id": session.client_id.as_str(),
        "created_at": utc(session.created_at),
        "last_activity": utc(session.last_activity),
        "absolute_end": utc(session.absolute_end),
        "persistent": session.persistent,
        "user_agent": session.user_agent,
    })
}

/// A browser app.
pub fn browser_client(client: &BrowserClient) -> Value {
    json!({
        "kind": "browser",
        "client_id": client.client_id.as_str(),
        "origins": client.origins,
        "default_resource": client.default_resource,
        "resources": client.resources,
        "scopes": client.scopes.to_string(),
        "default_scopes": client.default_scopes.to_string(),
        "ttl": client.ttl,
    })
}

/// A client of the standard grants, with the ids of its secrets.
pub fn oauth_client(client: &OAuthClient, secrets: &[ClientSecret]) -> Value {
    let secrets: Vec<_> = secrets
        .iter()
        .map(|secret| json!({"id": secret.id.as_str(), "created_at": utc(secret.created_at)}))
        .collect();
    let (jwks, jwks_uri) = match &client.keys {
        None => (None, None),
        Some(ClientKeys::Jwks(text)) => (serde_json::from_str::<Value>(text).ok(), None),
        Some(ClientKeys::JwksUri(uri)) => (None, Some(uri)),
    };
    json!({
        "kind": "oauth",
        "client_id": client.client_id.as_str(),
        "subject": client.subject.as_str(),
        "name": client.name,
        "authentication": client.authentication,
        "secrets": secrets,
        "jwks": jwks,
        "jwks_uri": jwks_uri,
        "grants": client.grants,
        "redirect_uris": client.redirect_uris,
        "post_logout_redirect_uris": client.post_logout_redirect_uris,
        "default_resource": client.default_resource,
        "resources": client.resources,
        "scopes": client.scopes,
        "default_scopes": client.default_scopes,
        "ttl": client.ttl,
        "refresh_rotation": client.refresh.rotation,
        "refresh_window": client.refresh.window_secs,
        "refresh_idle": client.refresh.idle_secs,
        "refresh_absolute": client.refresh.absolute_secs,
        "trusted": client.trusted,
        "disabled_at": client.disabled_at.map(utc),
    })
}

/// Whether a grant is over, and why.
pub fn grant_state(grant: &Grant, now: Timestamp) -> &'static str {
    match grant.revoked {
        Some(revoked) => revoked.cause.as_str(),
        None if now >= grant.absolute_end => "absolute-end",
        None if now >= grant.idle_end => "idle",
        None => "live",
    }
}

/// A grant of a user of this name to a client, as of `now`.
pub fn grant(grant: &Grant, username: Option<&str>, now: Timestamp) -> Value {
    json!({
        "id": grant.id.as_str(),
        "username": username,
        "user_id": grant.user_id.as_str(),
        "client_id": grant.client_id.as_str(),
        "session_id": grant.session_id.as_ref().map(|id| id.as_str()),
        "scope": grant.scopes,
        "resources": grant.resources,
        "refresh_token": grant.current.is_some(),
        "generation": grant.generation,
        "auth_time": utc(grant.auth_time),
        "created_at": utc(grant.created_at),
        "renewed_at": utc(grant.rotated_at),
        "idle_end": utc(grant.idle_end),
        "absolute_end": utc(grant.absolute_end),
        "state": grant_state(grant, now),
        "ended_at": grant.revoked.map(|revoked| utc(revoked.at)),
    })
}

/// What a user agreed to.
pub fn consent(consent: &StoredConsent, user: &User) -> Value {
    json!({
        "username": user.username,
        "user_id": user.id.as_str(),
        "client_id": consent.client_id.as_str(),
        "scopes": consent.scopes,
        "given_at": utc(consent.given_at),
    })
}

/// A role.
pub fn role(stored: &StoredRole) -> Value {
    json!({
        "name": stored.role.name,
        "permissions": stored.role.permissions,
        "version": stored.version,
    })
}

/// A group, with the number of its members.
pub fn group(group: &StoredGroup) -> Value {
    json!({
        "name": group.name,
        "members": group.members,
        "version": group.version,
    })
}

/// A signing key.
pub fn key(key: &Listed) -> Value {
    json!({
        "kid": key.kid,
        "alg": key.alg,
        "state": key.state,
        "created_at": utc(key.created_at),
        "signs_from": utc(key.signs_from),
        "signs_until": key.signs_until.map(utc),
        "gone_at": key.gone_at.map(utc),
    })
}

/// A record of the audit trail, as documented in `AUDIT.md`. `username` is the name that its user has now.
pub fn audit_record(record: &AuditRecord, username: Option<&str>) -> Value {
    json!({
        "id": record.id,
        "at": utc_millis(record.at),
        "kind": record.kind.as_str(),
        "reason": record.reason.map(|reason| reason.as_str()),
        "actor": { "type": record.actor.as_str(), "id": record.actor.id() },
        "user_id": record.user_id.as_ref().map(UserId::as_str),
        "username": username,
        "session_id": record.session_id.as_ref().map(|id| id.as_str()),
        "client_id": record.client_id.as_ref().map(|id| id.as_str()),
        "key_id": record.key_id,
        "network": record.network.map(|network| network.to_string()),
        "attempts": record.attempts,
        "details": record.details,
    })
}

/// The kinds of records that an operator means: this one, or all that begin so (`session`).
///
/// # Errors
/// All kinds that there are, for the operator.
pub fn audit_kinds(text: &str) -> Result<Vec<AuditKind>, String> {
    let matches = |kind: &AuditKind| {
        let rest = kind.as_str().strip_prefix(text);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let kinds: Vec<_> = AuditKind::ALL.iter().copied().filter(matches).collect();
    if kinds.is_empty() {
        let all: Vec<_> = AuditKind::ALL.iter().map(|kind| kind.as_str()).collect();
        return Err(format!("the kinds are {}", all.join(", ")));
    }
    Ok(kinds)
}
