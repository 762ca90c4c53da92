//! `GET /userinfo`: the signed-in user, with the claim names of OpenID Connect Core §5.1. Browser apps show their token for the
//! account endpoints, other clients one with the scope `openid`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::Serialize;
use sessionmint_oauth::UserId;
use sessionmint_oauth::authorize::PROFILE;

use super::bearer::{self, BearerError};
use crate::App;

#[derive(Serialize)]
pub(super) struct UserInfo {
    sub: UserId,
    #[serde(skip_serializing_if = "Option::is_none")]
    preferred_username: Option<String>,
}

/// The handler.
pub(super) async fn userinfo(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
) -> Result<Json<UserInfo>, BearerError> {
    let (user, named) = match bearer::granted(&app, &headers).await? {
        Some(grant) => (grant.user_id, grant.scopes.contains(PROFILE)),
        None => (bearer::account(&app, &headers).await?.user, true),
    };
    let user = app
        .store
        .user(&user)
        .await?
        .ok_or(BearerError::SessionOver)?;
    Ok(Json(UserInfo {
        sub: user.id,
        preferred_username: named.then_some(user.username),
    }))
}
