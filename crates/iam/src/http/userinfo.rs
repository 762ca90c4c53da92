//! `GET /userinfo`: the signed-in user, with the claim names of OpenID Connect Core §5.1.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::Serialize;
use sessionmint_oauth::UserId;

use super::bearer::{self, BearerError};
use crate::App;

#[derive(Serialize)]
pub(super) struct UserInfo {
    sub: UserId,
    preferred_username: String,
}

/// The handler.
pub(super) async fn userinfo(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
) -> Result<Json<UserInfo>, BearerError> {
    let account = bearer::account(&app, &headers).await?;
    let user = app
        .store
        .user(&account.user)
        .await?
        .ok_or(BearerError::SessionOver)?;
    Ok(Json(UserInfo {
        sub: user.id,
        preferred_username: user.username,
    }))
}
