//! `sessionmint client …`.

use clap::{Args, Subcommand};
use serde_json::json;
use sessionmint_iam::config::Partial;
use sessionmint_oauth::session_grant::TTL_SECS;
use sessionmint_oauth::{BrowserClient, ClientId, Scope};
use sessionmint_store::{AddClient, Change, Clients as _, ReplaceClient, SqliteStore};

use super::by::by;
use super::client_edit::Set;
use super::origin::{cross_site, parse_origin, parse_resource};
use super::store::{Missing, block_on, open};
use super::{CliError, Common, output};

#[derive(Subcommand)]
pub(super) enum Client {
    /// Add a browser app
    #[command(
        after_help = "Example:\n  sessionmint client add web --origin https://ui.example.com \\\n    --resource https://api.example.com --resource https://api.example.com/iam \\\n    --scope \"account notes:read notes:write\" --default-scope \"notes:read notes:write\" --config sessionmint.toml"
    )]
    Add(Add),
    /// Change a browser app; what is not named stays
    #[command(
        after_help = "Example:\n  sessionmint client set web --ttl 60 --add-origin https://beta.example.com --config sessionmint.toml"
    )]
    Set(Set),
    /// Remove a browser app; its pages can mint no more
    Remove(Id),
    /// List the browser apps
    List(List),
}

#[derive(Args)]
pub(super) struct Add {
    /// Its id, the `client_id` of its tokens: 1 to 64 letters, digits, `.`, `_`, `-`
    id: ClientId,
    /// An origin of its pages, e.g. `https://ui.example.com`; repeat for more
    #[arg(long = "origin", value_name = "ORIGIN", required = true, value_parser = parse_origin)]
    origins: Vec<String>,
    /// An audience that it may ask for, the address of an API; repeat for more
    #[arg(long = "resource", value_name = "URL", required = true, value_parser = parse_resource)]
    resources: Vec<String>,
    /// The audience when it names none [default: the first --resource]
    #[arg(long, value_name = "URL", value_parser = parse_resource)]
    default_resource: Option<String>,
    /// All scopes that it may ask for, separated by spaces
    #[arg(long)]
    scope: Scope,
    /// The scopes when it names none [default: all of --scope]
    #[arg(long, value_name = "SCOPE")]
    default_scope: Option<Scope>,
    /// Lifetime of its access tokens, 5 to 300
    #[arg(long, value_name = "SECONDS", default_value_t = *TTL_SECS.end(), value_parser = clap::value_parser!(u64).range(TTL_SECS))]
    ttl: u64,
}

#[derive(Args)]
pub(super) struct Id {
    /// The client's id
    id: ClientId,
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
                Self::Remove(Id { id }) => match store.remove_client(&id, by()).await? {
                    Change::Done => output::line(&format!(
                        "removed client `{id}`; its pages can mint no more"
                    )),
                    Change::NotFound => Err(no_client(&id)),
                },
                Self::List(List { json }) => list(&store, json).await,
            }
        })
    }
}

async fn add_client(store: &SqliteStore, settings: &Partial, add: Add) -> Result<(), CliError> {
    let first = add.resources.first().cloned().unwrap_or_default();
    let client = BrowserClient {
        client_id: add.id,
        origins: distinct(add.origins),
        default_resource: add.default_resource.unwrap_or(first),
        resources: distinct(add.resources),
        default_scopes: add.default_scope.unwrap_or_else(|| add.scope.clone()),
        scopes: add.scope,
        ttl: add.ttl,
    };
    check(settings, &client)?;
    let id = client.client_id.clone();
    match store.add_client(client, by()).await? {
        AddClient::Added => output::line(&format!("added client `{id}`")),
        AddClient::IdTaken => Err(format!(
            "there is a client `{id}` already; to change it: sessionmint client set {id} …"
        )
        .into()),
        AddClient::OriginTaken { origin, client_id } => Err(origin_taken(&origin, &client_id)),
    }
}

async fn set_client(store: &SqliteStore, settings: &Partial, set: Set) -> Result<(), CliError> {
    let id = set.id.clone();
    let current = store.client(&id).await?.ok_or_else(|| no_client(&id))?;
    let changed = set.apply(current)?;
    check(settings, &changed)?;
    match store.replace_client(changed, by()).await? {
        ReplaceClient::Replaced => output::line(&format!(
            "changed client `{id}`; what is minted from now on follows it"
        )),
        ReplaceClient::NotFound => Err(no_client(&id)),
        ReplaceClient::OriginTaken { origin, client_id } => Err(origin_taken(&origin, &client_id)),
    }
}

/// What holds for a client as a whole.
pub(super) fn check(settings: &Partial, client: &BrowserClient) -> Result<(), CliError> {
    if client.origins.is_empty() {
        return Err(format!(
            "a client has at least one origin; to take it out of use: sessionmint client remove {}",
            client.client_id
        )
        .into());
    }
    if !client.resources.contains(&client.default_resource) {
        return Err(format!(
            "the default resource {} is not among its resources ({}); add it with `--resource`, or choose another with `--default-resource`",
            client.default_resource,
            client.resources.join(", ")
        )
        .into());
    }
    if !client.default_scopes.is_subset(&client.scopes) {
        let beyond: Vec<&str> = client
            .default_scopes
            .iter()
            .filter(|token| !client.scopes.contains(token))
            .collect();
        return Err(format!(
            "the default scopes go beyond the scopes of the client: {}; add them to `--scope`",
            beyond.join(" ")
        )
        .into());
    }
    match &settings.issuer {
        Some(issuer) => {
            if client
                .origins
                .iter()
                .any(|origin| origin == issuer.origin())
            {
                return Err(format!(
                    "{} is the origin of the service itself: a script anywhere on that host could mint; serve the app \
                     from a host of its own, e.g. https://ui.example.com beside https://api.example.com",
                    issuer.origin()
                )
                .into());
            }
            for warning in client
                .origins
                .iter()
                .filter_map(|origin| cross_site(issuer, origin))
            {
                output::note(&warning);
            }
        }
        None => output::note(
            "no issuer is configured here, so it was not checked that the origins belong to the service's site; give \
             `--config FILE` as for `serve`",
        ),
    }
    Ok(())
}

fn no_client(id: &ClientId) -> CliError {
    format!("there is no client `{id}`; `sessionmint client list` shows them").into()
}

pub(super) fn origin_taken(origin: &str, client_id: &ClientId) -> CliError {
    format!(
        "{origin} belongs to client `{client_id}` already, and an origin belongs to one client only; to free it: \
         sessionmint client set {client_id} --remove-origin {origin}"
    )
    .into()
}

/// Without repetitions, in the order given.
fn distinct(values: Vec<String>) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    values
        .into_iter()
        .filter(|value| seen.insert(value.clone()))
        .collect()
}

async fn list(store: &SqliteStore, json: bool) -> Result<(), CliError> {
    let clients = store.clients().await?;
    if json {
        let clients: Vec<_> = clients
            .iter()
            .map(|client| {
                json!({
                    "client_id": client.client_id.as_str(),
                    "origins": client.origins,
                    "default_resource": client.default_resource,
                    "resources": client.resources,
                    "scopes": client.scopes.to_string(),
                    "default_scopes": client.default_scopes.to_string(),
                    "ttl": client.ttl,
                })
            })
            .collect();
        return output::json(&clients.into());
    }
    let rows: Vec<_> = clients
        .into_iter()
        .map(|client| {
            [
                client.client_id.to_string(),
                client.origins.join(" "),
                client.resources.join(" "),
                client.scopes.to_string(),
                client.ttl.to_string(),
            ]
        })
        .collect();
    output::table(["ID", "ORIGINS", "RESOURCES", "SCOPES", "TTL"], &rows)
}
