//! Signing keys: look, and rotate them or those of refresh tokens. The private parts are never shown.

use axum::Json;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use super::Operator;
use super::error::AdminError;
use crate::keys::{Rotation, listed};
use crate::shown;

const ALL: &str = "/iam/keys";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RotateRequest {
    #[serde(default)]
    emergency: bool,
    /// The keys of refresh tokens instead.
    #[serde(default)]
    refresh: bool,
}

pub(super) async fn list(operator: Operator) -> Result<Response, AdminError> {
    operator.may("keys:read", ALL).await?;
    let rows = operator.store().keys().await?;
    let keys = listed(
        &rows,
        &operator.app.config.keys.policy(),
        operator.app.clock.now(),
    );
    let keys: Vec<_> = keys.iter().map(shown::key).collect();
    Ok(Json(json!({ "keys": keys })).into_response())
}

pub(super) async fn rotate(operator: Operator, body: Body) -> Result<Response, AdminError> {
    operator.may("keys:write", ALL).await?;
    let RotateRequest { emergency, refresh } = operator.json(body).await?;
    let (keys, store, by) = (&operator.app.keys, operator.store(), operator.by());
    let kid = match (refresh, emergency) {
        (true, true) => {
            let why = "tokens in circulation would stay good: end grants instead";
            return Err(AdminError::field("emergency", why));
        }
        (true, false) => keys.rotate_refresh_keys(store, &by).await?,
        (false, true) => keys.rotate(store, &by, Rotation::Emergency).await?,
        (false, false) => keys.rotate(store, &by, Rotation::Planned).await?,
    };
    tracing::warn!(client_id = %operator.client(), kid, emergency, "key rotated");
    Ok(Json(json!({ "kid": kid })).into_response())
}
