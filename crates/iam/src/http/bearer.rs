//! The guards of the service's own endpoints: an access token of this service, for this service; of a user with a live
//! session for the account, of a client that acts for itself for what services and operators call.

use std::borrow::Cow;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sessionmint_oauth::authorize::OPENID;
use sessionmint_oauth::jwt::{ExpectedClaims, MAX_LEEWAY_SECS, TokenRefusal};
use sessionmint_oauth::{
    AccessTokenClaims, BearerChallenge, ClientId, ClientSubject, InvalidId, Scope, Timestamp,
    UserId, bearer,
};
use sessionmint_store::{By, Session, StoreError};

use super::client_ip::client_ip;
use super::live::is_revoked;
use super::problem::Problem;
use crate::App;

/// The scope of the account endpoints. With their audience, the issuer itself, it keeps a service that was handed a
/// user's token from replaying it here.
pub(super) const ACCOUNT_SCOPE: &str = "account";

/// Whose account is asked for.
pub(super) struct Account {
    pub(super) user: UserId,
    /// The client that the token was minted for.
    pub(super) client_id: ClientId,
    /// The session that the token was minted from.
    pub(super) current: Session,
    /// All live sessions, newest first.
    pub(super) sessions: Vec<Session>,
}

impl Account {
    /// For the audit trail.
    pub(super) fn by(&self, app: &App, request: &Request) -> By {
        By::user(self.user.clone(), app.clock.now())
            .through(self.client_id.clone())
            .from(client_ip(request, &app.config.trusted_proxies))
    }
}

/// Who granted something, and what the token at hand has of it.
pub(super) struct Granted {
    pub(super) user_id: UserId,
    pub(super) scopes: Scope,
}

/// Why the account is not shown.
#[derive(Debug, thiserror::Error)]
pub(super) enum BearerError {
    #[error("no bearer token, or more than one Authorization header")]
    NotSent(BearerChallenge),
    #[error(transparent)]
    Token(#[from] TokenRefusal),
    #[error("not the token of a user, or of a client: {0}")]
    OtherSubject(#[from] InvalidId),
    #[error("the client of the token is gone, disabled or another")]
    ClientGone,
    #[error("the token is a client's that acts on behalf of its user")]
    OnBehalf,
    #[error("the token was revoked")]
    Revoked,
    #[error("the session of the token is over")]
    SessionOver,
    #[error("the token lacks the scope `{0}`")]
    Scope(&'static str),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The claims of a request's token, if it is one of this service, for this service, with this scope.
fn claims(
    app: &App,
    headers: &HeaderMap,
    scope: &'static str,
    now: Timestamp,
) -> Result<AccessTokenClaims, BearerError> {
    let expected = ExpectedClaims {
        issuer: app.config.issuer.to_string(),
        audiences: vec![app.config.issuer.to_string()],
        leeway_secs: MAX_LEEWAY_SECS,
    };
    let fields = headers.get_all(header::AUTHORIZATION).iter();
    let token = bearer::token(fields.map(HeaderValue::as_bytes)).map_err(BearerError::NotSent)?;
    let claims = app.keys.verify(token, &expected, now)?;
    if claims.scope.contains(scope) {
        Ok(claims)
    } else {
        Err(BearerError::Scope(scope))
    }
}

/// Checks the token of a request; then that its session still lives, because these endpoints can.
pub(super) async fn account(app: &App, headers: &HeaderMap) -> Result<Account, BearerError> {
    let now = app.clock.now();
    let claims = claims(app, headers, ACCOUNT_SCOPE, now)?;
    let user: UserId = claims.sub.parse()?;
    // The account is the user's own: what a service may do for them elsewhere, it may not do here.
    if claims.act.is_some() {
        return Err(BearerError::OnBehalf);
    }
    if is_revoked(app, &claims).await? {
        return Err(BearerError::Revoked);
    }
    let policy = app.session_policy();
    let mut sessions = app.store.sessions_of(&user).await?;
    sessions.retain(|session| session.times().remaining_secs(policy, now).is_some());
    let current = sessions
        .iter()
        .find(|session| Some(session.id.as_str()) == claims.sid.as_deref())
        .cloned();
    Ok(Account {
        user,
        client_id: claims.client_id,
        current: current.ok_or(BearerError::SessionOver)?,
        sessions,
    })
}

/// A client that acts for itself.
#[derive(Clone, Debug)]
pub(super) struct ServiceAccount {
    /// The `sub` of its token.
    pub(super) subject: ClientSubject,
    /// What operators call it.
    pub(super) client_id: ClientId,
}

/// Checks the token of a request; then that its client is there still, may be, and asks for itself and for nobody else.
pub(super) async fn service_account(
    app: &App,
    headers: &HeaderMap,
    scope: &'static str,
) -> Result<ServiceAccount, BearerError> {
    let claims = claims(app, headers, scope, app.clock.now())?;
    let subject: ClientSubject = claims.sub.parse()?;
    if is_revoked(app, &claims).await? {
        return Err(BearerError::Revoked);
    }
    let client = app.store.oauth_client(&claims.client_id).await?;
    match client {
        Some(client) if client.subject == subject && client.disabled_at.is_none() => {
            Ok(ServiceAccount {
                subject,
                client_id: client.client_id,
            })
        }
        _ => Err(BearerError::ClientGone),
    }
}

/// What a user granted the client whose token this is, if it is one with the scope `openid`: its audience is the client's
/// API, and the name of its user is all that it is taken for here.
pub(super) async fn granted(
    app: &App,
    headers: &HeaderMap,
) -> Result<Option<Granted>, BearerError> {
    let now = app.clock.now();
    let fields = headers.get_all(header::AUTHORIZATION).iter();
    let token = bearer::token(fields.map(HeaderValue::as_bytes)).map_err(BearerError::NotSent)?;
    let issuer = app.config.issuer.as_str();
    let claims = app.keys.verify_of_any_audience(token, issuer, now)?;
    if is_revoked(app, &claims).await? {
        return Err(BearerError::Revoked);
    }
    let Some(id) = claims.gid.filter(|_| claims.scope.contains(OPENID)) else {
        return Ok(None);
    };
    let grant = app.store.grant(&id).await?;
    let grant = grant.filter(|grant| grant.revoked.is_none() && now < grant.absolute_end);
    let grant = grant.ok_or(BearerError::SessionOver)?;
    let policy = app.session_policy();
    let over = grant.session_id.is_some()
        && grant
            .session
            .is_none_or(|session| session.remaining_secs(policy, now).is_none());
    if over {
        return Err(BearerError::SessionOver);
    }
    Ok(Some(Granted {
        user_id: grant.user_id,
        scopes: claims.scope,
    }))
}

impl IntoResponse for BearerError {
    fn into_response(self) -> Response {
        let challenge = match &self {
            Self::Store(_) => {
                tracing::error!(cause = %self, "whose token it is could not be read");
                return Problem::unavailable().into_response();
            }
            Self::NotSent(challenge) => challenge.clone(),
            Self::Token(_)
            | Self::OtherSubject(_)
            | Self::OnBehalf
            | Self::Revoked
            | Self::SessionOver
            | Self::ClientGone => BearerChallenge::InvalidToken,
            Self::Scope(scope) => {
                let needed: Scope = scope.parse().unwrap_or_default();
                BearerChallenge::InsufficientScope(needed)
            }
        };
        let (code, detail): (_, Cow<'static, str>) = match &challenge {
            BearerChallenge::TokenMissing => ("token_missing", "this needs an access token".into()),
            BearerChallenge::InvalidRequest => {
                ("invalid_request", "one Authorization header, please".into())
            }
            BearerChallenge::InvalidToken => (
                "invalid_token",
                "the access token is not good for this".into(),
            ),
            BearerChallenge::InsufficientScope(scope) => (
                "insufficient_scope",
                format!("the access token lacks the scope {scope}").into(),
            ),
        };
        tracing::info!(cause = %self, "request with an access token refused");
        let status = StatusCode::from_u16(challenge.status()).unwrap_or(StatusCode::UNAUTHORIZED);
        let problem = Problem::new(status, code, detail);
        match HeaderValue::from_str(&challenge.header_value()) {
            Ok(value) => problem.challenge(value).into_response(),
            Err(_) => problem.into_response(),
        }
    }
}
