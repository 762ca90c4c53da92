//! Grants of users to clients: look, and end one or all of a user, to a client, or of both.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use sessionmint_oauth::GrantId;
use sessionmint_store::{AuditReason, GrantsOf};

use super::error::AdminError;
use super::page::Query;
use super::users::done;
use super::{Names, Operator};
use crate::shown;

const ALL: &str = "/iam/grants";

fn resource(id: &GrantId) -> String {
    format!("{ALL}/{id}")
}

/// Which ones a request is about. All of everybody would be too many to be shown, and too much to be ended by a slip.
fn whose(query: &Query<'_>) -> Result<GrantsOf, AdminError> {
    match (query.get("user_id")?, query.get("client_id")?) {
        (Some(user), Some(client)) => Ok(GrantsOf::Both(user, client)),
        (Some(user), None) => Ok(GrantsOf::User(user)),
        (None, Some(client)) => Ok(GrantsOf::Client(client)),
        (None, None) => Err(AdminError::Query(
            "name a user_id, a client_id, or both".to_owned(),
        )),
    }
}

/// Those of a user or to a client, ended ones among them.
pub(super) async fn list(operator: Operator) -> Result<Response, AdminError> {
    operator.may("grants:read", ALL).await?;
    let of = whose(&operator.query()?)?;
    let now = operator.app.clock.now();
    let grants = operator.store().grants(&of).await?;
    let names = Names::of(&operator.app, grants.iter().map(|grant| &grant.user_id)).await?;
    let grants: Vec<_> = grants
        .iter()
        .map(|grant| shown::grant(grant, names.name(Some(&grant.user_id)), now))
        .collect();
    Ok(Json(json!({ "grants": grants })).into_response())
}

pub(super) async fn show(operator: Operator<GrantId>) -> Result<Response, AdminError> {
    let id = &operator.named;
    operator.may("grants:read", &resource(id)).await?;
    let grant = operator
        .store()
        .grant(id)
        .await?
        .ok_or(AdminError::NotFound)?;
    let names = Names::of(&operator.app, std::iter::once(&grant.user_id)).await?;
    let name = names.name(Some(&grant.user_id));
    Ok(Json(shown::grant(&grant, name, operator.app.clock.now())).into_response())
}

pub(super) async fn end(operator: Operator<GrantId>) -> Result<StatusCode, AdminError> {
    let id = &operator.named;
    operator.may("grants:write", &resource(id)).await?;
    done(
        operator
            .store()
            .revoke_grant(id, AuditReason::Requested, operator.by())
            .await?,
    )?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn end_all(operator: Operator) -> Result<Response, AdminError> {
    operator.may("grants:write", ALL).await?;
    let of = whose(&operator.query()?)?;
    let ended = operator
        .store()
        .revoke_grants(&of, AuditReason::Requested, operator.by())
        .await?;
    tracing::info!(by = %operator.client(), ended, "grants ended");
    Ok(Json(json!({ "ended": ended })).into_response())
}
