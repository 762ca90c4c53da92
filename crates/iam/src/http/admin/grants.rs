//! Grants of users to clients: look, and end.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use sessionmint_oauth::GrantId;
use sessionmint_store::{AuditReason, GrantsOf};

use super::error::AdminError;
use super::page::Query;
use super::users::done;
use super::{Names, Operator, named};
use crate::{App, shown};

const ALL: &str = "/iam/grants";

fn resource(id: &GrantId) -> String {
    format!("{ALL}/{id}")
}

/// Those of a user or to a client, ended ones among them.
pub(super) async fn list(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, AdminError> {
    let (parts, _) = request.into_parts();
    Operator::of(&app, &parts)
        .await?
        .may("grants:read", ALL)
        .await?;
    let query = Query::of(&parts.uri)?;
    let of = match (query.get("user_id")?, query.get("client_id")?) {
        (Some(user), None) => GrantsOf::User(user),
        (None, Some(client)) => GrantsOf::Client(client),
        _ => {
            return Err(AdminError::Query(
                "name a user_id or a client_id".to_owned(),
            ));
        }
    };
    let now = app.clock.now();
    let grants = app.store.grants(&of).await?;
    let names = Names::of(&app, grants.iter().map(|grant| &grant.user_id)).await?;
    let grants: Vec<_> = grants
        .iter()
        .map(|grant| shown::grant(grant, names.name(Some(&grant.user_id)), now))
        .collect();
    Ok(Json(json!({ "grants": grants })).into_response())
}

pub(super) async fn show(
    State(app): State<Arc<App>>,
    id: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, AdminError> {
    let (parts, _) = request.into_parts();
    let operator = Operator::of(&app, &parts).await?;
    let id: GrantId = named(id)?;
    operator.may("grants:read", &resource(&id)).await?;
    let grant = app.store.grant(&id).await?.ok_or(AdminError::NotFound)?;
    let names = Names::of(&app, std::iter::once(&grant.user_id)).await?;
    let name = names.name(Some(&grant.user_id));
    Ok(Json(shown::grant(&grant, name, app.clock.now())).into_response())
}

pub(super) async fn end(
    State(app): State<Arc<App>>,
    id: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<StatusCode, AdminError> {
    let (parts, _) = request.into_parts();
    let operator = Operator::of(&app, &parts).await?;
    let id: GrantId = named(id)?;
    operator.may("grants:write", &resource(&id)).await?;
    done(
        app.store
            .revoke_grant(&id, AuditReason::Requested, operator.by())
            .await?,
    )?;
    Ok(StatusCode::NO_CONTENT)
}
