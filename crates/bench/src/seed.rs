//! A database full of live sessions, made by the storage crate's own commands.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Args;
use sessionmint_oauth::{BrowserClient, SessionId, SessionKeyHash, Timestamp, UserId};
use sessionmint_store::{
    By, Clients as _, NewSession, NewUser, Sessions as _, SqliteStore, StartSession, Users as _,
};
use tokio::task::JoinSet;

/// The length of a cookie's value. The file holds the values without anything between them.
pub(crate) const COOKIE_LEN: usize = 43;

/// The name of the database of [`fill_for_count`].
pub(crate) const DATABASE: &str = "iam.db";

const SESSIONS_PER_USER: usize = 10;
/// Writes that wait for one commit.
const AT_ONCE: usize = 1000;

#[derive(Args)]
pub(crate) struct Options {
    /// The database; it is made.
    #[arg(long)]
    database: PathBuf,
    /// How many sessions.
    #[arg(long)]
    sessions: usize,
    /// The file for the cookies' values.
    #[arg(long)]
    cookies: PathBuf,
    /// The origin of the client `web`.
    #[arg(long)]
    origin: String,
    /// What the client asks for.
    #[arg(long)]
    resource: String,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(fill(options))
}

/// A database in `folder`; the cookies' values.
pub(crate) fn fill_for_count(
    folder: &Path,
    sessions: usize,
    origin: &str,
    resource: &str,
) -> Result<String> {
    let options = Options {
        database: folder.join(DATABASE),
        sessions,
        cookies: folder.join("cookies"),
        origin: origin.to_owned(),
        resource: resource.to_owned(),
    };
    run(&options)?;
    Ok(std::fs::read_to_string(&options.cookies)?)
}

async fn fill(options: &Options) -> Result<()> {
    let store = Arc::new(SqliteStore::open(&options.database)?);
    let now = Timestamp::from_millis(crate::wall_millis()?);
    let by = By::service(now);
    store.add_client(client(options)?, by.clone()).await?;
    let mut cookies = std::io::BufWriter::new(
        std::fs::File::create(&options.cookies)
            .with_context(|| options.cookies.display().to_string())?,
    );
    let mut left = options.sessions;
    while left > 0 {
        let count = left.min(AT_ONCE);
        let users = add_users(&store, count.div_ceil(SESSIONS_PER_USER), &by).await?;
        let mut starts = JoinSet::new();
        for user in users.iter().cycle().take(count) {
            let value = URL_SAFE_NO_PAD.encode(crate::random::<32>()?);
            cookies.write_all(value.as_bytes())?;
            let session = session(&value, user, now)?;
            let (store, by) = (Arc::clone(&store), by.clone());
            starts.spawn(async move { store.start_session(session, None, 20, by).await });
        }
        while let Some(started) = starts.join_next().await {
            if !matches!(started??, StartSession::Started { evicted: 0 }) {
                bail!("a session did not start");
            }
        }
        left -= count;
    }
    cookies.flush()?;
    Ok(())
}

fn client(options: &Options) -> Result<BrowserClient> {
    Ok(BrowserClient {
        client_id: "web".parse()?,
        origins: vec![options.origin.clone()],
        default_resource: options.resource.clone(),
        resources: vec![options.resource.clone()],
        scopes: "account notes:read notes:write".parse()?,
        default_scopes: "notes:read notes:write".parse()?,
        ttl: 300,
    })
}

async fn add_users(store: &SqliteStore, count: usize, by: &By) -> Result<Vec<UserId>> {
    let mut ids = Vec::with_capacity(count);
    let mut users = Vec::with_capacity(count);
    for _ in 0..count {
        let id = UserId::from_random(crate::random()?);
        ids.push(id.clone());
        users.push(NewUser {
            username: id.to_string(),
            id,
            password_hash: None,
            scopes: None,
            disabled_at: None,
            created_at: by.at,
        });
    }
    store.add_users(users, by.clone()).await?;
    Ok(ids)
}

fn session(value: &str, user: &UserId, now: Timestamp) -> Result<NewSession> {
    let mut key_hash = [0; 32];
    key_hash.copy_from_slice(
        aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, value.as_bytes()).as_ref(),
    );
    Ok(NewSession {
        key_hash: SessionKeyHash(key_hash),
        id: SessionId::from_random(crate::random()?),
        user_id: user.clone(),
        client_id: "web".parse()?,
        now,
        absolute_end: now.plus_secs(86_400),
        persistent: false,
        user_agent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36".to_owned(),
        password_hash: None,
    })
}
