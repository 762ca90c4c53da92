//! `sessionmint client …`: the commands, and what they do for browser apps. For other clients that is in `oauth_client`.

use clap::{ArgGroup, Args, Subcommand};
use serde_json::{Value, json};
use sessionmint_iam::config::Partial;
use sessionmint_iam::registration::BrowserApp;
use sessionmint_iam::shown;
use sessionmint_oauth::session_grant::TTL_SECS;
use sessionmint_oauth::{BrowserClient, ClientId, Scope, SecretId, registration};
use sessionmint_store::{
    AddClient, Change, Clients as _, OAuthClients as _, ReplaceClient, SqliteStore,
};

use super::by::by;
use super::client_edit::Set;
use super::named::changed_meanwhile;
use super::oauth_client::{self, OAuth};
use super::origin::{parse_origin, parse_resource};
use super::store::{Missing, block_on, open};
use super::{CliError, Common, output};

#[derive(Subcommand)]
pub(super) enum Client {
    /// Add a browser app (--origin) or a client of the standard grants (--grant)
    #[command(after_help = ADD_EXAMPLES)]
    Add(Add),
    /// Change a client; what is not named stays
    #[command(
        after_help = "Example:\n  sessionmint client set web --ttl 60 --add-origin https://beta.example.com --config sessionmint.toml"
    )]
    Set(Set),
    /// Remove a client; it gets no tokens any more
    Remove(Id),
    /// List the clients
    List(List),
    /// Show one client
    Show(Id),
    /// Give a client one more secret, to replace the one that it has
    RotateSecret(Id),
    /// Take a secret from a client
    DropSecret(DropSecret),
    /// Refuse a client of the standard grants every token, until it is enabled again
    Disable(Id),
    /// Let a disabled client get tokens again
    Enable(Id),
}

const ADD_EXAMPLES: &str = "\
Examples:
  A browser app:
    sessionmint client add web --origin https://ui.example.com \\
      --resource https://api.example.com --resource https://api.example.com/iam \\
      --scope \"account notes:read notes:write\" --default-scope \"notes:read notes:write\" --config sessionmint.toml

  A server-side app that signs users in, and one on users' machines that listens on a free port:
    sessionmint client add shop --name \"The Shop\" --grant authorization_code --grant refresh_token \\
      --redirect-uri https://shop.example.org/callback \\
      --resource https://api.example.com --scope \"openid profile offline_access notes:read\" --config sessionmint.toml
    sessionmint client add desktop --grant authorization_code --grant refresh_token --auth none \\
      --redirect-uri http://127.0.0.1/callback \\
      --resource https://api.example.com --scope \"openid offline_access notes:read\" --config sessionmint.toml

  A service that acts for itself; its secret is shown once:
    sessionmint client add worker --grant client_credentials \\
      --resource https://api.example.com --scope notes:read --config sessionmint.toml";

#[derive(Args)]
#[command(group = ArgGroup::new("kind").required(true).args(["origins", "grants"]))]
pub(super) struct Add {
    /// Its id, the `client_id` of its tokens: 1 to 64 letters, digits, `.`, `_`, `-`
    id: ClientId,
    /// Of a browser app: an origin of its pages, e.g. `https://ui.example.com`; repeat for more
    #[arg(long = "origin", value_name = "ORIGIN", value_parser = parse_origin)]
    origins: Vec<String>,
    #[command(flatten)]
    access: Access,
    #[command(flatten)]
    oauth: OAuth,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What every client has.
#[derive(Args)]
pub(super) struct Access {
    /// An audience that it may ask for, the address of an API; repeat for more
    #[arg(long = "resource", value_name = "URL", required = true, value_parser = parse_resource)]
    pub(super) resources: Vec<String>,
    /// The audience when it names none [default: the first --resource]
    #[arg(long, value_name = "URL", value_parser = parse_resource)]
    pub(super) default_resource: Option<String>,
    /// All scopes that it may ask for, separated by spaces
    #[arg(long)]
    pub(super) scope: Scope,
    /// The scopes when it names none [default: all of --scope]
    #[arg(long, value_name = "SCOPE")]
    pub(super) default_scope: Option<Scope>,
    /// Lifetime of its access tokens, 5 to 300
    #[arg(long, value_name = "SECONDS", default_value_t = *TTL_SECS.end(), value_parser = clap::value_parser!(u64).range(TTL_SECS))]
    pub(super) ttl: u64,
}

#[derive(Args)]
pub(super) struct Id {
    /// The client's id
    id: ClientId,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct DropSecret {
    /// The client's id
    id: ClientId,
    /// The secret's id, as `client show` has it
    secret: SecretId,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct List {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Client {
    pub(super) fn run(self, common: &Common) -> Result<(), CliError> {
        let missing = if matches!(self, Self::Add(_)) {
            Missing::Create
        } else {
            Missing::Refuse
        };
        let (settings, store) = open(common, missing)?;
        block_on(async {
            match self {
                Self::Add(add) => add_client(&store, &settings, add).await,
                Self::Set(set) => set_client(&store, &settings, set).await,
                Self::Remove(Id { id, json }) => remove(&store, &id, json).await,
                Self::List(List { json }) => list(&store, json).await,
                Self::Show(Id { id, json }) => show(&store, &id, json).await,
                Self::RotateSecret(Id { id, json }) => {
                    oauth_client::rotate_secret(&store, &id, json).await
                }
                Self::DropSecret(DropSecret { id, secret, json }) => {
                    oauth_client::drop_secret(&store, &id, &secret, json).await
                }
                Self::Disable(Id { id, json }) => {
                    oauth_client::set_disabled(&store, &id, true, json).await
                }
                Self::Enable(Id { id, json }) => {
                    oauth_client::set_disabled(&store, &id, false, json).await
                }
            }
        })
    }
}

async fn add_client(store: &SqliteStore, settings: &Partial, add: Add) -> Result<(), CliError> {
    let Add {
        id,
        origins,
        access,
        oauth,
        json,
    } = add;
    if origins.is_empty() {
        return oauth_client::add(store, settings, id, access, oauth, json).await;
    }
    let app = BrowserApp {
        origins,
        resources: access.resources,
        default_resource: access.default_resource,
        scopes: access.scope,
        default_scopes: access.default_scope,
        ttl: Some(access.ttl),
    };
    let client = app.client(id, settings.issuer.as_ref())?;
    remark(settings, &client);
    let id = client.client_id.clone();
    match store.add_client(client, by()).await? {
        AddClient::Added if json => output::json(&json!({ "client_id": id.as_str() })),
        AddClient::Added => output::line(&format!("added client `{id}`")),
        AddClient::IdTaken => Err(format!(
            "there is a client `{id}` already; to change it: sessionmint client set {id} …"
        )
        .into()),
        AddClient::OriginTaken { origin, client_id } => Err(origin_taken(&origin, &client_id)),
        AddClient::RedirectedTo { origin, client_id } => Err(redirected_to(&origin, &client_id)),
    }
}

async fn set_client(store: &SqliteStore, settings: &Partial, set: Set) -> Result<(), CliError> {
    let (id, json) = (set.id.clone(), set.json);
    let Some(current) = store.client(&id).await? else {
        let current = store
            .oauth_client(&id)
            .await?
            .ok_or_else(|| no_client(&id))?;
        let changed = set.apply_to_oauth(current.clone())?;
        oauth_client::check(settings, &changed)?;
        return oauth_client::replace(store, changed, current, json).await;
    };
    let changed = set.apply(current.clone())?;
    check(settings, &changed)?;
    match store.replace_client(changed, Some(current), by()).await? {
        ReplaceClient::Replaced => {
            let text = format!("changed client `{id}`; what is minted from now on follows it");
            say(store, json, &id, &text).await
        }
        ReplaceClient::NotFound => Err(no_client(&id)),
        ReplaceClient::OriginTaken { origin, client_id } => Err(origin_taken(&origin, &client_id)),
        ReplaceClient::RedirectedTo { origin, client_id } => {
            Err(redirected_to(&origin, &client_id))
        }
        ReplaceClient::Conflict => Err(changed_meanwhile()),
    }
}

/// Holds a browser app to the rules, and remarks on what is allowed and will not work.
pub(super) fn check(settings: &Partial, client: &BrowserClient) -> Result<(), CliError> {
    registration::check_browser(client, settings.issuer.as_ref())?;
    remark(settings, client);
    Ok(())
}

fn remark(settings: &Partial, client: &BrowserClient) {
    let Some(issuer) = &settings.issuer else {
        return output::note(
            "no issuer is configured here, so it was not checked that the origins belong to the service's site; give \
             `--config FILE` as for `serve`",
        );
    };
    for warning in client
        .origins
        .iter()
        .filter_map(|origin| registration::cross_site(issuer, origin))
    {
        output::note(&warning);
    }
}

async fn remove(store: &SqliteStore, id: &ClientId, json: bool) -> Result<(), CliError> {
    let what = if store.remove_client(id, by()).await? == Change::Done {
        "its pages can mint no more"
    } else if oauth_client::remove(store, id).await? == Change::Done {
        "it gets no tokens any more"
    } else {
        return Err(no_client(id));
    };
    let text = format!("removed client `{id}`; {what}");
    output::done(json, &json!({ "client_id": id }), &text)
}

/// Says that it is done: how the client is now for programs, `text` for people.
pub(super) async fn say(
    store: &SqliteStore,
    json: bool,
    id: &ClientId,
    text: &str,
) -> Result<(), CliError> {
    if json {
        return output::json(&shown(store, id).await?);
    }
    output::line(text)
}

/// A client of either kind, as it is shown.
async fn shown(store: &SqliteStore, id: &ClientId) -> Result<Value, CliError> {
    match (store.client(id).await?, store.oauth_client(id).await?) {
        (Some(client), _) => Ok(shown::browser_client(&client)),
        (None, Some(client)) => {
            let secrets = store.client_secrets(id).await?;
            Ok(shown::oauth_client(&client, &secrets))
        }
        (None, None) => Err(no_client(id)),
    }
}

pub(super) fn no_client(id: &ClientId) -> CliError {
    format!("there is no client `{id}`; `sessionmint client list` shows them").into()
}

pub(super) fn origin_taken(origin: &str, client_id: &ClientId) -> CliError {
    format!(
        "{origin} belongs to client `{client_id}` already, and an origin belongs to one client only; to free it: \
         sessionmint client set {client_id} --remove-origin {origin}"
    )
    .into()
}

pub(super) fn redirected_to(origin: &str, client_id: &ClientId) -> CliError {
    format!(
        "the public client `{client_id}` has users sent to {origin}, where pages of a browser app could take what is meant \
         for it; see: sessionmint client show {client_id}"
    )
    .into()
}

async fn list(store: &SqliteStore, json: bool) -> Result<(), CliError> {
    let browser = store.clients().await?;
    let oauth = store.oauth_clients().await?;
    if json {
        let mut clients: Vec<_> = browser.iter().map(shown::browser_client).collect();
        for client in &oauth {
            let secrets = store.client_secrets(&client.client_id).await?;
            clients.push(shown::oauth_client(client, &secrets));
        }
        return output::json(&clients.into());
    }
    let mut rows: Vec<_> = browser
        .into_iter()
        .map(|client| {
            [
                client.client_id.to_string(),
                "session".to_owned(),
                client.origins.join(" "),
                client.resources.join(" "),
                client.scopes.to_string(),
                client.ttl.to_string(),
            ]
        })
        .collect();
    rows.extend(oauth.into_iter().map(|client| {
        let grants: Vec<_> = client.grants.iter().map(ToString::to_string).collect();
        let disabled = if client.disabled_at.is_some() {
            " (disabled)"
        } else {
            ""
        };
        [
            format!("{}{disabled}", client.client_id),
            grants.join(" "),
            client.redirect_uris.join(" "),
            client.resources.join(" "),
            client.scopes.to_string(),
            client.ttl.to_string(),
        ]
    }));
    let head = [
        "ID",
        "GRANTS",
        "ORIGINS OR REDIRECT URIS",
        "RESOURCES",
        "SCOPES",
        "TTL",
    ];
    output::table(head, &rows)
}

async fn show(store: &SqliteStore, id: &ClientId, json: bool) -> Result<(), CliError> {
    let object = shown(store, id).await?;
    if json {
        return output::json(&object);
    }
    let text = |value: &Value| match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(values) => {
            let values = values.iter().map(|value| {
                value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned)
            });
            values.collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    };
    let members = object.as_object().into_iter().flatten();
    let rows: Vec<_> = members
        .map(|(name, value)| [name.clone(), text(value)])
        .collect();
    output::table(["WHAT", "VALUE"], &rows)
}
