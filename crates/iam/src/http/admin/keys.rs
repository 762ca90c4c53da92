//! Signing keys: look, and rotate. The private parts are never shown.

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
    let RotateRequest { emergency } = operator.json(body).await?;
    let rotation = if emergency {
        Rotation::Emergency
    } else {
        Rotation::Planned
    };
    let kid = operator
        .app
        .keys
        .rotate(operator.store(), &operator.by(), rotation)
        .await?;
    tracing::warn!(client_id = %operator.client(), kid, emergency, "signing key rotated");
    Ok(Json(json!({ "kid": kid })).into_response())
}
