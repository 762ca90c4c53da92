//! Things to count the instructions of, with `valgrind --tool=callgrind --toggle-collect='*region_that_counts*'`.
//!
//! The service's clock and randomness are fixed, one thread does everything, and the first calls are not counted.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use clap::{Args, ValueEnum};
use http_body_util::BodyExt as _;
use sessionmint_iam::config::Database;
use sessionmint_iam::logging::{self, Log};
use sessionmint_iam::login::{AuthenticateError, Authenticated, Authenticator, Credentials};
use sessionmint_iam::metrics::Metrics;
use sessionmint_iam::random::{Random, RandomError};
use sessionmint_iam::{App, Config, ManualClock};
use sessionmint_oauth::Timestamp;
use sessionmint_store::SqliteStore;
use tokio::runtime::Runtime;
use tower::ServiceExt as _;

use crate::seed::{self, COOKIE_LEN};
use crate::tokens::{Alg, Signer};
use crate::verify;

#[derive(Args)]
pub(crate) struct Options {
    /// What to call.
    #[arg(long)]
    what: What,
    /// How often.
    #[arg(long)]
    times: usize,
}

#[derive(Clone, Copy, ValueEnum)]
enum What {
    /// A mint: the whole router, the log and the counters, without the network.
    Mint,
    /// The check of a token that was not seen before.
    VerifyNew,
    /// The check of a token that was.
    VerifySeen,
}

const ORIGIN: &str = "https://ui.example.com";
const RESOURCE: &str = "https://api.example.com";
const ISSUER: &str = "https://api.example.com/iam";
const SESSIONS: usize = 100;
/// Calls before the count: connections open, statements are prepared, caches fill.
const WARM_UP: usize = 2 * SESSIONS;

pub(crate) fn run(options: &Options) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    match options.what {
        What::Mint => mint(&runtime, options.times),
        What::VerifyNew => verify(&runtime, options.times, true),
        What::VerifySeen => verify(&runtime, options.times, false),
    }
}

/// What is counted. The name is what the counter looks for.
#[inline(never)]
fn region_that_counts(calls: &mut dyn FnMut() -> Result<()>) -> Result<()> {
    black_box(calls())
}

fn mint(runtime: &Runtime, times: usize) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let cookies = seed::fill_for_count(folder.path(), SESSIONS, ORIGIN, RESOURCE)?;
    let (router, _log) = runtime.block_on(service(folder.path()))?;
    let requests = |count: usize| -> Result<Vec<Request<Body>>> {
        let values = cookies.as_bytes().chunks_exact(COOKIE_LEN).cycle();
        values.take(count).map(request).collect()
    };
    let call = |requests: Vec<Request<Body>>| -> Result<()> {
        for request in requests {
            runtime.block_on(send(&router, request))?;
        }
        Ok(())
    };
    call(requests(WARM_UP)?)?;
    let mut counted = Some(requests(times)?);
    region_that_counts(&mut || call(counted.take().unwrap_or_default()))
}

async fn send(router: &Router, request: Request<Body>) -> Result<()> {
    let answer = router.clone().oneshot(request).await?;
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    if status != StatusCode::OK {
        bail!("{status}: {}", String::from_utf8_lossy(&body));
    }
    black_box(body);
    Ok(())
}

/// What a browser sends.
fn request(cookie: &[u8]) -> Result<Request<Body>> {
    let cookie = format!("__Host-Http-sid={}", std::str::from_utf8(cookie)?);
    Ok(Request::post("/iam/oauth/token")
        .header(header::HOST, "api.example.com")
        .header(header::ORIGIN, ORIGIN)
        .header("sec-fetch-site", "same-site")
        .header("sec-fetch-mode", "cors")
        .header("sec-fetch-dest", "empty")
        .header(
            header::CONTENT_TYPE,
            "application/x-www-form-urlencoded;charset=UTF-8",
        )
        .header(header::COOKIE, cookie)
        .body(Body::from("grant_type=session&idle_for=0"))?)
}

/// The service as the binary puts it together.
async fn service(folder: &Path) -> Result<(Router, Log)> {
    let file = folder.join(seed::DATABASE);
    let mut config = Config::new(ISSUER.parse()?, Database::Sqlite(file.clone()));
    config.sessions.mints_per_minute = 100_000;
    let log = logging::init(&config.log)?;
    let store = SqliteStore::open(file)?;
    let metrics = Arc::new(Metrics::new());
    store.observe(Arc::new(metrics.store_observer()));
    let clock = ManualClock::new(Timestamp::from_millis(crate::wall_millis()?));
    let app = App::builder(config, Arc::new(store))
        .clock(Arc::new(clock))
        .random(Arc::new(SameBytes))
        .authenticator(Arc::new(Nobody))
        .metrics(metrics)
        .build()
        .await?;
    Ok((sessionmint_iam::http::router(app), log))
}

struct SameBytes;

impl Random for SameBytes {
    fn fill(&self, out: &mut [u8]) -> Result<(), RandomError> {
        out.fill(0x5A);
        Ok(())
    }
}

struct Nobody;

#[async_trait]
impl Authenticator for Nobody {
    async fn authenticate(
        &self,
        _: Credentials<'_>,
        _: Timestamp,
    ) -> Result<Authenticated, AuthenticateError> {
        Err(AuthenticateError::Rejected)
    }
}

fn verify(runtime: &Runtime, times: usize, new: bool) -> Result<()> {
    let signer = Signer::new(Alg::ES256)?;
    let verifier = runtime.block_on(verify::verifier(&signer))?;
    let tokens = |count: usize| -> Result<Vec<String>> {
        if new {
            return verify::tokens(&signer, count);
        }
        let one = verify::tokens(&signer, 1)?;
        Ok(vec![one.first().context("no token")?.clone(); count])
    };
    let check = |tokens: &[String]| -> Result<()> {
        for token in tokens {
            black_box(runtime.block_on(verifier.verify(token))?);
        }
        Ok(())
    };
    let (warm, counted) = if new {
        (tokens(WARM_UP)?, tokens(times)?)
    } else {
        let same = tokens(times.max(WARM_UP))?;
        (same.clone(), same)
    };
    check(&warm)?;
    region_that_counts(&mut || check(&counted))
}
