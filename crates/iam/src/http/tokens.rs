//! `POST /oauth/revoke` (RFC 7009) and `POST /oauth/introspect` (RFC 7662): clients give tokens back, and services ask whether
//! one still counts. Neither says anything about a token to whom it does not concern.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use sessionmint_oauth::error::{ErrorBody, ErrorCode};
use sessionmint_oauth::form::Form;
use sessionmint_oauth::jwt::MAX_LEEWAY_SECS;
use sessionmint_oauth::refresh_token::{NotOurs, PREFIX};
use sessionmint_oauth::{AccessTokenClaims, RefreshToken, Timestamp};
use sessionmint_store::{AuditReason, By, Purpose, StoreError};

use super::answer;
use super::client_authentication::{AuthenticatedClient, ClientRefused, authenticate};
use super::client_ip::client_ip_of;
use super::form_body::{self, FormError};
use super::live::{live, mark_hash};
use super::problem::OUTAGE_RETRY_SECS;
use crate::App;
use crate::keys::KeysError;

/// Why nothing was looked at.
#[derive(Debug, thiserror::Error)]
pub(super) enum TokensError {
    #[error("this is for services, never for a page")]
    Page,
    #[error(transparent)]
    Form(#[from] FormError),
    #[error(transparent)]
    Client(#[from] ClientRefused),
    #[error("token is missing")]
    TokenMissing,
    #[error("a client that cannot prove who it is may not ask")]
    PublicClient,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Keys(#[from] KeysError),
}

/// What a service is told of a token that counts: what is in it.
#[derive(Serialize)]
struct Active {
    active: bool,
    token_type: &'static str,
    #[serde(flatten)]
    claims: AccessTokenClaims,
}

#[derive(Serialize)]
struct Inactive {
    active: bool,
}

/// The handler of `/oauth/revoke`.
pub(super) async fn revoke(State(app): State<Arc<App>>, request: Request) -> Response {
    let result = taken_back(&app, request).await;
    let outcome = result
        .as_ref()
        .copied()
        .unwrap_or_else(TokensError::outcome);
    app.metrics.revocation(outcome);
    match result {
        // Whatever it was: RFC 7009 §2.2.
        Ok(_) => answer::json_text(StatusCode::OK, "{}".to_owned()),
        Err(error) => error.into_response(),
    }
}

/// The handler of `/oauth/introspect`.
pub(super) async fn introspect(State(app): State<Arc<App>>, request: Request) -> Response {
    let result = looked_at(&app, request).await;
    let outcome = match &result {
        Ok(Some(_)) => "active",
        Ok(None) => "inactive",
        Err(error) => error.outcome(),
    };
    app.metrics.introspection(outcome);
    match result {
        Ok(Some(claims)) => {
            let active = Active {
                active: true,
                token_type: "Bearer",
                claims,
            };
            answer::json(StatusCode::OK, &active)
        }
        Ok(None) => answer::json(StatusCode::OK, &Inactive { active: false }),
        Err(error) => error.into_response(),
    }
}

/// The client and the token that it asks about.
async fn asked(
    app: &App,
    request: Request,
    now: Timestamp,
) -> Result<(AuthenticatedClient, String, By), TokensError> {
    let (parts, body) = request.into_parts();
    if parts.headers.contains_key(header::ORIGIN) {
        return Err(TokensError::Page);
    }
    let body = form_body::read(&parts, body).await?;
    let form = Form::parse(&body).map_err(FormError::from)?;
    let client = authenticate(app, &parts, &form, now).await?;
    let token = form.get("token").ok_or(TokensError::TokenMissing)?;
    let network = client_ip_of(&parts, &app.config.trusted_proxies);
    let id = client.registered.client_id.clone();
    let by = By::client(id.clone(), now).through(id).from(network);
    Ok((client, token.to_owned(), by))
}

/// Revokes a token of the client that asks; says what it was.
async fn taken_back(app: &App, request: Request) -> Result<&'static str, TokensError> {
    let now = app.clock.now();
    let (client, token, by) = asked(app, request, now).await?;
    let client = &client.registered;
    if token.starts_with(PREFIX) {
        // The tag says that it was ours, of whatever generation: who has an old one may end its grant as well.
        let Some(token) = read_refresh_token(app, &token).await? else {
            return Ok("unknown");
        };
        let grant = app.store.grant(token.family()).await?;
        if grant.is_none_or(|grant| grant.client_id != client.client_id) {
            return Ok("unknown");
        }
        let cause = AuditReason::GivenBack;
        app.store.revoke_grant(token.family(), cause, by).await?;
        return Ok("refresh_token");
    }
    let issuer = app.config.issuer.as_str();
    let claims = app.keys.verify_of_any_audience(&token, issuer, now).ok();
    let Some(claims) = claims.filter(|claims| claims.client_id == client.client_id) else {
        return Ok("unknown");
    };
    let until = Timestamp::from_secs(claims.exp).plus_secs(MAX_LEEWAY_SECS);
    let hash = mark_hash(&claims.jti);
    app.store
        .mark(Purpose::AccessToken, hash, until, by)
        .await?;
    Ok("access_token")
}

/// A version that this instance does not know may be one that another has just stored.
async fn read_refresh_token(app: &App, token: &str) -> Result<Option<RefreshToken>, TokensError> {
    let keys = app.keys.for_refresh_tokens();
    match RefreshToken::read(token, &*keys) {
        Err(NotOurs::UnknownKey { version }) if version > keys.newest() => {
            app.keys.reload_refresh_keys(&*app.store).await?;
            let keys = app.keys.for_refresh_tokens();
            Ok(RefreshToken::read(token, &*keys).ok())
        }
        read => Ok(read.ok()),
    }
}

/// The claims of a token that is live, and for a service of the client that asks.
async fn looked_at(app: &App, request: Request) -> Result<Option<AccessTokenClaims>, TokensError> {
    let now = app.clock.now();
    let (client, token, _) = asked(app, request, now).await?;
    if client.registered.is_public() {
        return Err(TokensError::PublicClient);
    }
    Ok(live(app, &token, &client.registered.resources, now).await?)
}

impl TokensError {
    fn status_and_code(&self) -> (StatusCode, ErrorCode) {
        match self {
            Self::Page => (StatusCode::FORBIDDEN, ErrorCode::AccessDenied),
            Self::Form(error) => error.status_and_code(),
            Self::Client(refused) => refused.status_and_code(),
            Self::TokenMissing => (StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest),
            Self::PublicClient => (StatusCode::BAD_REQUEST, ErrorCode::UnauthorizedClient),
            Self::Store(_) | Self::Keys(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                ErrorCode::TemporarilyUnavailable,
            ),
        }
    }

    /// The word for it in the metrics.
    fn outcome(&self) -> &'static str {
        self.status_and_code().1.as_str()
    }

    fn retry_after(&self, headers: &mut HeaderMap) {
        let secs = match self {
            Self::Client(refused) => refused.retry_after_secs(),
            Self::Store(_) | Self::Keys(_) => Some(OUTAGE_RETRY_SECS),
            _ => None,
        };
        if let Some(secs) = secs {
            headers.insert(header::RETRY_AFTER, secs.into());
        }
    }
}

impl IntoResponse for TokensError {
    fn into_response(self) -> Response {
        let (status, code) = self.status_and_code();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            tracing::error!(cause = %self, "a token could not be looked at");
        } else {
            tracing::info!(cause = %self, "a request about a token was refused");
        }
        let body = match code {
            ErrorCode::InvalidRequest | ErrorCode::UnauthorizedClient => {
                ErrorBody::new(code).describe(self.to_string())
            }
            _ => ErrorBody::new(code),
        };
        let mut response = answer::json(status, &body);
        if let Self::Client(refused) = &self {
            refused.challenge(response.headers_mut());
        }
        self.retry_after(response.headers_mut());
        response
    }
}
