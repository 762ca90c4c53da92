//! Whether an access token still counts: not by its signature and times alone, as offline verifiers see it, but by all that
//! is known here of what it hangs on.

use aws_lc_rs::digest;
use sessionmint_oauth::jwt::{ExpectedClaims, MAX_LEEWAY_SECS};
use sessionmint_oauth::{AccessTokenClaims, Timestamp, UserId};
use sessionmint_store::{MarkHash, Purpose, StoreError};

use crate::App;

/// What marks are about: SHA-256 of a text.
pub(super) fn mark_hash(text: &str) -> MarkHash {
    let mut hash = MarkHash([0; 32]);
    let digest = digest::digest(&digest::SHA256, text.as_bytes());
    hash.0.copy_from_slice(digest.as_ref());
    hash
}

/// The claims of a token of this service for one of these audiences, by signature and times alone.
fn signed(
    app: &App,
    token: &str,
    audiences: &[String],
    now: Timestamp,
) -> Option<AccessTokenClaims> {
    let expected = ExpectedClaims {
        issuer: app.config.issuer.to_string(),
        audiences: audiences.to_vec(),
        leeway_secs: MAX_LEEWAY_SECS,
    };
    let claims = app.keys.verify(token, &expected, now);
    if let Err(refusal) = &claims {
        tracing::debug!(cause = %refusal, "a token is not live");
    }
    // Clocks of services may differ from this one, but this one signed it.
    claims.ok().filter(|claims| claims.exp > now.secs())
}

/// The same if nothing that it hangs on is gone, disabled or revoked: the token itself, its grant, session, user, client.
pub(super) async fn live(
    app: &App,
    token: &str,
    audiences: &[String],
    now: Timestamp,
) -> Result<Option<AccessTokenClaims>, StoreError> {
    let Some(claims) = signed(app, token, audiences, now) else {
        return Ok(None);
    };
    let why = match claims.user() {
        Some(user) => dead_for_user(app, &claims, &user, now).await?,
        None => dead_for_client(app, &claims).await?,
    };
    let why = match why {
        None if is_revoked(app, &claims).await? => Some("it was revoked"),
        why => why,
    };
    if let Some(cause) = why {
        tracing::debug!(cause, "a token is not live");
        return Ok(None);
    }
    Ok(Some(claims))
}

/// Whether the token was revoked by its `jti`.
pub(super) async fn is_revoked(app: &App, claims: &AccessTokenClaims) -> Result<bool, StoreError> {
    let hash = mark_hash(&claims.jti);
    app.store.is_marked(Purpose::AccessToken, hash).await
}

async fn dead_for_user(
    app: &App,
    claims: &AccessTokenClaims,
    user: &UserId,
    now: Timestamp,
) -> Result<Option<&'static str>, StoreError> {
    let known = app.store.user(user).await?;
    if known.is_none_or(|user| user.disabled_at.is_some()) {
        return Ok(Some("its user is gone or disabled"));
    }
    if let Some(gid) = &claims.gid {
        let grant = app.store.grant(gid).await?;
        if grant.is_none_or(|grant| grant.revoked.is_some() || now >= grant.absolute_end) {
            return Ok(Some("its grant is over"));
        }
    }
    if let Some(sid) = &claims.sid {
        let policy = app.session_policy();
        let sessions = app.store.sessions_of(user).await?;
        let lives = sessions.iter().any(|session| {
            session.id.as_str() == sid && session.times().remaining_secs(policy, now).is_some()
        });
        if !lives {
            return Ok(Some("its session is over"));
        }
    }
    // Of a browser app, or of the standard grants.
    let client = match app.store.oauth_client(&claims.client_id).await? {
        Some(client) => client.disabled_at.is_none(),
        None => app.store.client(&claims.client_id).await?.is_some(),
    };
    Ok((!client).then_some("its client is gone or disabled"))
}

async fn dead_for_client(
    app: &App,
    claims: &AccessTokenClaims,
) -> Result<Option<&'static str>, StoreError> {
    let client = app.store.oauth_client(&claims.client_id).await?;
    let lives = client.is_some_and(|client| {
        client.disabled_at.is_none() && client.subject.as_str() == claims.sub
    });
    Ok((!lives).then_some("its client is gone or disabled"))
}
