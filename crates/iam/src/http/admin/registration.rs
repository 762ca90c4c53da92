//! Clients of both kinds: register, and replace. The rules are those of the command line.

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use sessionmint_oauth::registration::cross_site;
use sessionmint_oauth::{BrowserClient, ClientId, ClientSubject, OAuthClient};
use sessionmint_store::{AddClient, AddOAuthClient, ReplaceClient, ReplaceOAuthClient};

use super::Operator;
use super::clients::{ALL, Registered, resource};
use super::error::AdminError;
use super::version::{answer, unchanged};
use crate::client_secret::{NewSecret, has_secrets};
use crate::random;
use crate::registration::{BrowserApp, StandardClient};

/// Members of a client that are shown and not replaced.
const KEPT: [&str; 5] = ["kind", "client_id", "subject", "secrets", "disabled_at"];

pub(super) async fn add(operator: Operator, body: Body) -> Result<Response, AdminError> {
    operator.may("clients:write", ALL).await?;
    let mut asked: Map<String, Value> = operator.json(body).await?;
    let text = |value: Option<Value>| value.as_ref().and_then(Value::as_str).map(str::to_owned);
    let id = text(asked.remove("client_id")).unwrap_or_default();
    let id: ClientId = id
        .parse()
        .map_err(|error| AdminError::field("client_id", format!("{error}")))?;
    match text(asked.remove("kind")).as_deref() {
        Some("browser") => add_browser(operator, id, read(asked)?).await,
        Some("oauth") => add_standard(operator, id, read(asked)?).await,
        _ => Err(AdminError::field(
            "kind",
            "the kind is `browser` (a browser app) or `oauth` (a client of the standard grants)",
        )),
    }
}

/// Puts another in the place of the one that was read; its id, subject and secrets stay, and whether it is disabled.
pub(super) async fn replace(
    operator: Operator<ClientId>,
    body: Body,
) -> Result<Response, AdminError> {
    let id = operator.named.clone();
    operator.may("clients:write", &resource(&id)).await?;
    let mut asked: Map<String, Value> = operator.json(body).await?;
    let stored = Registered::find(operator.store(), &id).await?;
    unchanged(&operator.headers, &stored.version())?;
    let shown = stored.shown();
    for name in KEPT {
        // Who sends back what was shown may leave it in.
        let said = asked.remove(name);
        if said.is_some() && said.as_ref() != shown.get(name) {
            let why = "this does not change it; leave it out, or as it is shown";
            return Err(AdminError::field(name, why));
        }
    }
    match stored {
        Registered::Browser(seen) => replace_browser(operator, seen, read(asked)?).await,
        Registered::Standard(seen, _) => replace_standard(operator, *seen, read(asked)?).await,
    }
}

/// What the body says, or which member of it is wrong.
fn read<T: DeserializeOwned>(asked: Map<String, Value>) -> Result<T, AdminError> {
    serde_path_to_error::deserialize(Value::Object(asked)).map_err(|error| {
        let path = error.path().to_string();
        match path.as_str() {
            // It has a member too many, and says which.
            "." => AdminError::Invalid(error.into_inner().to_string()),
            _ => AdminError::field(path, error.into_inner().to_string()),
        }
    })
}

async fn add_browser(
    operator: Operator,
    id: ClientId,
    asked: BrowserApp,
) -> Result<Response, AdminError> {
    let client = asked.client(id, Some(&operator.app.config.issuer))?;
    match operator
        .store()
        .add_client(client.clone(), operator.by())
        .await?
    {
        AddClient::Added => {
            let client_id = &client.client_id;
            tracing::info!(by = %operator.client(), %client_id, "client added");
            Ok(browser(&operator, StatusCode::CREATED, client))
        }
        AddClient::IdTaken => Err(id_taken()),
        AddClient::OriginTaken { origin, client_id } => Err(origin_taken(&origin, &client_id)),
        AddClient::RedirectedTo { origin, client_id } => Err(redirected_to(&origin, &client_id)),
    }
}

async fn replace_browser(
    operator: Operator<ClientId>,
    seen: BrowserClient,
    asked: BrowserApp,
) -> Result<Response, AdminError> {
    let client = asked.client(seen.client_id.clone(), Some(&operator.app.config.issuer))?;
    match operator
        .store()
        .replace_client(client.clone(), Some(seen), operator.by())
        .await?
    {
        ReplaceClient::Replaced => {
            let client_id = &client.client_id;
            tracing::info!(by = %operator.client(), %client_id, "client changed");
            Ok(browser(&operator, StatusCode::OK, client))
        }
        ReplaceClient::NotFound => Err(AdminError::NotFound),
        ReplaceClient::Conflict => Err(AdminError::Changed),
        ReplaceClient::OriginTaken { origin, client_id } => Err(origin_taken(&origin, &client_id)),
        ReplaceClient::RedirectedTo { origin, client_id } => {
            Err(redirected_to(&origin, &client_id))
        }
    }
}

/// The app as it is now, with what is allowed and will not work.
fn browser<T>(operator: &Operator<T>, status: StatusCode, client: BrowserClient) -> Response {
    let issuer = &operator.app.config.issuer;
    let origins = client.origins.iter();
    let warnings: Vec<_> = origins
        .filter_map(|origin| cross_site(issuer, origin))
        .collect();
    let client = Registered::Browser(client);
    let body = and(client.shown(), [("warnings", warnings.into())]);
    answer(status, &client.version(), body)
}

/// The only answer that ever shows its secret, if it has one.
async fn add_standard(
    operator: Operator,
    id: ClientId,
    asked: StandardClient,
) -> Result<Response, AdminError> {
    let subject = ClientSubject::from_random(random::bytes(&*operator.app.random)?);
    let client = asked.client(id, subject, operator.app.config.issuer.is_local())?;
    let by = operator.by();
    let secret = has_secrets(&client)
        .then(|| NewSecret::new(&*operator.app.random, by.at))
        .transpose()?;
    let stored = secret.as_ref().map(|secret| secret.stored.clone());
    match operator
        .store()
        .add_oauth_client(client.clone(), stored.clone(), by)
        .await?
    {
        AddOAuthClient::Added => {
            let client_id = &client.client_id;
            tracing::info!(by = %operator.client(), %client_id, "client added");
            let client = Registered::Standard(Box::new(client), stored.into_iter().collect());
            let mut body = client.shown();
            if let Some(NewSecret { text, stored }) = secret {
                let more = [("secret_id", stored.id.as_str()), ("secret", &text)];
                body = and(body, more.map(|(name, value)| (name, value.into())));
            }
            Ok(answer(StatusCode::CREATED, &client.version(), body))
        }
        AddOAuthClient::IdTaken => Err(id_taken()),
        AddOAuthClient::BrowserOrigin { uri, client_id } => {
            Err(on_browser_origin(&uri, &client_id))
        }
    }
}

async fn replace_standard(
    operator: Operator<ClientId>,
    seen: OAuthClient,
    asked: StandardClient,
) -> Result<Response, AdminError> {
    let (id, subject) = (seen.client_id.clone(), seen.subject.clone());
    let client = OAuthClient {
        disabled_at: seen.disabled_at,
        ..asked.client(id, subject, operator.app.config.issuer.is_local())?
    };
    match operator
        .store()
        .replace_oauth_client(client.clone(), Some(seen), operator.by())
        .await?
    {
        ReplaceOAuthClient::Replaced => {
            let client_id = &client.client_id;
            tracing::info!(by = %operator.client(), %client_id, "client changed");
            let secrets = operator.store().client_secrets(client_id).await?;
            Ok(Registered::Standard(Box::new(client), secrets).answer(StatusCode::OK))
        }
        ReplaceOAuthClient::NotFound => Err(AdminError::NotFound),
        ReplaceOAuthClient::Conflict => Err(AdminError::Changed),
        ReplaceOAuthClient::BrowserOrigin { uri, client_id } => {
            Err(on_browser_origin(&uri, &client_id))
        }
    }
}

/// An object with more members.
fn and<const N: usize>(mut object: Value, more: [(&str, Value); N]) -> Value {
    if let Some(members) = object.as_object_mut() {
        members.extend(more.map(|(name, value)| (name.to_owned(), value)));
    }
    object
}

fn id_taken() -> AdminError {
    AdminError::taken("there is a client of that id already")
}

fn origin_taken(origin: &str, owner: &ClientId) -> AdminError {
    AdminError::Conflict {
        code: "origin_taken",
        detail: format!(
            "{origin} belongs to the client `{owner}`, and an origin belongs to one only"
        ),
    }
}

fn redirected_to(origin: &str, client: &ClientId) -> AdminError {
    AdminError::Conflict {
        code: "redirected_to",
        detail: format!(
            "the public client `{client}` has users sent to {origin}, where pages of a browser app could take what is meant \
             for it"
        ),
    }
}

fn on_browser_origin(uri: &str, owner: &ClientId) -> AdminError {
    AdminError::Conflict {
        code: "browser_origin",
        detail: format!(
            "{uri} is on an origin of the browser app `{owner}`, whose pages could take what a public client is sent there; \
             use a client with a secret, or another host"
        ),
    }
}
