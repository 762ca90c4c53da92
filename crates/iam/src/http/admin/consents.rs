//! What users agreed to: look, and withdraw.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use sessionmint_oauth::{ClientId, UserId};
use sessionmint_store::WithdrawConsent;

use super::Operator;
use super::error::AdminError;
use super::users;
use crate::shown;

fn resource(user: &UserId) -> String {
    format!("{}/consents", users::resource(user))
}

/// There are so few of one user that they fit on one page.
pub(super) async fn list(operator: Operator<UserId>) -> Result<Response, AdminError> {
    let id = &operator.named;
    operator.may("consents:read", &resource(id)).await?;
    let user = operator.store().user(id).await?;
    let user = user.ok_or(AdminError::NotFound)?;
    let consents = operator.store().consents_of(id).await?;
    let consents: Vec<_> = consents
        .iter()
        .map(|consent| shown::consent(consent, &user))
        .collect();
    Ok(Json(json!({ "consents": consents })).into_response())
}

/// With it ends what came of it; the user is asked again.
pub(super) async fn withdraw(
    operator: Operator<(UserId, ClientId)>,
) -> Result<Response, AdminError> {
    let (user, client) = &operator.named;
    let resource = format!("{}/{client}", resource(user));
    operator.may("consents:write", &resource).await?;
    match operator
        .store()
        .withdraw_consent(user, client, operator.by())
        .await?
    {
        WithdrawConsent::Withdrawn { ended } => {
            tracing::info!(by = %operator.client(), user_id = %user, client_id = %client, ended, "consent withdrawn");
            Ok(Json(json!({ "ended": ended })).into_response())
        }
        WithdrawConsent::NotFound => Err(AdminError::NotFound),
    }
}
