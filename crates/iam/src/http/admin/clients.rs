//! Clients of both kinds: look, take out of use, give secrets. They are registered and replaced in `registration`.

use axum::Json;
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use sessionmint_oauth::{BrowserClient, ClientId, OAuthClient, SecretId};
use sessionmint_store::{AddSecret, Change, ClientSecret, MAX_SECRETS, Store};

use super::Operator;
use super::error::AdminError;
use super::users::done;
use super::version;
use crate::client_secret::{NewSecret, has_secrets};
use crate::shown;

pub(super) const ALL: &str = "/iam/clients";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangeRequest {
    disabled: bool,
}

pub(super) fn resource(id: &ClientId) -> String {
    format!("{ALL}/{id}")
}

/// A client of either kind.
pub(super) enum Registered {
    Browser(BrowserClient),
    Standard(Box<OAuthClient>, Vec<ClientSecret>),
}

impl Registered {
    pub(super) async fn find(store: &dyn Store, id: &ClientId) -> Result<Self, AdminError> {
        if let Some(client) = store.client(id).await? {
            return Ok(Self::Browser(client));
        }
        let client = store.oauth_client(id).await?.ok_or(AdminError::NotFound)?;
        Ok(Self::Standard(
            Box::new(client),
            store.client_secrets(id).await?,
        ))
    }

    pub(super) fn shown(&self) -> Value {
        match self {
            Self::Browser(client) => shown::browser_client(client),
            Self::Standard(client, secrets) => shown::oauth_client(client, secrets),
        }
    }

    /// Secrets come and go without it: what is replaced has none.
    pub(super) fn version(&self) -> String {
        match self {
            Self::Browser(client) => version::of(client),
            Self::Standard(client, _) => version::of(client),
        }
    }

    pub(super) fn answer(&self, status: StatusCode) -> Response {
        version::answer(status, &self.version(), self.shown())
    }
}

/// There are so few that they fit on one page.
pub(super) async fn list(operator: Operator) -> Result<Response, AdminError> {
    operator.may("clients:read", ALL).await?;
    let browser = operator.store().clients().await?;
    let mut clients: Vec<Value> = browser.iter().map(shown::browser_client).collect();
    for client in operator.store().oauth_clients().await? {
        let secrets = operator.store().client_secrets(&client.client_id).await?;
        clients.push(shown::oauth_client(&client, &secrets));
    }
    Ok(Json(json!({ "clients": clients })).into_response())
}

pub(super) async fn show(operator: Operator<ClientId>) -> Result<Response, AdminError> {
    let id = &operator.named;
    operator.may("clients:read", &resource(id)).await?;
    Ok(Registered::find(operator.store(), id)
        .await?
        .answer(StatusCode::OK))
}

/// Disables or enables. It sets one thing to a value, so no update can be lost by it.
pub(super) async fn change(
    operator: Operator<ClientId>,
    body: Body,
) -> Result<Response, AdminError> {
    let id = &operator.named;
    operator.may("clients:write", &resource(id)).await?;
    let ChangeRequest { disabled } = operator.json(body).await?;
    let set = operator
        .store()
        .set_oauth_client_disabled(id, disabled, operator.by())
        .await?;
    if set == Change::NotFound && operator.store().client(id).await?.is_some() {
        return Err(AdminError::Conflict {
            code: "browser_app",
            detail: "a browser app is taken out of use by removing it".to_owned(),
        });
    }
    done(set)?;
    tracing::info!(by = %operator.client(), client_id = %id, disabled, "client changed");
    Ok(Registered::find(operator.store(), id)
        .await?
        .answer(StatusCode::OK))
}

pub(super) async fn remove(operator: Operator<ClientId>) -> Result<StatusCode, AdminError> {
    let id = &operator.named;
    operator.may("clients:write", &resource(id)).await?;
    if operator.store().remove_client(id, operator.by()).await? == Change::NotFound {
        done(
            operator
                .store()
                .remove_oauth_client(id, operator.by())
                .await?,
        )?;
    }
    tracing::info!(by = %operator.client(), client_id = %id, "client removed");
    Ok(StatusCode::NO_CONTENT)
}

/// Makes a secret; the only answer that ever shows it.
pub(super) async fn add_secret(operator: Operator<ClientId>) -> Result<Response, AdminError> {
    let id = &operator.named;
    operator.may("clients:write", &resource(id)).await?;
    let client = operator
        .store()
        .oauth_client(id)
        .await?
        .ok_or(AdminError::NotFound)?;
    if !has_secrets(&client) {
        return Err(AdminError::Conflict {
            code: "no_secrets",
            detail: format!("the client authenticates with {}", client.authentication),
        });
    }
    let by = operator.by();
    let secret = NewSecret::new(&*operator.app.random, by.at)?;
    let secret_id = secret.stored.id.clone();
    match operator
        .store()
        .add_client_secret(id, secret.stored.clone(), by)
        .await?
    {
        AddSecret::Added => {
            tracing::info!(by = %operator.client(), client_id = %id, %secret_id, "secret added");
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
    operator: Operator<(ClientId, SecretId)>,
) -> Result<StatusCode, AdminError> {
    let (id, secret) = &operator.named;
    operator.may("clients:write", &resource(id)).await?;
    done(
        operator
            .store()
            .remove_client_secret(id, secret, operator.by())
            .await?,
    )?;
    Ok(StatusCode::NO_CONTENT)
}
