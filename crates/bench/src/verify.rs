//! What the check of a token costs a service that takes them: a new one, and one that was seen before.

use std::hint::black_box;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use axum::Router;
use axum::routing::get;
use serde::Serialize;
use sessionmint_verify::Verifier;

use crate::tokens::{Alg, Claims, Signer};

const ISSUER: &str = "http://127.0.0.1/iam";
const AUDIENCE: &str = "https://api.example.com";
/// Tokens that are made before the clock starts, each checked once.
const BATCH: usize = 1000;

/// How often to wait for the first fetch; each time up to two seconds.
const FETCHES: u32 = 30;

/// Microseconds a check.
#[derive(Serialize)]
struct Cost {
    alg: &'static str,
    new_us: f64,
    seen_us: f64,
}

pub(crate) fn run(seconds: u64) -> Result<()> {
    // One thread, so that what is measured is work and not a change of threads.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let time = Duration::from_secs(seconds);
    let mut costs = Vec::new();
    for (alg, name) in [(Alg::ES256, "ES256"), (Alg::EdDSA, "EdDSA")] {
        costs.push(runtime.block_on(cost(alg, name, time))?);
    }
    println!("{}", serde_json::to_string(&costs)?);
    Ok(())
}

async fn cost(alg: Alg, name: &'static str, time: Duration) -> Result<Cost> {
    let signer = Signer::new(alg)?;
    let verifier = verifier(&signer).await?;
    let mut spent = Duration::ZERO;
    let mut checks = 0_u32;
    while spent < time {
        let tokens = tokens(&signer, BATCH)?;
        let start = crate::now();
        for token in &tokens {
            black_box(verifier.verify(token).await?);
        }
        spent += start.elapsed();
        checks += u32::try_from(BATCH)?;
    }
    let new_us = spent.as_secs_f64() * 1e6 / f64::from(checks);
    let again = tokens(&signer, 1)?;
    let token = again.first().context("no token")?;
    verifier.verify(token).await?;
    let start = crate::now();
    let mut checks = 0_u32;
    while start.elapsed() < time {
        for _ in 0..BATCH {
            black_box(verifier.verify(token).await?);
        }
        checks += u32::try_from(BATCH)?;
    }
    Ok(Cost {
        alg: name,
        new_us,
        seen_us: start.elapsed().as_secs_f64() * 1e6 / f64::from(checks),
    })
}

/// A verifier that has fetched the keys of `signer`.
pub(crate) async fn verifier(signer: &Signer) -> Result<Verifier> {
    let jwks = signer.jwks();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}/jwks", listener.local_addr()?);
    let router = Router::new().route("/jwks", get(|| async move { jwks.clone() }));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let verifier = Verifier::builder(ISSUER, AUDIENCE)
        .jwks_url(address)
        .build()?;
    let first = tokens(signer, 1)?;
    let first = first.first().context("no token")?;
    // Where everything is slow, under an instruction counter say, the first fetch takes longer than a request waits.
    for _ in 0..FETCHES {
        if verifier.verify(first).await.is_ok() {
            return Ok(verifier);
        }
    }
    bail!("the verifier could not fetch the keys")
}

/// Good tokens, no two alike.
pub(crate) fn tokens(signer: &Signer, count: usize) -> Result<Vec<String>> {
    let now = crate::wall_millis()? / 1000;
    (0..count)
        .map(|_| {
            use base64::Engine as _;
            signer.sign(&Claims {
                iss: ISSUER,
                sub: "usr_MDEyMzQ1Njc4OTAxMjM0NQ",
                aud: AUDIENCE,
                exp: now + 300,
                iat: now,
                jti: base64::engine::general_purpose::URL_SAFE_NO_PAD
                    .encode(crate::random::<16>()?),
                client_id: "web",
                sid: "ses_MDEyMzQ1Njc4OTAxMjM0NQ",
                auth_time: now,
                scope: "notes:read notes:write",
            })
        })
        .collect()
}
