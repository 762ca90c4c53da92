//! Clients of both kinds. They are registered at the command line; here they are looked at, taken out of use, and given
//! secrets.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use sessionmint_oauth::{ClientId, SecretId};
use sessionmint_store::{AddSecret, Change, MAX_SECRETS};

use super::error::AdminError;
use super::users::done;
use super::{Operator, both_named, named};
use crate::client_secret::{NewSecret, has_secrets};
use crate::http::body;
use crate::{App, shown};

const ALL: &str = "/iam/clients";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangeRequest {
    disabled: bool,
}

fn resource(id: &ClientId) -> String {
    format!("{ALL}/{id}")
}

/// A client of either kind, as it is shown.
async fn one(app: &App, id: &ClientId) -> Result<Value, AdminError> {
    if let Some(client) = app.store.client(id).await? {
        return Ok(shown::browser_client(&client));
    }
    let client = app
        .store
        .oauth_client(id)
        .await?
        .ok_or(AdminError::NotFound)?;
    let secrets = app.store.client_secrets(id).await?;
    Ok(shown::oauth_client(&client, &secrets))
}

/// There are so few that they fit on one page.
pub(super) async fn list(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, AdminError> {
    let (parts, _) = request.into_parts();
    Operator::of(&app, &parts)
        .await?
        .may("clients:read", ALL)
        .await?;
    let browser = app.store.clients().await?;
    let mut clients: Vec<Value> = browser.iter().map(shown::browser_client).collect();
    for client in app.store.oauth_clients().await? {
        let secrets = app.store.client_secrets(&client.client_id).await?;
        clients.push(shown::oauth_client(&client, &secrets));
    }
    Ok(Json(json!({ "clients": clients })).into_response())
}

pub(super) async fn show(
    State(app): State<Arc<App>>,
    id: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, AdminError> {
    let (parts, _) = request.into_parts();
    let operator = Operator::of(&app, &parts).await?;
    let id: ClientId = named(id)?;
    operator.may("clients:read", &resource(&id)).await?;
    Ok(Json(one(&app, &id).await?).into_response())
}

/// Disables or enables. It sets one thing to a value, so no update can be lost by it.
pub(super) async fn change(
    State(app): State<Arc<App>>,
    id: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, AdminError> {
    let (parts, body) = request.into_parts();
    let operator = Operator::of(&app, &parts).await?;
    let id: ClientId = named(id)?;
    operator.may("clients:write", &resource(&id)).await?;
    let ChangeRequest { disabled } = body::json_object(&parts.headers, body).await?;
    let set = app
        .store
        .set_oauth_client_disabled(&id, disabled, operator.by())
        .await?;
    if set == Change::NotFound && app.store.client(&id).await?.is_some() {
        return Err(AdminError::Conflict {
            code: "browser_app",
            detail: "a browser app is taken out of use by removing it".to_owned(),
        });
    }
    done(set)?;
    tracing::info!(by = %operator.account.client_id, client_id = %id, disabled, "client changed");
    Ok(Json(one(&app, &id).await?).into_response())
}

pub(super) async fn remove(
    State(app): State<Arc<App>>,
    id: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<StatusCode, AdminError> {
    let (parts, _) = request.into_parts();
    let operator = Operator::of(&app, &parts).await?;
    let id: ClientId = named(id)?;
    operator.may("clients:write", &resource(&id)).await?;
    if app.store.remove_client(&id, operator.by()).await? == Change::NotFound {
        done(app.store.remove_oauth_client(&id, operator.by()).await?)?;
    }
    tracing::info!(by = %operator.account.client_id, client_id = %id, "client removed");
    Ok(StatusCode::NO_CONTENT)
}

/// Makes a secret; the only answer that ever shows it.
pub(super) async fn add_secret(
    State(app): State<Arc<App>>,
    id: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, AdminError> {
    let (parts, _) = request.into_parts();
    let operator = Operator::of(&app, &parts).await?;
    let id: ClientId = named(id)?;
    operator.may("clients:write", &resource(&id)).await?;
    let client = app
        .store
        .oauth_client(&id)
        .await?
        .ok_or(AdminError::NotFound)?;
    if !has_secrets(&client) {
        return Err(AdminError::Conflict {
            code: "no_secrets",
            detail: format!("the client authenticates with {}", client.authentication),
        });
    }
    let by = operator.by();
    let secret = NewSecret::new(&*app.random, by.at)?;
    let secret_id = secret.stored.id.clone();
    match app
        .store
        .add_client_secret(&id, secret.stored.clone(), by)
        .await?
    {
        AddSecret::Added => {
            tracing::info!(by = %operator.account.client_id, client_id = %id, %secret_id, "secret added");
            let body = json!({ "client_id": id, "secret_id": secret_id, "secret": *secret.text });
            Ok((StatusCode::CREATED, Json(body)).into_response())
        }
        AddSecret::NotFound => Err(AdminError::NotFound),
        AddSecret::TooMany => Err(AdminError::Conflict {
            code: "too_many_secrets",
            detail: format!("it has {MAX_SECRETS} already; remove the one that is out of use"),
        }),
    }
}

pub(super) async fn remove_secret(
    State(app): State<Arc<App>>,
    ids: Result<Path<(String, String)>, PathRejection>,
    request: Request,
) -> Result<StatusCode, AdminError> {
    let (parts, _) = request.into_parts();
    let operator = Operator::of(&app, &parts).await?;
    let (id, secret): (ClientId, SecretId) = both_named(ids)?;
    operator.may("clients:write", &resource(&id)).await?;
    done(
        app.store
            .remove_client_secret(&id, &secret, operator.by())
            .await?,
    )?;
    Ok(StatusCode::NO_CONTENT)
}
