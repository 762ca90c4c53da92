//! The session grant: a token of the user who is signed in, for the app at this origin.

use std::sync::Arc;

use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sessionmint_oauth::form::Form;
use sessionmint_oauth::session_grant::{Mint, Refusal, SessionGrantRequest, SessionRow};
use sessionmint_oauth::{ClaimsToSign, ClientId, SessionKeyHash, Timestamp};
use sessionmint_store::{Change, Session, StoreError};

use super::{LogLine, Minted, TokenError};
use crate::App;
use crate::http::caller::Caller;
use crate::http::{answer, cookie};
use crate::random;

/// Mints from the session cookie.
pub(super) async fn from_session(
    app: &App,
    caller: &Caller,
    headers: &HeaderMap,
    form: &Form<'_>,
    line: &mut LogLine,
) -> Result<Minted, TokenError> {
    let client = caller.client()?;
    let authorized = SessionGrantRequest::from_form(form)?.authorize(client)?;
    // In this order: a sign-out that was acknowledged before this moment is seen by the read that follows.
    let now = app.clock.now();
    let (key, session) = live_session(app, headers)
        .await?
        .ok_or(Refusal::LoginRequired)?;
    let session = line.session.insert(session);
    app.skew.look(session.auth_time, now);
    let row = SessionRow {
        times: session.times(),
        user_scopes: session.user_scopes.as_ref(),
    };
    let mint = authorized.decide(Some(row), app.session_policy(), now)?;
    app.mint_limits
        .count(&key, now)
        .map_err(|retry_after_secs| TokenError::Throttled { retry_after_secs })?;
    if let Some(at) = mint.touch
        && app.store.touch_session(&key, at).await? == Change::NotFound
    {
        return Err(Refusal::LoginRequired.into());
    }
    sign(app, &client.client_id, session, &mint, now)
}

async fn live_session(
    app: &App,
    headers: &HeaderMap,
) -> Result<Option<(SessionKeyHash, Arc<Session>)>, StoreError> {
    let Some(key) = cookie::session_key_hash(headers) else {
        return Ok(None);
    };
    Ok(app.store.session(&key).await?.map(|session| (key, session)))
}

fn sign(
    app: &App,
    client_id: &ClientId,
    session: &Session,
    mint: &Mint,
    now: Timestamp,
) -> Result<Minted, TokenError> {
    let claims = ClaimsToSign {
        iss: app.config.issuer.as_str(),
        sub: session.user_id.as_str(),
        aud: &mint.audience,
        exp: mint.expires_at,
        iat: mint.issued_at,
        jti: &URL_SAFE_NO_PAD.encode(random::bytes::<16>(&*app.random)?),
        client_id: client_id.as_str(),
        sid: Some(session.id.as_str()),
        auth_time: Some(session.auth_time.secs()),
        scope: mint.scope.as_str(),
    };
    let mut json = String::with_capacity(answer::USUAL_BYTES);
    json.push_str(r#"{"access_token":""#);
    app.keys.sign(&claims, now, &mut json)?;
    answer_rest(&mut json, mint);
    Ok(Minted {
        json,
        expires_in: mint.expires_in,
    })
}

/// RFC 6749 §5.1, without a refresh token. Nothing in it needs an escape: a token is base64url, and a scope has neither
/// `"` nor `\` (§3.3).
fn answer_rest(json: &mut String, mint: &Mint) {
    json.push_str(r#"","token_type":"Bearer","expires_in":"#);
    json.push_str(&mint.expires_in.to_string());
    json.push_str(r#","scope":""#);
    json.push_str(mint.scope.as_str());
    json.push_str(r#"","session_expires_in":"#);
    json.push_str(&mint.session_expires_in.to_string());
    json.push('}');
}
