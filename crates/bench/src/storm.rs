//! Many callers with one refresh token at the same moment, over HTTP: what each of them comes away with.
//!
//! Grants take turns, so that the window of one is over when its turn comes again and nobody has to wait for it. Half of the
//! callers ask for one audience, half for another. Each burst uses the refresh token that the one before it was answered with.

use std::collections::{BTreeSet, HashSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use reqwest::{Client, header};
use serde::{Deserialize, Serialize};
use sessionmint_store::{Grants as _, GrantsOf, SqliteStore};
use sessionmint_verify::Verifier;
use tokio::task::JoinSet;

#[derive(Args)]
pub(crate) struct Options {
    /// Where the service listens, `ADDRESS:PORT`.
    #[arg(long)]
    address: String,
    /// Its `iss`.
    #[arg(long)]
    issuer: String,
    /// Its database, for what is stored in the end.
    #[arg(long)]
    database: PathBuf,
    /// The file of refresh tokens, one a line, each of a grant of its own.
    #[arg(long)]
    tokens: PathBuf,
    /// The client's credentials in base64.
    #[arg(long)]
    basic: String,
    /// The audiences that callers ask for in turn.
    #[arg(long, required = true)]
    resource: Vec<String>,
    /// How many bursts each grant sees.
    #[arg(long)]
    times: u32,
    /// How many callers a burst has.
    #[arg(long)]
    callers: usize,
    /// How long after a burst the next one on the same grant may come, in seconds.
    #[arg(long)]
    window: u64,
}

/// Counts. All is well when the first four fit together and the others are zero.
#[derive(Default, Serialize)]
struct Outcome {
    bursts: u64,
    callers: usize,
    /// Callers with a working pair: an access token of their own for the audience that they asked for, and the refresh token
    /// that all others of the burst got.
    good: u64,
    /// Generations that the grants went through.
    steps: u64,
    invalid_grant: u64,
    /// Refused for another reason, or not answered.
    failed: u64,
    /// Answered, but not with a working pair.
    broken: u64,
    /// Bursts whose refresh token was not taken right afterwards.
    dead: u64,
    /// Grants that did not go through one generation a burst.
    uneven: u64,
    /// Grants that were ended.
    ended: u64,
    seconds: f64,
    /// The first thing that was not as it should be.
    first: Option<String>,
}

/// A grant that takes its turns.
struct Family {
    token: String,
    free_at: Option<Instant>,
}

enum Answer {
    Pair(Pair),
    InvalidGrant(String),
    Failed(String),
}

#[derive(Deserialize)]
struct Pair {
    access_token: String,
    refresh_token: Option<String>,
}

struct Storm<'a> {
    options: &'a Options,
    client: Client,
    /// One for each audience.
    verifiers: Vec<Verifier>,
    seen: HashSet<String>,
    outcome: Outcome,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(storm(options))?;
    println!("{}", serde_json::to_string(&outcome)?);
    Ok(())
}

async fn storm(options: &Options) -> Result<Outcome> {
    let tokens = std::fs::read_to_string(&options.tokens)?;
    let mut families: Vec<Family> = tokens
        .lines()
        .map(|token| Family {
            token: token.to_owned(),
            free_at: None,
        })
        .collect();
    ensure!(!families.is_empty(), "no tokens");
    let keys = format!("http://{}/iam/.well-known/jwks.json", options.address);
    let verifier = |audience: &String| {
        Verifier::builder(&options.issuer, audience)
            .jwks_url(&keys)
            .build()
    };
    let mut storm = Storm {
        options,
        client: Client::builder()
            .no_proxy()
            .pool_max_idle_per_host(options.callers)
            .build()?,
        verifiers: options
            .resource
            .iter()
            .map(verifier)
            .collect::<Result<_, _>>()?,
        seen: HashSet::new(),
        outcome: Outcome {
            callers: options.callers,
            ..Outcome::default()
        },
    };
    let start = crate::now();
    for _ in 0..options.times {
        for family in &mut families {
            if let Some(free_at) = family.free_at {
                tokio::time::sleep_until(free_at.into()).await;
            }
            storm.burst(family).await?;
            family.free_at = Some(crate::now() + Duration::from_secs(options.window));
        }
    }
    storm.outcome.seconds = start.elapsed().as_secs_f64();
    storm.count_steps().await?;
    Ok(storm.outcome)
}

impl Storm<'_> {
    async fn burst(&mut self, family: &mut Family) -> Result<()> {
        let mut callers = JoinSet::new();
        for caller in 0..self.options.callers {
            let which = caller % self.options.resource.len();
            let resource = self.options.resource.get(which).context("no resource")?;
            let request = self.request(&family.token, Some(resource));
            callers.spawn(async move { (which, send(request).await) });
        }
        let mut pairs = Vec::new();
        while let Some(done) = callers.join_next().await {
            match done? {
                (which, Answer::Pair(pair)) => pairs.push((which, pair)),
                (_, Answer::InvalidGrant(why)) => {
                    self.outcome.invalid_grant += 1;
                    self.note(why);
                }
                (_, Answer::Failed(why)) => {
                    self.outcome.failed += 1;
                    self.note(why);
                }
            }
        }
        self.outcome.bursts += 1;
        let successors: BTreeSet<_> = pairs
            .iter()
            .filter_map(|(_, pair)| pair.refresh_token.clone())
            .collect();
        let [successor] = successors.iter().collect::<Vec<_>>()[..] else {
            self.outcome.broken += u64::try_from(pairs.len())?;
            self.note(format!("{} successors in a burst", successors.len()));
            return Ok(());
        };
        for (which, pair) in pairs {
            match self.check(which, &pair).await {
                Ok(()) => self.outcome.good += 1,
                Err(error) => {
                    self.outcome.broken += 1;
                    self.note(format!("{error:#}"));
                }
            }
        }
        // In the window it is answered as it is; what counts is that it is the grant's token.
        match send(self.request(successor, None)).await {
            Answer::Pair(Pair {
                refresh_token: None,
                ..
            }) => {}
            _ => {
                self.outcome.dead += 1;
                self.note("the successor was not taken".to_owned());
            }
        }
        successor.clone_into(&mut family.token);
        Ok(())
    }

    fn request(&self, token: &str, resource: Option<&String>) -> reqwest::RequestBuilder {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "refresh_token")
            .append_pair("refresh_token", token);
        if let Some(resource) = resource {
            form.append_pair("resource", resource);
        }
        self.client
            .post(format!("http://{}/iam/oauth/token", self.options.address))
            .header(
                header::AUTHORIZATION,
                format!("Basic {}", self.options.basic),
            )
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form.finish())
    }

    /// Whether a service would take the access token, for this audience and for the first time.
    async fn check(&mut self, which: usize, pair: &Pair) -> Result<()> {
        ensure!(pair.refresh_token.is_some(), "no refresh token");
        let verifier = self.verifiers.get(which).context("no verifier")?;
        let token = verifier.verify(&pair.access_token).await?;
        let new = self.seen.insert(token.claims().jti.to_string());
        ensure!(new, "an access token was handed out twice");
        Ok(())
    }

    /// What the database says in the end.
    async fn count_steps(&mut self) -> Result<()> {
        let store = SqliteStore::open(&self.options.database)?;
        for grant in store.grants(&GrantsOf::Everybody).await? {
            self.outcome.steps += u64::from(grant.generation);
            self.outcome.uneven += u64::from(grant.generation != self.options.times);
            self.outcome.ended += u64::from(grant.revoked.is_some());
        }
        Ok(())
    }

    fn note(&mut self, what: String) {
        self.outcome.first.get_or_insert(what);
    }
}

async fn send(request: reqwest::RequestBuilder) -> Answer {
    let answer = async {
        let response = request.send().await?;
        Ok::<_, reqwest::Error>((response.status(), response.text().await?))
    };
    match answer.await {
        Ok((status, body)) if status == 200 => match serde_json::from_str(&body) {
            Ok(pair) => Answer::Pair(pair),
            Err(_) => Answer::Failed(body),
        },
        Ok((_, body)) if body.contains("\"invalid_grant\"") => Answer::InvalidGrant(body),
        Ok((status, body)) => Answer::Failed(format!("{status}: {body}")),
        Err(error) => Answer::Failed(format!("{:#}", anyhow::Error::new(error))),
    }
}
