//! Starts the servers and stops them together.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use axum::Router;
use http::uri::{Authority, Scheme};
use http::{HeaderValue, Uri};
use sessionmint_verify::Verifier;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::notes::Notes;
use crate::{gateway, notes, ttl, ui};

/// How long requests in flight may take once the end was asked for.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);

/// Where everything is.
#[derive(Clone, Debug, clap::Parser)]
#[command(
    name = "sessionmint-demo",
    version,
    about = "The sample service, the gateway and the app around an IAM service"
)]
pub struct Options {
    /// Port of the app.
    #[arg(long, default_value_t = 4180)]
    pub ui_port: u16,
    /// Port of the API host: the gateway to the IAM service and the sample service.
    #[arg(long, default_value_t = 4181)]
    pub api_port: u16,
    /// Port of the pages where users of other apps sign in.
    #[arg(long, default_value_t = 4182)]
    pub login_port: u16,
    /// The app's origin as browsers know it, where something else stands before its port, e.g. TLS; it is
    /// `http://ui.app.localhost` with that port otherwise.
    #[arg(long)]
    pub ui_origin: Option<Uri>,
    /// The same of the pages where users of other apps sign in.
    #[arg(long)]
    pub login_origin: Option<Uri>,
    /// Where the IAM service listens, e.g. `http://127.0.0.1:8080`.
    #[arg(long)]
    pub iam: Uri,
    /// The issuer, e.g. `http://api.app.localhost:4181/iam`.
    #[arg(long)]
    pub issuer: String,
    /// The built app.
    #[arg(long, default_value = "www/dist")]
    pub dist: PathBuf,
    /// The built pages where users of other apps sign in.
    #[arg(long, default_value = "www/login/dist")]
    pub login_dist: PathBuf,
    /// The file with the notes.
    #[arg(long)]
    pub database: PathBuf,
    /// The command of the short-token switch, to which seconds are appended; double quotes hold words together.
    #[arg(long, default_value = "")]
    pub ttl_command: String,
}

/// Addresses of the running demo.
#[derive(Clone, Copy, Debug)]
pub struct Addresses {
    /// The app.
    pub ui: SocketAddr,
    /// The API host.
    pub api: SocketAddr,
    /// The pages where users of other apps sign in.
    pub login: SocketAddr,
}

/// Runs until `stop` ends; calls `ready` when everything listens.
///
/// # Errors
/// When something cannot be set up: a port in use, an app that is not built, an issuer that this gateway does not serve.
pub async fn run(
    options: Options,
    ready: impl FnOnce(Addresses),
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let api_origin = api_origin(&options.issuer)?;
    let iam = iam_authority(&options.iam)?;
    let ui_listener = listen(options.ui_port, "--ui-port").await?;
    let api_listener = listen(options.api_port, "--api-port").await?;
    let login_listener = listen(options.login_port, "--login-port").await?;
    let service_listener = listen(0, "the sample service").await?;
    let addresses = Addresses {
        ui: ui_listener.local_addr()?,
        api: api_listener.local_addr()?,
        login: login_listener.local_addr()?,
    };
    let (ui_origin, ui_host) = page_origin(options.ui_origin, "ui", addresses.ui.port())?;
    let (_, login_host) = page_origin(options.login_origin, "login", addresses.login.port())?;

    // `*.localhost` names resolve in browsers only, so the keys come from the address behind the gateway.
    let verifier = Verifier::builder(options.issuer.clone(), api_origin.clone())
        .jwks_url(format!("http://{iam}/iam/.well-known/jwks.json"))
        .build()?;
    let notes = Notes::open(&options.database)
        .with_context(|| format!("cannot open {} (--database)", options.database.display()))?;
    let service = notes::router(notes, &verifier, ui_origin.clone());
    let switch = ttl::router(ttl::words(&options.ttl_command), ui_origin);
    let service_authority: Authority = service_listener.local_addr()?.to_string().parse()?;
    let gateway = gateway::router(iam, service_authority, switch);
    let app =
        ui::router(&options.dist, &api_origin, &options.issuer, &ui_host).context("--dist")?;

    let login = ui::router(
        &options.login_dist,
        &api_origin,
        &options.issuer,
        &login_host,
    )
    .context("--login-dist")?;

    let (stopping, stopped) = watch::channel(());
    let mut servers = JoinSet::new();
    for (listener, router) in [
        (ui_listener, app),
        (login_listener, login),
        (api_listener, gateway),
        (service_listener, service),
    ] {
        servers.spawn(serve(listener, router, stopped.clone()));
    }
    drop(stopped);
    ready(addresses);

    tokio::select! {
        () = stop => {}
        ended = servers.join_next() => {
            ended.context("no server runs")???;
            bail!("a server ended by itself");
        }
    }
    drop(stopping);
    let all = async { while servers.join_next().await.is_some() {} };
    if tokio::time::timeout(SHUTDOWN_GRACE, all).await.is_err() {
        tracing::warn!("requests were cut off at the end");
    }
    Ok(())
}

async fn serve(
    listener: TcpListener,
    router: Router,
    mut stopped: watch::Receiver<()>,
) -> anyhow::Result<()> {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    // The other side says nothing and is dropped at the end.
    let end = async move { while stopped.changed().await.is_ok() {} };
    axum::serve(listener, service)
        .with_graceful_shutdown(end)
        .await?;
    Ok(())
}

async fn listen(port: u16, flag: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.with_context(|| {
        format!("cannot listen on 127.0.0.1:{port}: stop what uses the port, or choose another one ({flag})")
    })
}

/// The origin of the issuer, whose path has to be the one that the gateway knows.
fn api_origin(issuer: &str) -> anyhow::Result<String> {
    match issuer.strip_suffix("/iam") {
        Some(origin)
            if origin
                .parse::<Uri>()
                .is_ok_and(|origin| origin.path() == "/") =>
        {
            Ok(origin.to_owned())
        }
        _ => bail!("`{issuer}` is not an origin followed by `/iam` (--issuer)"),
    }
}

/// The origin of the pages called `name` and the host in it.
fn page_origin(given: Option<Uri>, name: &str, port: u16) -> anyhow::Result<(HeaderValue, String)> {
    let origin = match given {
        Some(origin) => origin,
        None => format!("http://{name}.app.localhost:{port}").parse()?,
    };
    let (Some(scheme), Some(authority), "/", None) = (
        origin.scheme(),
        origin.authority(),
        origin.path(),
        origin.query(),
    ) else {
        bail!("`{origin}` is not an origin such as https://ui.example.com (--{name}-origin)");
    };
    let header = HeaderValue::try_from(format!("{scheme}://{authority}"))?;
    Ok((header, authority.host().to_owned()))
}

fn iam_authority(address: &Uri) -> anyhow::Result<Authority> {
    match (
        address.scheme() == Some(&Scheme::HTTP),
        address.path(),
        address.authority(),
    ) {
        (true, "" | "/", Some(authority)) => Ok(authority.clone()),
        _ => bail!("`{address}` is not an address such as http://127.0.0.1:8080 (--iam)"),
    }
}
