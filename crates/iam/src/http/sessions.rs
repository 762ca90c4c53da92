//! `/sessions`: the user's own sessions, to look at and to end.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use sessionmint_oauth::{ClientId, SessionId};
use sessionmint_store::{Change, EndSessions, Session, StoreError};

use super::bearer::{self, Account, BearerError};
use super::problem::Problem;
use crate::App;

/// Why a request was not carried out.
#[derive(Debug, thiserror::Error)]
pub(super) enum SessionsError {
    #[error(transparent)]
    Bearer(#[from] BearerError),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Whether it is another user's, is not told.
    #[error("no session of this user has that id")]
    NotFound,
}

#[derive(Serialize)]
struct SessionsAnswer {
    sessions: Vec<SessionAnswer>,
}

/// Times are whole seconds since the epoch.
#[derive(Serialize)]
struct SessionAnswer {
    id: SessionId,
    /// Whether the token of this request belongs to it.
    current: bool,
    client_id: ClientId,
    user_agent: String,
    created_at: i64,
    auth_time: i64,
    last_activity: i64,
    /// The absolute end.
    expires_at: i64,
    /// Whether it outlives the browser.
    persistent: bool,
}

/// `GET /sessions`: all that are live, newest first.
pub(super) async fn list(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
) -> Result<Response, SessionsError> {
    let Account {
        current, sessions, ..
    } = bearer::account(&app, &headers).await?;
    let sessions = sessions
        .into_iter()
        .map(|session| SessionAnswer::new(session, &current.id))
        .collect();
    Ok(Json(SessionsAnswer { sessions }).into_response())
}

/// `DELETE /sessions/{id}`: ends one, be it the current one.
pub(super) async fn end_one(
    State(app): State<Arc<App>>,
    id: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<StatusCode, SessionsError> {
    let account = bearer::account(&app, request.headers()).await?;
    let Path(id) = id.map_err(|_| SessionsError::NotFound)?;
    let id: SessionId = id.parse().map_err(|_| SessionsError::NotFound)?;
    let by = account.by(&app, &request);
    match app.store.end_session_of(&account.user, &id, by).await? {
        Change::Done => {
            tracing::info!(user_id = %account.user, sid = %id, "the user ended a session");
            Ok(StatusCode::NO_CONTENT)
        }
        Change::NotFound => Err(SessionsError::NotFound),
    }
}

/// `DELETE /sessions`: ends all but the current one.
pub(super) async fn end_others(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<StatusCode, SessionsError> {
    let account = bearer::account(&app, request.headers()).await?;
    let by = account.by(&app, &request);
    let ended = app
        .store
        .end_sessions_of(&account.user, EndSessions::AllBut(account.current.id), by)
        .await?;
    tracing::info!(user_id = %account.user, ended, "the user ended all other sessions");
    Ok(StatusCode::NO_CONTENT)
}

impl SessionAnswer {
    fn new(session: Session, current: &SessionId) -> Self {
        Self {
            current: session.id == *current,
            id: session.id,
            client_id: session.client_id,
            user_agent: session.user_agent,
            created_at: session.created_at.secs(),
            auth_time: session.auth_time.secs(),
            last_activity: session.last_activity.secs(),
            expires_at: session.absolute_end.secs(),
            persistent: session.persistent,
        }
    }
}

impl IntoResponse for SessionsError {
    fn into_response(self) -> Response {
        match self {
            Self::Bearer(error) => error.into_response(),
            Self::Store(error) => {
                tracing::error!(%error, "sessions could not be ended");
                Problem::unavailable().into_response()
            }
            Self::NotFound => Problem::new(
                StatusCode::NOT_FOUND,
                "not_found",
                "you have no session of this id",
            )
            .into_response(),
        }
    }
}
