//! Signing keys: look, and rotate. The private parts are never shown.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use super::Operator;
use super::error::AdminError;
use crate::http::body;
use crate::keys::{Rotation, listed};
use crate::{App, shown};

const ALL: &str = "/iam/keys";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RotateRequest {
    #[serde(default)]
    emergency: bool,
}

pub(super) async fn list(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, AdminError> {
    let (parts, _) = request.into_parts();
    Operator::of(&app, &parts)
        .await?
        .may("keys:read", ALL)
        .await?;
    let rows = app.store.keys().await?;
    let keys = listed(&rows, &app.config.keys.policy(), app.clock.now());
    let keys: Vec<_> = keys.iter().map(shown::key).collect();
    Ok(Json(json!({ "keys": keys })).into_response())
}

pub(super) async fn rotate(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, AdminError> {
    let (parts, body) = request.into_parts();
    let operator = Operator::of(&app, &parts).await?;
    operator.may("keys:write", ALL).await?;
    let RotateRequest { emergency } = body::json_object(&parts.headers, body).await?;
    let rotation = if emergency {
        Rotation::Emergency
    } else {
        Rotation::Planned
    };
    let kid = app
        .keys
        .rotate(&*app.store, &operator.by(), rotation)
        .await?;
    tracing::warn!(client_id = %operator.account.client_id, kid, emergency, "signing key rotated");
    Ok(Json(json!({ "kid": kid })).into_response())
}
