//! The account endpoints' own guard: an access token of this service, for this service, of a live session.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sessionmint_oauth::jwt::{ExpectedClaims, MAX_LEEWAY_SECS, TokenRefusal};
use sessionmint_oauth::{BearerChallenge, ClientId, InvalidId, Scope, UserId, bearer};
use sessionmint_store::{By, Session, StoreError};

use super::client_ip::client_ip;
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

/// Why the account is not shown.
#[derive(Debug, thiserror::Error)]
pub(super) enum BearerError {
    #[error("no bearer token, or more than one Authorization header")]
    NotSent(BearerChallenge),
    #[error(transparent)]
    Token(#[from] TokenRefusal),
    #[error("not the token of a user: {0}")]
    NotAUser(#[from] InvalidId),
    #[error("the session of the token is over")]
    SessionOver,
    #[error("the token lacks the scope `{ACCOUNT_SCOPE}`")]
    Scope,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Checks the token of a request; then that its session still lives, because these endpoints can.
pub(super) async fn account(app: &App, headers: &HeaderMap) -> Result<Account, BearerError> {
    let now = app.clock.now();
    let expected = ExpectedClaims {
        issuer: app.config.issuer.to_string(),
        audiences: vec![app.config.issuer.to_string()],
        leeway_secs: MAX_LEEWAY_SECS,
    };
    let fields = headers.get_all(header::AUTHORIZATION).iter();
    let token = bearer::token(fields.map(HeaderValue::as_bytes)).map_err(BearerError::NotSent)?;
    let claims = app.keys.verify(token, &expected, now)?;
    if !claims.scope.contains(ACCOUNT_SCOPE) {
        return Err(BearerError::Scope);
    }
    let user: UserId = claims.sub.parse()?;
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

impl IntoResponse for BearerError {
    fn into_response(self) -> Response {
        let challenge = match &self {
            Self::Store(_) => {
                tracing::error!(cause = %self, "the sessions of a user could not be read");
                return Problem::unavailable().into_response();
            }
            Self::NotSent(challenge) => challenge.clone(),
            Self::Token(_) | Self::NotAUser(_) | Self::SessionOver => BearerChallenge::InvalidToken,
            Self::Scope => {
                let needed: Scope = ACCOUNT_SCOPE.parse().unwrap_or_default();
                BearerChallenge::InsufficientScope(needed)
            }
        };
        let (code, detail) = match &challenge {
            BearerChallenge::TokenMissing => ("token_missing", "this needs an access token"),
            BearerChallenge::InvalidRequest => {
                ("invalid_request", "one Authorization header, please")
            }
            BearerChallenge::InvalidToken => {
                ("invalid_token", "the access token is not good for this")
            }
            BearerChallenge::InsufficientScope(_) => (
                "insufficient_scope",
                "the access token lacks the scope account",
            ),
        };
        tracing::info!(cause = %self, "account request refused");
        let status = StatusCode::from_u16(challenge.status()).unwrap_or(StatusCode::UNAUTHORIZED);
        let problem = Problem::new(status, code, detail);
        match HeaderValue::from_str(&challenge.header_value()) {
            Ok(value) => problem.challenge(value).into_response(),
            Err(_) => problem.into_response(),
        }
    }
}
