//! A database full of grants whose refresh tokens were never used, made by the storage crate's own commands.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use sessionmint_iam::config::{Database, KeysConfig};
use sessionmint_iam::keys::SigningKeys;
use sessionmint_iam::renewal;
use sessionmint_oauth::{
    Algorithm, ClientAuthentication, ClientSubject, GrantId, GrantType, OAuthClient, RefreshPolicy,
    RefreshToken, SecretId, Timestamp, UserId,
};
use sessionmint_store::{
    By, ClientSecret, Grants as _, NewGrant, NewUser, OAuthClients as _, SqliteStore, StartGrant,
    Users as _,
};
use tokio::task::JoinSet;

use crate::tokens::Alg;

/// Writes that wait for one commit.
const AT_ONCE: usize = 1000;

#[derive(Args)]
pub(crate) struct Options {
    /// The database; it is made.
    #[arg(long)]
    database: PathBuf,
    /// How many grants.
    #[arg(long)]
    grants: usize,
    /// What signs: the service's setting, for the first key is made here.
    #[arg(long)]
    algorithm: Alg,
    /// The file for the refresh tokens, one a line.
    #[arg(long)]
    tokens: PathBuf,
    /// The secret of the client `server`.
    #[arg(long)]
    secret: String,
    /// What the grants are for; may be given more than once.
    #[arg(long, required = true)]
    resource: Vec<String>,
    /// How long a replaced token is answered with its successor, in seconds.
    #[arg(long)]
    window: Option<u64>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(fill(options))
}

async fn fill(options: &Options) -> Result<()> {
    let store = Arc::new(SqliteStore::open(&options.database)?);
    let by = By::service(Timestamp::from_millis(crate::wall_millis()?));
    let (config, database) = (
        KeysConfig {
            algorithm: match options.algorithm {
                Alg::ES256 => Algorithm::Es256,
                Alg::EdDSA => Algorithm::EdDsa,
            },
            ..KeysConfig::default()
        },
        Database::Sqlite(options.database.clone()),
    );
    let keys = SigningKeys::open(&config, &database, &*store, &by).await?;
    let keys = keys.for_refresh_tokens();
    let user = UserId::from_random(crate::random()?);
    let new = NewUser {
        id: user.clone(),
        username: "ada".to_owned(),
        password_hash: None,
        scopes: None,
        disabled_at: None,
        created_at: by.at,
    };
    store.add_user(new, by.clone()).await?;
    let client = client(options)?;
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, options.secret.as_bytes());
    let secret = ClientSecret {
        id: SecretId::from_random(crate::random()?),
        hash: hash.as_ref().try_into()?,
        created_at: by.at,
    };
    store
        .add_oauth_client(client.clone(), Some(secret), by.clone())
        .await?;
    let mut tokens = std::io::BufWriter::new(std::fs::File::create(&options.tokens)?);
    let mut left = options.grants;
    while left > 0 {
        let mut starts = JoinSet::new();
        for _ in 0..left.min(AT_ONCE) {
            let id = GrantId::from_random(crate::random()?);
            let token = RefreshToken::first(&id, crate::random()?, keys.newest(), &*keys)?;
            writeln!(tokens, "{}", token.as_str())?;
            let grant = new_grant(&client, &user, id, &token, by.at);
            let (store, by) = (Arc::clone(&store), by.clone());
            starts.spawn(async move { store.start_grant(grant, by).await });
        }
        left -= starts.len();
        while let Some(started) = starts.join_next().await {
            if started?? != StartGrant::Started {
                bail!("a grant did not start");
            }
        }
    }
    tokens.flush()?;
    Ok(())
}

fn new_grant(
    client: &OAuthClient,
    user: &UserId,
    id: GrantId,
    token: &RefreshToken,
    now: Timestamp,
) -> NewGrant {
    NewGrant {
        id,
        client_id: client.client_id.clone(),
        user_id: user.clone(),
        session_id: None,
        scopes: client.scopes.clone(),
        resources: client.resources.clone(),
        auth_time: now,
        refresh_token: Some(renewal::hash(token)),
        absolute_end: now.plus_secs(client.refresh.absolute_secs),
        idle_end: now.plus_secs(client.refresh.idle_secs),
    }
}

fn client(options: &Options) -> Result<OAuthClient> {
    let policy = RefreshPolicy::default();
    Ok(OAuthClient {
        client_id: "server".parse()?,
        subject: ClientSubject::from_random(crate::random()?),
        name: "The server".to_owned(),
        authentication: ClientAuthentication::ClientSecretBasic,
        keys: None,
        grants: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
        redirect_uris: vec!["https://server.example.com/callback".to_owned()],
        post_logout_redirect_uris: Vec::new(),
        default_resource: options.resource.first().context("no resource")?.clone(),
        resources: options.resource.clone(),
        scopes: "notes:read notes:write".parse()?,
        default_scopes: "notes:read".parse()?,
        ttl: 300,
        refresh: RefreshPolicy {
            window_secs: options.window.unwrap_or(policy.window_secs),
            ..policy
        },
        trusted: false,
        disabled_at: None,
    })
}
