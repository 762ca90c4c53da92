//! Ten thousand times 64 callers with one refresh token at once, who ask for two audiences: each of them holds a pair that works.
//!
//! Every request goes through the whole router to SQLite with its real durability, and every access token is verified. That
//! takes a minute where it is optimised, as `cargo xtask test` runs it; otherwise a few bursts have to do.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test should stop where it finds something else than it expects"
)]

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::digest;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::BodyExt as _;
use serde::Deserialize;
use sessionmint_iam::config::Database;
use sessionmint_iam::login::{AuthenticateError, Authenticated, Authenticator, Credentials};
use sessionmint_iam::{App, Config, ManualClock, random, renewal};
use sessionmint_oauth::jwt::ExpectedClaims;
use sessionmint_oauth::{
    ClientAuthentication, ClientSubject, GrantId, GrantType, OAuthClient, RefreshPolicy, SecretId,
    Timestamp, UserId,
};
use sessionmint_store::{
    Audit as _, AuditFilter, AuditKind, By, ClientSecret, Grants as _, NewGrant, NewUser,
    OAuthClients as _, SqliteStore, StartGrant, Users as _,
};
use tokio::task::{JoinError, JoinSet};
use tower::ServiceExt as _;

const BURSTS: u32 = if cfg!(debug_assertions) { 20 } else { 10_000 };
const CALLERS: usize = 64;
/// As long as the window: after that the next rotation is due.
const PAUSE_SECS: i64 = 10;

const ISSUER: &str = "https://api.example.com/iam";
/// The two halves of the callers ask for another one each.
const RESOURCES: [&str; 2] = ["https://api.example.com", "https://b.example.com"];
const SECRET: &str = "sms_right";
const START: Timestamp = Timestamp::from_secs(1_800_000_000);

/// Nobody signs in here.
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

/// The service, with a clock that the test moves.
struct Service {
    app: Arc<App>,
    clock: Arc<ManualClock>,
    store: Arc<SqliteStore>,
    router: Router,
}

impl Service {
    async fn start(folder: &Path) -> Self {
        let file = folder.join("iam.db");
        let config = Config::new(ISSUER.parse().unwrap(), Database::Sqlite(file.clone()));
        let store = Arc::new(SqliteStore::open(file).unwrap());
        let clock = Arc::new(ManualClock::new(START));
        let app = App::builder(config, store.clone())
            .clock(clock.clone())
            .authenticator(Arc::new(Nobody))
            .build()
            .await
            .unwrap();
        let router = sessionmint_iam::http::router(Arc::clone(&app));
        Self {
            app,
            clock,
            store,
            router,
        }
    }

    fn bytes<const N: usize>(&self) -> [u8; N] {
        random::bytes(&*self.app.random).unwrap()
    }

    /// A user who has granted everything to the client `server`: the grant, and its first refresh token.
    async fn grant(&self) -> (GrantId, String) {
        let by = || By::service(START);
        let user = NewUser {
            id: UserId::from_random(self.bytes()),
            username: "ada".to_owned(),
            password_hash: None,
            scopes: None,
            disabled_at: None,
            created_at: START,
        };
        self.store.add_user(user.clone(), by()).await.unwrap();
        let client = OAuthClient {
            client_id: "server".parse().unwrap(),
            subject: ClientSubject::from_random(self.bytes()),
            name: "The server".to_owned(),
            authentication: ClientAuthentication::ClientSecretBasic,
            keys: None,
            grants: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
            redirect_uris: vec!["https://server.example.com/callback".to_owned()],
            post_logout_redirect_uris: Vec::new(),
            default_resource: RESOURCES[0].to_owned(),
            resources: RESOURCES.map(str::to_owned).to_vec(),
            scopes: "notes:read notes:write".parse().unwrap(),
            default_scopes: "notes:read".parse().unwrap(),
            ttl: 300,
            refresh: RefreshPolicy::default(),
            trusted: false,
            disabled_at: None,
        };
        let hash = digest::digest(&digest::SHA256, SECRET.as_bytes());
        let secret = ClientSecret {
            id: SecretId::from_random(self.bytes()),
            hash: hash.as_ref().try_into().unwrap(),
            created_at: START,
        };
        let added = self
            .store
            .add_oauth_client(client.clone(), Some(secret), by());
        added.await.unwrap();
        let id = GrantId::from_random(self.bytes());
        let token = renewal::first(&self.app, &id).unwrap();
        let grant = NewGrant {
            id: id.clone(),
            client_id: client.client_id,
            user_id: user.id,
            session_id: None,
            scopes: client.scopes,
            resources: client.resources,
            auth_time: START,
            refresh_token: Some(renewal::hash(&token)),
            absolute_end: START.plus_secs(client.refresh.absolute_secs),
            idle_end: START.plus_secs(client.refresh.idle_secs),
        };
        let started = self.store.start_grant(grant, by()).await;
        assert_eq!(started, Ok(StartGrant::Started));
        (id, token.as_str().to_owned())
    }
}

#[derive(Deserialize)]
struct Pair {
    access_token: String,
    refresh_token: String,
}

/// One caller.
async fn renew(router: Router, token: Arc<str>, resource: &'static str) -> (&'static str, Pair) {
    let basic = STANDARD.encode(format!("server:{SECRET}"));
    let body = format!("grant_type=refresh_token&refresh_token={token}&resource={resource}");
    let request = Request::post("/iam/oauth/token")
        .header(header::AUTHORIZATION, format!("Basic {basic}"))
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(body))
        .unwrap();
    let answer = router.oneshot(request).await.unwrap();
    let status = answer.status();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(status, StatusCode::OK, "{}", String::from_utf8_lossy(&body));
    (resource, serde_json::from_slice(&body).unwrap())
}

/// The name of an access token that works for `resource`.
fn verified(app: &App, token: &str, resource: &str) -> String {
    let expected = ExpectedClaims {
        issuer: ISSUER.to_owned(),
        audiences: vec![resource.to_owned()],
        leeway_secs: 0,
    };
    let claims = app.keys.verify(token, &expected, app.clock.now());
    claims.unwrap().jti
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn c098_of_ten_thousand_bursts_of_64_callers_no_caller_loses() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path()).await;
    let (id, first) = service.grant().await;
    let mut token: Arc<str> = first.into();
    // Tokens are verified while the next rotation is written to the disk.
    let mut checks = JoinSet::new();
    let mut names = HashSet::new();
    let mut remember = |name: Result<String, JoinError>| {
        assert!(names.insert(name.unwrap()), "an access token of its own");
    };
    for burst in 1..=BURSTS {
        service.clock.advance_secs(PAUSE_SECS);
        let callers: JoinSet<_> = (0..CALLERS)
            .map(|caller| {
                let resource = RESOURCES[caller % RESOURCES.len()];
                renew(service.router.clone(), Arc::clone(&token), resource)
            })
            .collect();
        let mut next = HashSet::new();
        for (resource, pair) in callers.join_all().await {
            next.insert(pair.refresh_token);
            let app = Arc::clone(&service.app);
            checks.spawn(async move { verified(&app, &pair.access_token, resource) });
        }
        while let Some(name) = checks.try_join_next() {
            remember(name);
        }
        assert_eq!(next.len(), 1, "burst {burst}: all of them hold the same");
        token = next.into_iter().next().unwrap().into();
        let grant = service.store.grant(&id).await.unwrap().unwrap();
        assert_eq!(grant.generation, burst, "one step a burst");
        assert_eq!(grant.revoked, None);
    }
    while let Some(name) = checks.join_next().await {
        remember(name);
    }
    assert_eq!(names.len(), BURSTS as usize * CALLERS);
    let filter = AuditFilter {
        kinds: vec![AuditKind::GrantEnded],
        ..AuditFilter::default()
    };
    let ended = service.store.audit(&filter, None, 1).await.unwrap();
    assert!(ended.is_empty(), "{ended:?}");
}
