//! `sessionmint serve --dev`: a frontend developer's first minute. Nothing to set up, nothing reachable from elsewhere.
//!
//! The data is in [`FOLDER`] below the current one, so that each project has its own and deleting it starts over.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use clap::Args;
use secrecy::{ExposeSecret as _, SecretString};
use sessionmint_iam::config::{Database, Partial};
use sessionmint_iam::login::Hasher;
use sessionmint_iam::serve::{Ended, listen as bind, start};
use sessionmint_iam::{Clock as _, Random as _, SystemClock, SystemRandom, random};
use sessionmint_oauth::session_grant::TTL_SECS;
use sessionmint_oauth::{BrowserClient, ClientId, Issuer, Scope, UserId};
use sessionmint_store::{
    AddClient, AddUser, Clients as _, NewUser, ReplaceClient, SqliteStore, Users as _,
};

use super::by::by;
use super::named::changed_meanwhile;
use super::origin::{parse_origin, parse_resource};
use super::store::{Missing, open_database};
use super::{CliError, Common, client, output};

/// Where the database of `--dev` is.
const FOLDER: &str = ".sessionmint-dev";

/// Fixed, so that the address in the app's code stays right.
const PORT: u16 = 4181;

/// The names of the client and of the user.
const NAME: &str = "dev";

#[derive(Args)]
pub(super) struct DevClient {
    /// With --dev: an origin of the app, e.g. `http://localhost:5173`; repeat for more
    #[arg(long = "origin", value_name = "ORIGIN", requires = "dev", value_parser = parse_origin)]
    origins: Vec<String>,
    /// With --dev: the address of an API that the app calls; repeat for more. The first is the default audience
    #[arg(long = "resource", value_name = "URL", requires = "dev", value_parser = parse_resource)]
    resources: Vec<String>,
    /// With --dev: scopes of that API, separated by spaces
    #[arg(long, requires = "dev")]
    scope: Option<Scope>,
}

/// What is set by the environment and the command line, as far as it fits.
pub(super) fn settings(common: &Common, listen: Option<String>) -> Result<Partial, CliError> {
    let chosen_address = listen.is_some();
    let mut settings = common.load(listen)?;
    if !chosen_address {
        settings.listen = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), PORT);
    }
    if !settings.listen.ip().is_loopback() {
        return Err(format!(
            "--dev is for this machine only and cannot listen on {}; choose a loopback address such as 127.0.0.1:{PORT}",
            settings.listen
        )
        .into());
    }
    if settings.tls.is_some() {
        return Err("--dev speaks plain http to this machine alone; take the [tls] settings out of the environment".into());
    }
    Ok(settings)
}

/// Sets everything up and serves.
pub(super) async fn run(mut settings: Partial, wanted: DevClient) -> Result<Ended, CliError> {
    let listener = bind(settings.listen).await.map_err(|error| {
        format!(
            "{error}; to use another port: --listen 127.0.0.1:PORT, and the same port in the app"
        )
    })?;
    let port = listener.local_addr()?.port();
    let issuer: Issuer = format!("http://localhost:{port}/iam").parse()?;
    let database = match settings.database.take() {
        Some(database) => database,
        None => prepare_folder()?,
    };
    settings.issuer = Some(issuer.clone());
    settings.database = Some(database.clone());

    let store = Arc::new(open_database(&database, Missing::Create)?);
    let client = dev_client(&issuer, wanted)?;
    put_client(&store, &settings, &client).await?;
    let password = add_user(&store, &settings).await?;
    output::line(&welcome(&issuer, &database, &client, password.as_ref()))?;
    Ok(start(settings.complete()?, listener, store).await?)
}

/// Makes the folder, for this user alone and out of version control.
fn prepare_folder() -> Result<Database, CliError> {
    let folder = Path::new(FOLDER);
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .recursive(true)
        .create(folder)
        .map_err(|error| format!("cannot make the folder ./{FOLDER}: {error}"))?;
    std::fs::write(folder.join(".gitignore"), "*\n")?;
    Ok(Database::Sqlite(Path::new(".").join(FOLDER).join("iam.db")))
}

/// The service itself is always a resource: so the app has something to call before there is any API.
fn dev_client(issuer: &Issuer, wanted: DevClient) -> Result<BrowserClient, CliError> {
    let mut resources = wanted.resources;
    if !resources.iter().any(|resource| resource == issuer.as_str()) {
        resources.push(issuer.as_str().to_owned());
    }
    let scopes: Scope = match wanted.scope {
        Some(scope) => format!("account {scope}").trim_end().parse()?,
        None => "account".parse()?,
    };
    Ok(BrowserClient {
        client_id: NAME.parse::<ClientId>()?,
        origins: wanted.origins,
        default_resource: resources.first().cloned().unwrap_or_default(),
        resources,
        default_scopes: scopes.clone(),
        scopes,
        ttl: *TTL_SECS.end(),
    })
}

async fn put_client(
    store: &SqliteStore,
    settings: &Partial,
    wanted: &BrowserClient,
) -> Result<(), CliError> {
    client::check(settings, wanted)?;
    let conflict = match store.replace_client(wanted.clone(), None, by()).await? {
        ReplaceClient::Replaced => None,
        ReplaceClient::NotFound => match store.add_client(wanted.clone(), by()).await? {
            AddClient::Added => None,
            AddClient::OriginTaken { origin, client_id } => Some((origin, client_id)),
            AddClient::RedirectedTo { origin, client_id } => {
                return Err(client::redirected_to(&origin, &client_id));
            }
            AddClient::IdTaken => {
                return Err("another `serve --dev` is starting on the same database".into());
            }
        },
        ReplaceClient::OriginTaken { origin, client_id } => Some((origin, client_id)),
        ReplaceClient::RedirectedTo { origin, client_id } => {
            return Err(client::redirected_to(&origin, &client_id));
        }
        ReplaceClient::Conflict => return Err(changed_meanwhile()),
    };
    match conflict {
        None => Ok(()),
        Some((origin, client_id)) => Err(client::origin_taken(&origin, &client_id)),
    }
}

/// Adds the user at the first start, with a password that nobody else can know.
async fn add_user(
    store: &SqliteStore,
    settings: &Partial,
) -> Result<Option<SecretString>, CliError> {
    if store.user_by_name(NAME).await?.is_some() {
        return Ok(None);
    }
    let password = random_password()?;
    let hasher = Hasher::new(&settings.login.hashing, Arc::new(SystemRandom))?;
    let user = NewUser {
        id: UserId::from_random(random::bytes(&SystemRandom)?),
        username: NAME.to_owned(),
        password_hash: Some(hasher.hash(&password).await?),
        scopes: None,
        disabled_at: None,
        created_at: SystemClock.now(),
    };
    match store.add_user(user, by()).await? {
        AddUser::Added => Ok(Some(password)),
        AddUser::NameTaken => Ok(None),
    }
}

/// Four groups of four from 32 characters that are not mistaken for each other: 80 bits.
fn random_password() -> Result<SecretString, CliError> {
    const ALPHABET: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz234567890";
    let mut bytes = [0; 16];
    SystemRandom.fill(&mut bytes)?;
    let mut password = String::new();
    for (i, byte) in bytes.iter().enumerate() {
        if i > 0 && i % 4 == 0 {
            password.push('-');
        }
        password.push(
            ALPHABET
                .get(usize::from(byte % 32))
                .copied()
                .map_or('a', char::from),
        );
    }
    Ok(SecretString::from(password))
}

fn welcome(
    issuer: &Issuer,
    database: &Database,
    client: &BrowserClient,
    password: Option<&SecretString>,
) -> String {
    let mut text = format!(
        "\nsessionmint for development, reachable from this machine only\n\n  issuer    {issuer}\n  origins   {}\n  \
         audiences {}\n  scopes    {}\n  data      {database}\n  user      {NAME}\n",
        client.origins.join(" "),
        client.resources.join(" "),
        client.scopes,
    );
    let reset = format!("sessionmint user passwd {NAME} --database {database}");
    let shown = match password {
        Some(password) => {
            let _ = write!(
                text,
                "  password  {}\n\nThe password is shown this once. For another one: {reset}\n",
                password.expose_secret()
            );
            password.expose_secret()
        }
        None => {
            let _ = write!(
                text,
                "  password  as shown at the first start; for another one:\n            {reset}\n"
            );
            "…"
        }
    };
    let _ = write!(
        text,
        r#"
Paste this into the app on {origin}, which needs the npm package `sessionmint`:

  import {{ createTokenManager }} from "sessionmint";

  const auth = createTokenManager({{ iam: "{issuer}", apis: [{apis}] }});
  await auth.login({{ username: "{NAME}", password: "{shown}" }});
  const me = await auth.fetch("{issuer}/userinfo");
  console.log(await me.json());
"#,
        origin = client
            .origins
            .first()
            .map(String::as_str)
            .unwrap_or_default(),
        apis = apis(issuer, client),
    );
    text
}

/// The `apis` of the snippet: the first is the default, the others name their audience.
fn apis(issuer: &Issuer, client: &BrowserClient) -> String {
    let mut apis: Vec<String> = Vec::new();
    for resource in &client.resources {
        if *resource == client.default_resource {
            apis.push(format!("\"{resource}\""));
        } else if resource == issuer.as_str() {
            apis.push(format!(
                "{{ url: \"{resource}\", resource: \"{resource}\", scope: \"account\" }}"
            ));
        } else {
            apis.push(format!(
                "{{ url: \"{resource}\", resource: \"{resource}\" }}"
            ));
        }
    }
    apis.join(", ")
}
