//! A client redeems the code that a user granted it (RFC 6749 §4.1.3, RFC 7636 §4.5, OpenID Connect Core §3.1.3).

use std::net::IpAddr;

use sessionmint_oauth::authorize::{
    CodeRefusal, IssuedCode, OFFLINE_ACCESS, OPENID, Presented, RedeemDecision, grantable, redeem,
};
use sessionmint_oauth::form::Form;
use sessionmint_oauth::id_token::{self, IdTokenClaims};
use sessionmint_oauth::rotation;
use sessionmint_oauth::{
    AuthorizationCode, CodeHash, GrantId, GrantType, OAuthClient, Timestamp, pkce,
};
use sessionmint_store::{AuditReason, By, Code, NewGrant, RedeemCode};

use super::{AccessToken, TokenAnswer, TokenError, issue};
use crate::App;
use crate::http::authorize::{code_hash, sha256};
use crate::http::client_authentication::AuthenticatedClient;
use crate::{random, renewal};

pub(super) async fn grant(
    app: &App,
    client: &AuthenticatedClient,
    form: &Form<'_>,
    network: IpAddr,
    now: Timestamp,
) -> Result<TokenAnswer, TokenError> {
    let client = &client.registered;
    let presented = form.get("code").ok_or(TokenError::Missing("code"))?;
    let hash = AuthorizationCode::parse(presented).map(|code| code_hash(&code));
    let hash = hash.ok_or(CodeRefusal::Unknown)?;
    let by = By::client(client.client_id.clone(), now).from(network);
    // Twice: when another request was first, its code is a spent one to this one.
    for _ in 0..2 {
        let code = app.store.code(&hash).await?;
        match decide(code.as_ref(), client, form, now) {
            RedeemDecision::Refuse(refusal) => return Err(refusal.into()),
            RedeemDecision::Revoke => {
                if let Some(id) = code.and_then(|code| code.grant) {
                    let cause = AuditReason::CodeReplayed;
                    app.store.revoke_grant(&id, cause, by).await?;
                }
                return Err(CodeRefusal::Replayed.into());
            }
            RedeemDecision::Redeem { audience } => {
                let code = code.ok_or(CodeRefusal::Unknown)?;
                if let Some(answer) = spend(app, client, &hash, &code, &audience, &by, now).await? {
                    return Ok(answer);
                }
            }
        }
    }
    Err(CodeRefusal::Replayed.into())
}

fn decide(
    code: Option<&Code>,
    client: &OAuthClient,
    form: &Form<'_>,
    now: Timestamp,
) -> RedeemDecision {
    let verifier = form
        .get("code_verifier")
        .filter(|text| pkce::is_verifier(text));
    redeem(
        code.map(|code| IssuedCode {
            request: &code.request,
            expires_at: code.expires_at,
            redeemed: code.grant.is_some(),
        }),
        Presented {
            client,
            redirect_uri: form.get("redirect_uri"),
            verifier_sha256: verifier.map(sha256),
            resource: form.get("resource"),
        },
        now,
    )
}

/// Spends the code and starts the grant, then signs; `None` when another request spent it first. Without offline access the
/// grant hangs on the session, and so do its tokens.
async fn spend(
    app: &App,
    client: &OAuthClient,
    hash: &CodeHash,
    code: &Code,
    audience: &str,
    by: &By,
    now: Timestamp,
) -> Result<Option<TokenAnswer>, TokenError> {
    let sessions = app.store.sessions_of(&code.user_id).await?;
    let policy = app.session_policy();
    let session = sessions
        .iter()
        .find(|session| session.id == code.session_id)
        .ok_or(CodeRefusal::Expired)?;
    let remaining = session.times().remaining_secs(policy, now);
    let remaining = remaining.ok_or(CodeRefusal::Expired)?;
    // What the user may grant can have become less since the click.
    let scopes = match &session.user_scopes {
        Some(allowed) => grantable(&code.scopes, allowed),
        None => code.scopes.clone(),
    };
    let offline = client.may(GrantType::RefreshToken) && code.scopes.contains(OFFLINE_ACCESS);
    let lifetime = if offline {
        client.ttl
    } else {
        client.ttl.min(remaining)
    };
    let id = GrantId::from_random(random::bytes(&*app.random)?);
    let session_id = (!offline).then(|| code.session_id.clone());
    let access_over = now.plus_secs(lifetime);
    let refresh_token = if client.may(GrantType::RefreshToken) {
        Some(renewal::first(app, &id)?)
    } else {
        None
    };
    // A grant that cannot be renewed is over with its access token.
    let (absolute_end, idle_end) = match &refresh_token {
        None => (access_over, access_over),
        Some(_) => {
            let end = code.auth_time.plus_secs(client.refresh.absolute_secs);
            let end = end.max(access_over);
            (end, rotation::idle_end(client.refresh, end, now))
        }
    };
    let new = NewGrant {
        id: id.clone(),
        client_id: client.client_id.clone(),
        user_id: code.user_id.clone(),
        session_id: session_id.clone(),
        scopes: code.scopes.clone(),
        resources: code.request.resources.clone(),
        auth_time: code.auth_time,
        refresh_token: refresh_token.as_ref().map(renewal::hash),
        absolute_end,
        idle_end,
    };
    match app.store.redeem_code(hash, new, by.clone()).await? {
        RedeemCode::Redeemed => {}
        RedeemCode::Spent => return Ok(None),
        RedeemCode::Gone | RedeemCode::SessionOver => return Err(CodeRefusal::Expired.into()),
    }
    let token = AccessToken {
        subject: code.user_id.as_str(),
        audience,
        scope: &scopes,
        expires_in: lifetime,
        session: session_id.as_ref(),
        auth_time: Some(code.auth_time),
        grant: Some(&id),
        act: None,
    };
    let answer = issue(app, client, &token, now)?;
    Ok(Some(TokenAnswer {
        refresh_token: refresh_token.map(|token| token.as_str().to_owned()),
        id_token: if code.scopes.contains(OPENID) {
            Some(id_token(app, client, code, now)?)
        } else {
            None
        },
        ..answer
    }))
}

fn id_token(
    app: &App,
    client: &OAuthClient,
    code: &Code,
    now: Timestamp,
) -> Result<String, TokenError> {
    let claims = IdTokenClaims {
        iss: app.config.issuer.as_str(),
        sub: code.user_id.as_str(),
        aud: client.client_id.as_str(),
        exp: now.plus_secs(id_token::TTL_SECS).secs(),
        iat: now.secs(),
        auth_time: code.auth_time.secs(),
        nonce: code.request.nonce.as_deref(),
        sid: Some(code.session_id.as_str()),
    };
    let mut token = String::new();
    app.keys.sign_id_token(&claims, now, &mut token)?;
    Ok(token)
}
