//! `POST /password`: the user changes their password, and is signed out everywhere else.
//!
//! Bearer token like the rest of the account, and the current password as well: a token or a browser left open is not
//! enough to take an account over. A wrong one answers 403 and not 401, on which clients would renew their token and try
//! again.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use sessionmint_oauth::UserId;
use sessionmint_store::{AuditKind, AuditReason, StoreError};

use super::bearer::{self, BearerError};
use super::body::{self, JsonError};
use super::client_ip::client_ip;
use super::problem::Problem;
use crate::App;
use crate::login::policy::{WeakPassword, check_new_password};
use crate::login::{AuthenticateError, Credentials, PasswordChange, PasswordChangeError};
use crate::refusals::{About, Refused};

#[derive(Deserialize)]
struct PasswordRequest {
    current_password: SecretString,
    new_password: SecretString,
}

/// Why the password is as it was.
#[derive(Debug, thiserror::Error)]
enum PasswordError {
    #[error(transparent)]
    Bearer(#[from] BearerError),
    #[error(transparent)]
    Body(#[from] JsonError),
    #[error(transparent)]
    Weak(#[from] WeakPassword),
    #[error("the new password is the current one")]
    Unchanged,
    #[error("the current password is wrong")]
    Rejected,
    #[error("too many attempts")]
    Throttled { retry_after_secs: u64 },
    #[error("too many passwords are being checked")]
    Busy { retry_after_secs: u64 },
    #[error("the authenticator is unavailable")]
    Unavailable,
    #[error("this service does not keep the passwords")]
    KeptElsewhere,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The handler: carries out, logs once, answers.
pub(super) async fn change(State(app): State<Arc<App>>, request: Request) -> Response {
    let network = client_ip(&request, &app.config.trusted_proxies);
    match change_password(&app, network, request).await {
        Ok((user_id, ended)) => {
            tracing::info!(outcome = %"changed", %user_id, ended, %network, "password change");
            StatusCode::NO_CONTENT.into_response()
        }
        Err(error) => {
            error.log(network);
            error.into_response()
        }
    }
}

async fn change_password(
    app: &App,
    network: IpAddr,
    request: Request,
) -> Result<(UserId, u32), PasswordError> {
    let (parts, body) = request.into_parts();
    let account = bearer::account(app, &parts.headers).await?;
    let PasswordRequest {
        current_password: current,
        new_password: new,
    } = body::json_object(&parts.headers, body).await?;
    let user = app.store.user(&account.user).await?;
    let user = user.ok_or(BearerError::SessionOver)?;
    // Before the costly part; it tells nothing of the current password.
    check_new_password(
        &app.config.login.policy,
        &user.username,
        new.expose_secret(),
    )?;
    if new.expose_secret() == current.expose_secret() {
        return Err(PasswordError::Unchanged);
    }
    let change = PasswordChange {
        user_id: &user.id,
        credentials: Credentials {
            username: &user.username,
            password: &current,
            network,
        },
        new: &new,
        client_id: &account.client_id,
        kept: &account.current.id,
    };
    let now = app.clock.now();
    let changed = app.authenticator.change_password(change, now).await;
    let changed = changed.map_err(PasswordError::from);
    if let Some(reason) = changed.as_ref().err().and_then(PasswordError::audit_reason) {
        app.refusals.count(Refused {
            kind: AuditKind::PasswordChangeFailed,
            reason: Some(reason),
            about: About::Session(account.user, account.current.id),
            at: now,
            network,
            client_id: Some(account.client_id),
        });
    }
    Ok((user.id, changed?))
}

impl From<PasswordChangeError> for PasswordError {
    fn from(error: PasswordChangeError) -> Self {
        match error {
            PasswordChangeError::Current(error) => match error {
                AuthenticateError::Rejected => Self::Rejected,
                AuthenticateError::Throttled { retry_after_secs } => {
                    Self::Throttled { retry_after_secs }
                }
                AuthenticateError::Busy { retry_after_secs } => Self::Busy { retry_after_secs },
                AuthenticateError::Unavailable => Self::Unavailable,
            },
            PasswordChangeError::SessionOver => Self::Bearer(BearerError::SessionOver),
            PasswordChangeError::KeptElsewhere => Self::KeptElsewhere,
        }
    }
}

impl PasswordError {
    /// Whether the audit trail has it, and why: it is about the current password.
    fn audit_reason(&self) -> Option<AuditReason> {
        match self {
            Self::Rejected => Some(AuditReason::Rejected),
            Self::Throttled { .. } => Some(AuditReason::Throttled),
            Self::Bearer(_)
            | Self::Body(_)
            | Self::Weak(_)
            | Self::Unchanged
            | Self::Busy { .. }
            | Self::Unavailable
            | Self::KeptElsewhere
            | Self::Store(_) => None,
        }
    }

    fn log(&self, network: IpAddr) {
        match self {
            // Logged where it becomes an answer.
            Self::Bearer(_) => {}
            Self::Unavailable | Self::Store(_) => {
                tracing::error!(outcome = %"unavailable", cause = %self, %network, "password change");
            }
            Self::Throttled { .. } | Self::Busy { .. } => {
                tracing::warn!(outcome = %"refused", cause = %self, %network, "password change");
            }
            Self::Rejected
            | Self::Body(_)
            | Self::Weak(_)
            | Self::Unchanged
            | Self::KeptElsewhere => {
                tracing::info!(outcome = %"refused", cause = %self, %network, "password change");
            }
        }
    }
}

impl IntoResponse for PasswordError {
    fn into_response(self) -> Response {
        let problem = match self {
            Self::Bearer(error) => return error.into_response(),
            Self::Body(error) => error.problem(
                "the body is a JSON object with the strings current_password and new_password",
            ),
            Self::Weak(reason) => Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "weak_password",
                reason.to_string(),
            ),
            Self::Unchanged => Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "weak_password",
                "the new password is the same as the current one",
            ),
            Self::Rejected => Problem::new(
                StatusCode::FORBIDDEN,
                "wrong_password",
                "the current password is wrong",
            ),
            Self::Throttled { retry_after_secs } => Problem::new(
                StatusCode::TOO_MANY_REQUESTS,
                "throttled",
                "too many wrong passwords; wait",
            )
            .retry_after(retry_after_secs),
            Self::Busy { retry_after_secs } => Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "busy",
                "too many passwords are being checked right now; try again",
            )
            .retry_after(retry_after_secs),
            Self::Unavailable | Self::Store(_) => Problem::unavailable(),
            Self::KeptElsewhere => Problem::new(
                StatusCode::FORBIDDEN,
                "passwords_kept_elsewhere",
                "this service does not keep the passwords of its users",
            ),
        };
        problem.into_response()
    }
}
