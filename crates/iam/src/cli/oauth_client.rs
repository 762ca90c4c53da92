//! `sessionmint client …` for clients of the standard grants: server-side and native apps, services.

use std::fmt;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};
use sessionmint_iam::client_secret::{NewSecret, has_secrets};
use sessionmint_iam::config::Partial;
use sessionmint_iam::random::{self, SystemRandom};
use sessionmint_iam::registration::StandardClient;
use sessionmint_oauth::{
    ClientAuthentication, ClientId, ClientSubject, GrantType, Issuer, OAuthClient, Rotation,
    SecretId, registration,
};
use sessionmint_store::{
    AddOAuthClient, AddSecret, By, Change, MAX_SECRETS, OAuthClients as _, ReplaceOAuthClient,
    SqliteStore,
};

use super::by::by;
use super::client::{Access, no_client, say};
use super::named::changed_meanwhile;
use super::{CliError, output};

/// What only a client of the standard grants has.
#[derive(Args)]
pub(super) struct OAuth {
    /// A grant that it may use: authorization_code, refresh_token, client_credentials, token-exchange; repeat for more
    #[arg(long = "grant", value_name = "GRANT", value_parser = parse_grant)]
    grants: Vec<GrantType>,
    /// How it proves who it is: client_secret_basic, client_secret_post, private_key_jwt, none [default: client_secret_basic]
    #[arg(long = "auth", value_name = "WAY", conflicts_with = "origins")]
    authentication: Option<ClientAuthentication>,
    /// What people read on the consent page [default: its id]
    #[arg(long, conflicts_with = "origins")]
    name: Option<String>,
    /// Where users may be sent back to, exactly; repeat for more
    #[arg(long = "redirect-uri", value_name = "URI", conflicts_with = "origins")]
    redirect_uris: Vec<String>,
    /// Where users may be sent to after a sign-out, exactly; repeat for more
    #[arg(
        long = "post-logout-redirect-uri",
        value_name = "URI",
        conflicts_with = "origins"
    )]
    post_logout_redirect_uris: Vec<String>,
    /// Its public keys, a file with a JWK set: for private_key_jwt
    #[arg(long, value_name = "FILE", conflicts_with_all = ["jwks_uri", "origins"])]
    jwks_file: Option<PathBuf>,
    /// The address of its public keys: for private_key_jwt
    #[arg(long, value_name = "URL", conflicts_with = "origins")]
    jwks_uri: Option<String>,
    /// Whether a use replaces a refresh token: rotate, rotate_near_expiry, none [default: rotate]
    #[arg(
        long = "refresh-rotation",
        value_name = "WHEN",
        conflicts_with = "origins"
    )]
    rotation: Option<Rotation>,
    /// How long a replaced refresh token is answered with the same successor, 0 to 60 [default: 10]
    #[arg(long, value_name = "SECONDS", conflicts_with = "origins")]
    refresh_window: Option<u64>,
    /// After how long without use refresh tokens are over [default: 14 days]
    #[arg(long, value_name = "SECONDS", conflicts_with = "origins")]
    refresh_idle: Option<u64>,
    /// How long after the sign-in refresh tokens are over in any case [default: 90 days]
    #[arg(long, value_name = "SECONDS", conflicts_with = "origins")]
    refresh_absolute: Option<u64>,
    /// Users are not asked for their consent: for apps of your own
    #[arg(long, conflicts_with = "origins")]
    trusted: bool,
}

/// The names of RFC 6749, and a short one for the grant whose name is a URN.
pub(super) fn parse_grant(text: &str) -> Result<GrantType, String> {
    match text {
        "token-exchange" | "token_exchange" => Ok(GrantType::TokenExchange),
        _ => text.parse().map_err(|_| {
            "a grant is authorization_code, refresh_token, client_credentials or token-exchange"
                .to_owned()
        }),
    }
}

/// The keys that a file has.
pub(super) fn read_jwks(file: &Path) -> Result<Value, CliError> {
    let wrong = |error: &dyn fmt::Display| CliError::from(format!("{}: {error}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| wrong(&error))?;
    serde_json::from_str(&text).map_err(|error| wrong(&error))
}

/// Shows it, this once.
fn show_secret(
    secret: &NewSecret,
    client: &ClientId,
    done: &str,
    json: bool,
) -> Result<(), CliError> {
    let id = &secret.stored.id;
    if json {
        return output::json(&json!({
            "client_id": client.as_str(),
            "secret_id": id.as_str(),
            "secret": *secret.text,
        }));
    }
    output::line(done)?;
    output::line(&format!("secret {}", *secret.text))?;
    output::note(&format!(
        "this is the only time that secret `{id}` is shown; only its hash is stored"
    ));
    Ok(())
}

pub(super) async fn add(
    store: &SqliteStore,
    settings: &Partial,
    client_id: ClientId,
    access: Access,
    oauth: OAuth,
    json: bool,
) -> Result<(), CliError> {
    let client = StandardClient {
        name: oauth.name,
        authentication: oauth.authentication,
        jwks: oauth.jwks_file.as_deref().map(read_jwks).transpose()?,
        jwks_uri: oauth.jwks_uri,
        grants: oauth.grants,
        redirect_uris: oauth.redirect_uris,
        post_logout_redirect_uris: oauth.post_logout_redirect_uris,
        resources: access.resources,
        default_resource: access.default_resource,
        scopes: access.scope,
        default_scopes: access.default_scope,
        ttl: Some(access.ttl),
        refresh_rotation: oauth.rotation,
        refresh_window: oauth.refresh_window,
        refresh_idle: oauth.refresh_idle,
        refresh_absolute: oauth.refresh_absolute,
        trusted: oauth.trusted,
    };
    let subject = ClientSubject::from_random(random::bytes(&SystemRandom)?);
    let client = client.client(client_id, subject, is_local(settings))?;
    let by = by();
    let secret = has_secrets(&client)
        .then(|| NewSecret::new(&SystemRandom, by.at))
        .transpose()?;
    let stored = secret.as_ref().map(|secret| secret.stored.clone());
    let id = client.client_id.clone();
    let signs_users_in = client.grants.contains(&GrantType::AuthorizationCode);
    match store.add_oauth_client(client, stored, by).await? {
        AddOAuthClient::Added => {}
        AddOAuthClient::IdTaken => {
            return Err(format!(
                "there is a client `{id}` already; to change it: sessionmint client set {id} …"
            )
            .into());
        }
        AddOAuthClient::BrowserOrigin { uri, client_id } => {
            return Err(on_browser_origin(&uri, &client_id));
        }
    }
    let done = format!("added client `{id}`");
    match secret {
        Some(secret) => show_secret(&secret, &id, &done, json)?,
        None if json => output::json(&json!({ "client_id": id.as_str() }))?,
        None => output::line(&done)?,
    }
    if signs_users_in && !json {
        how_to_sign_in(settings);
    }
    Ok(())
}

/// What the makers of an app need to know next, as far as the configuration is at hand.
fn how_to_sign_in(settings: &Partial) {
    match (&settings.issuer, &settings.authorize) {
        (Some(issuer), Some(_)) => output::note(&format!(
            "its library finds everything at {issuer}/.well-known/openid-configuration; PKCE (S256) is required"
        )),
        (Some(_), None) => output::note(
            "users cannot sign in to it yet: the service has no page for that; set authorize.interaction_url",
        ),
        (None, _) => {}
    }
}

/// What holds for a client as a whole.
pub(super) fn check(settings: &Partial, client: &OAuthClient) -> Result<(), CliError> {
    registration::check(client, is_local(settings))?;
    Ok(())
}

fn is_local(settings: &Partial) -> bool {
    settings.issuer.as_ref().is_some_and(Issuer::is_local)
}

/// Replaces the client `seen`.
pub(super) async fn replace(
    store: &SqliteStore,
    client: OAuthClient,
    seen: OAuthClient,
    json: bool,
) -> Result<(), CliError> {
    let id = client.client_id.clone();
    let needs_secret = has_secrets(&client) && store.client_secrets(&id).await?.is_empty();
    match store.replace_oauth_client(client, Some(seen), by()).await? {
        ReplaceOAuthClient::Replaced => {
            if needs_secret {
                output::note(&format!(
                    "it has no secret yet: sessionmint client rotate-secret {id}"
                ));
            }
            let text = format!("changed client `{id}`; what is issued from now on follows it");
            say(store, json, &id, &text).await
        }
        ReplaceOAuthClient::NotFound => Err(no_client(&id)),
        ReplaceOAuthClient::BrowserOrigin { uri, client_id } => {
            Err(on_browser_origin(&uri, &client_id))
        }
        ReplaceOAuthClient::Conflict => Err(changed_meanwhile()),
    }
}

/// Removes it, if it is one of these.
pub(super) async fn remove(store: &SqliteStore, id: &ClientId) -> Result<Change, CliError> {
    Ok(store.remove_oauth_client(id, by()).await?)
}

pub(super) async fn set_disabled(
    store: &SqliteStore,
    id: &ClientId,
    disabled: bool,
    json: bool,
) -> Result<(), CliError> {
    let text = if disabled {
        format!("disabled client `{id}`; it gets no tokens from now on")
    } else {
        format!("enabled client `{id}`")
    };
    match store.set_oauth_client_disabled(id, disabled, by()).await? {
        Change::Done => say(store, json, id, &text).await,
        Change::NotFound => Err(no_oauth_client(store, id).await),
    }
}

pub(super) async fn rotate_secret(
    store: &SqliteStore,
    id: &ClientId,
    json: bool,
) -> Result<(), CliError> {
    let client = store.oauth_client(id).await?;
    if let Some(client) = client.filter(|client| !has_secrets(client)) {
        return Err(format!(
            "client `{id}` authenticates with {}, it has no secrets",
            client.authentication
        )
        .into());
    }
    let by: By = by();
    let secret = NewSecret::new(&SystemRandom, by.at)?;
    match store.add_client_secret(id, secret.stored.clone(), by).await? {
        AddSecret::Added => {
            let done = format!(
                "added a secret to client `{id}`; the one before is good until it is dropped"
            );
            show_secret(&secret, id, &done, json)
        }
        AddSecret::NotFound => Err(no_oauth_client(store, id).await),
        AddSecret::TooMany => Err(format!(
            "client `{id}` has {MAX_SECRETS} secrets already; drop the one that is out of use first: sessionmint client \
             drop-secret {id} SECRET_ID (see: sessionmint client show {id})"
        )
        .into()),
    }
}

pub(super) async fn drop_secret(
    store: &SqliteStore,
    id: &ClientId,
    secret: &SecretId,
    json: bool,
) -> Result<(), CliError> {
    match store.remove_client_secret(id, secret, by()).await? {
        Change::Done => {
            if store.client_secrets(id).await?.is_empty() {
                output::note(&format!(
                    "it was the last one: client `{id}` can prove who it is no more, until: sessionmint client \
                     rotate-secret {id}"
                ));
            }
            output::done(
                json,
                &json!({ "client_id": id, "secret_id": secret }),
                &format!("dropped secret `{secret}` of client `{id}`"),
            )
        }
        Change::NotFound => Err(format!(
            "client `{id}` has no secret `{secret}`; `sessionmint client show {id}` shows them"
        )
        .into()),
    }
}

fn on_browser_origin(uri: &str, owner: &ClientId) -> CliError {
    format!(
        "{uri} is on an origin of the browser app `{owner}`, whose pages could take what a public client is sent there; use \
         a client with a secret, or another host"
    )
    .into()
}

async fn no_oauth_client(store: &SqliteStore, id: &ClientId) -> CliError {
    use sessionmint_store::Clients as _;
    match store.client(id).await {
        Ok(Some(_)) => format!(
            "client `{id}` is a browser app: it has no secrets, and is taken out of use with: sessionmint client remove {id}"
        )
        .into(),
        _ => no_client(id),
    }
}
