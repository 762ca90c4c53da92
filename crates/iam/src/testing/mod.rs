//! The service for tests: a clock that the test moves, randomness that repeats, and a store that can be taken away.
//!
//! ```
//! use sessionmint_iam::testing::TestService;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let service = TestService::start().await;
//! service.add_user("ada", "correct horse battery").await;
//! let cookie = service.sign_in("ada", "correct horse battery").await;
//! let minted = service.mint(&cookie, "").await;
//! assert_eq!(minted.json()["expires_in"], 300);
//! # }
//! ```
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a test that cannot be set up should stop there"
)]

mod documented;
mod logs;
mod outage;
mod random;
mod secrets;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use sessionmint_oauth::cookie::SESSION_COOKIE;
use sessionmint_oauth::rotation::idle_end;
use sessionmint_oauth::{
    BrowserClient, ClientAuthentication, ClientId, ClientSubject, GrantId, GrantType, OAuthClient,
    RefreshPolicy, RefreshToken, Scope, SecretId, SessionId, Timestamp, UserId,
};
use sessionmint_store::{
    AddOAuthClient, AddSecret, By, ClientSecret, Clients as _, Grants as _, NewGrant, NewUser,
    OAuthClients as _, SqliteStore, StartGrant, Store, Users as _,
};
use tempfile::TempDir;
use tower::ServiceExt as _;

pub use logs::{CapturedLogs, capture_logs};
pub use outage::StoreWithOutages;
pub use random::SeededRandom;
pub use secrets::Secrets;

use self::logs::LogSince;
use crate::config::{Config, HashingConfig};
use crate::login::{Authenticator, Hasher, PasswordAuthenticator};
use crate::{App, Clock as _, ManualClock};

/// The issuer, and the audience of the account endpoints.
pub const ISSUER: &str = "https://api.example.com/iam";
/// The default audience.
pub const RESOURCE: &str = "https://api.example.com";
/// The one allowed origin, of the client `web`.
pub const ORIGIN: &str = "https://ui.example.com";
/// What the clock shows at the start: 2026-01-01 00:00 UTC.
pub const START: Timestamp = Timestamp::from_secs(1_767_225_600);

/// A service on a database of its own, with one client: `web` at [`ORIGIN`]. When it is dropped, no secret that passed through
/// it may be in its database or in what was logged meanwhile.
pub struct TestService {
    /// The shared state.
    pub app: Arc<App>,
    /// The service's clock, at [`START`].
    pub clock: Arc<ManualClock>,
    /// The service's randomness.
    pub random: Arc<SeededRandom>,
    /// The service's store, and the switch that takes it away.
    pub store: Arc<StoreWithOutages<SqliteStore>>,
    router: Router,
    document: serde_json::Value,
    kept: Kept,
}

/// What a service leaves behind, and the secrets that must not be in it.
struct Kept {
    secrets: Secrets,
    log: LogSince,
    // Removed when the service is dropped.
    folder: TempDir,
}

impl Drop for Kept {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let found = self.secrets.found(self.folder.path(), "", self.log.bytes());
            assert!(found.is_empty(), "secrets were kept: {found:?}");
        }
    }
}

/// An answer that was read whole.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

impl TestService {
    /// With the default configuration, but hashes that cost little.
    pub async fn start() -> Self {
        Self::start_with(|_| {}, None).await
    }

    /// With changes to the configuration, and perhaps another authenticator than the one with passwords.
    pub async fn start_with(
        change: impl FnOnce(&mut Config),
        authenticator: Option<Arc<dyn Authenticator>>,
    ) -> Self {
        let kept = Kept {
            secrets: Secrets::default(),
            log: LogSince::now(),
            folder: tempfile::tempdir().unwrap(),
        };
        let file = kept.folder.path().join("iam.db");
        let mut config = Config::new(
            ISSUER.parse().unwrap(),
            crate::config::Database::Sqlite(file.clone()),
        );
        config.login.hashing = cheap_hashes();
        change(&mut config);
        let store = Arc::new(StoreWithOutages::new(SqliteStore::open(file).unwrap()));
        store
            .add_client(web_client(), By::service(START))
            .await
            .unwrap();
        let clock = Arc::new(ManualClock::new(START));
        let random = Arc::new(SeededRandom::of_this_test());
        let authenticator = authenticator.unwrap_or_else(|| {
            let shared: Arc<dyn Store> = store.clone();
            Arc::new(
                PasswordAuthenticator::new(shared, &config.login.hashing, random.clone()).unwrap(),
            )
        });
        let app = App::builder(config, store.clone())
            .clock(clock.clone())
            .random(random.clone())
            .authenticator(authenticator)
            .build()
            .await
            .unwrap();
        let router = crate::http::router(Arc::clone(&app));
        let document = crate::http::openapi::document(&app.config).unwrap();
        Self {
            app,
            clock,
            random,
            store,
            router,
            document,
            kept,
        }
    }

    /// Registers a client with this secret, or none.
    pub async fn add_oauth_client(&self, client: OAuthClient, secret: Option<&str>) {
        let by = By::service(self.clock.now());
        let added = self.store.add_oauth_client(client.clone(), None, by);
        assert_eq!(added.await.unwrap(), AddOAuthClient::Added);
        if let Some(secret) = secret {
            self.add_secret(&client.client_id, secret).await;
        }
    }

    /// Starts a grant of all that the client may have, as the end of the code flow does; its first refresh token. It outlives
    /// sign-out unless it hangs on a session.
    pub async fn start_grant(
        &self,
        client: &OAuthClient,
        user: &UserId,
        session: Option<SessionId>,
    ) -> RefreshToken {
        let now = self.clock.now();
        let id = GrantId::from_random(crate::random::bytes(&*self.random).unwrap());
        let token = crate::renewal::first(&self.app, &id).unwrap();
        self.secrets().add("refresh token", token.as_str());
        let absolute_end = now.plus_secs(client.refresh.absolute_secs);
        let grant = NewGrant {
            id,
            client_id: client.client_id.clone(),
            user_id: user.clone(),
            session_id: session,
            scopes: client.scopes.clone(),
            resources: client.resources.clone(),
            auth_time: now,
            refresh_token: Some(crate::renewal::hash(&token)),
            absolute_end,
            idle_end: idle_end(client.refresh, absolute_end, now),
        };
        let started = self.store.start_grant(grant, By::service(now)).await;
        assert_eq!(started.unwrap(), StartGrant::Started);
        token
    }

    /// Gives a client one more secret.
    pub async fn add_secret(&self, client: &ClientId, secret: &str) -> SecretId {
        self.secrets().add("client secret", secret);
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, secret.as_bytes());
        let stored = ClientSecret {
            id: SecretId::from_random(crate::random::bytes(&*self.random).unwrap()),
            hash: hash.as_ref().try_into().unwrap(),
            created_at: self.clock.now(),
        };
        let (id, by) = (stored.id.clone(), By::service(stored.created_at));
        let added = self.store.add_client_secret(client, stored, by).await;
        assert_eq!(added.unwrap(), AddSecret::Added);
        id
    }

    /// Sends a form as a client does that is no page, with these credentials in the header.
    pub async fn form(&self, path: &str, basic: Option<(&str, &str)>, body: &str) -> Answer {
        self.form_to(self.router(), path, basic, body).await
    }

    /// The same to the endpoints of another instance.
    pub async fn form_to(
        &self,
        router: Router,
        path: &str,
        basic: Option<(&str, &str)>,
        body: &str,
    ) -> Answer {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(format!("/iam{path}"))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some((id, secret)) = basic {
            let pair = format!("{id}:{secret}");
            request = request.header(
                header::AUTHORIZATION,
                format!("Basic {}", STANDARD.encode(pair)),
            );
        }
        self.send_to(router, request.body(body.to_owned().into()).unwrap())
            .await
    }

    /// The endpoints.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// Where the database is.
    pub fn folder(&self) -> &std::path::Path {
        self.kept.folder.path()
    }

    /// What is searched for at the end; for secrets that pass through nothing of this.
    pub fn secrets(&self) -> &Secrets {
        &self.kept.secrets
    }

    /// Adds a user who may be granted everything.
    pub async fn add_user(&self, username: &str, password: &str) -> UserId {
        self.add_user_with_scopes(username, password, None).await
    }

    /// Adds a user who may be granted `scopes`.
    pub async fn add_user_with_scopes(
        &self,
        username: &str,
        password: &str,
        scopes: Option<Scope>,
    ) -> UserId {
        self.secrets().add("password", password);
        let hasher = Hasher::new(&cheap_hashes(), self.random.clone()).unwrap();
        let id = UserId::from_random(crate::random::bytes(&*self.random).unwrap());
        let user = NewUser {
            id: id.clone(),
            username: username.to_owned(),
            password_hash: Some(hasher.hash(&password.into()).await.unwrap()),
            scopes,
            disabled_at: None,
            created_at: START,
        };
        let by = By::service(self.clock.now());
        self.store.add_user(user, by).await.unwrap();
        id
    }

    /// Sends a request and reads the answer, which must be one that the OpenAPI document has.
    pub async fn send(&self, request: Request<Body>) -> Answer {
        self.send_to(self.router(), request).await
    }

    async fn send_to(&self, router: Router, request: Request<Body>) -> Answer {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let (parts, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let address = parts.uri.to_string();
        self.secrets().sent(&address, fields(&parts.headers), &body);
        let request = Request::from_parts(parts, Body::from(body));
        let response = router.oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let answer = Answer {
            status: parts.status,
            headers: parts.headers,
            body: body.collect().await.unwrap().to_bytes(),
        };
        self.secrets()
            .received(fields(&answer.headers), &answer.body);
        documented::check(&self.document, &method, &path, &answer);
        answer
    }

    /// Tries to sign in as the app does.
    pub async fn try_sign_in(&self, username: &str, password: &str) -> Answer {
        self.send(sign_in_request(username, password)).await
    }

    /// Signs in; the value of the session cookie.
    pub async fn sign_in(&self, username: &str, password: &str) -> String {
        self.try_sign_in(username, password)
            .await
            .session_cookie()
            .unwrap()
    }

    /// Mints as the app does, with `parameters` beside the grant type.
    pub async fn mint(&self, cookie: &str, parameters: &str) -> Answer {
        self.send(mint_request(cookie, parameters)).await
    }

    /// An access token for the account endpoints.
    pub async fn account_token(&self, cookie: &str) -> String {
        let minted = self
            .mint(cookie, &format!("resource={ISSUER}&scope=account"))
            .await;
        minted.access_token()
    }
}

fn fields(headers: &HeaderMap) -> impl Iterator<Item = (&str, &[u8])> {
    headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The token of a mint.
    pub fn access_token(&self) -> String {
        self.json()
            .get("access_token")
            .and_then(serde_json::Value::as_str)
            .unwrap()
            .to_owned()
    }

    /// A header's text; empty when it is absent.
    pub fn header(&self, name: impl header::AsHeaderName) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The value that the answer gives the session cookie.
    pub fn session_cookie(&self) -> Option<String> {
        let set = self
            .headers
            .get_all(header::SET_COOKIE)
            .iter()
            .map(|value| value.to_str().unwrap());
        let value = set
            .into_iter()
            .find_map(|text| text.strip_prefix(SESSION_COOKIE)?.strip_prefix('='))?;
        value.split(';').next().map(str::to_owned)
    }
}

/// The client of every test service.
pub fn web_client() -> BrowserClient {
    BrowserClient {
        client_id: "web".parse().unwrap(),
        origins: vec![ORIGIN.to_owned()],
        default_resource: RESOURCE.to_owned(),
        resources: vec![RESOURCE.to_owned(), ISSUER.to_owned()],
        scopes: "account notes:read notes:write".parse().unwrap(),
        default_scopes: "notes:read notes:write".parse().unwrap(),
        ttl: 300,
    }
}

/// A service that acts for itself, with a secret in the header.
pub fn worker_client() -> OAuthClient {
    OAuthClient {
        client_id: "worker".parse().unwrap(),
        subject: ClientSubject::from_random([9; 16]),
        name: "The worker".to_owned(),
        authentication: ClientAuthentication::ClientSecretBasic,
        keys: None,
        grants: vec![GrantType::ClientCredentials],
        redirect_uris: Vec::new(),
        post_logout_redirect_uris: Vec::new(),
        default_resource: RESOURCE.to_owned(),
        resources: vec![RESOURCE.to_owned(), ISSUER.to_owned()],
        scopes: "account notes:read notes:write".parse().unwrap(),
        default_scopes: "notes:read".parse().unwrap(),
        ttl: 300,
        refresh: RefreshPolicy::default(),
        trusted: false,
        disabled_at: None,
    }
}

/// A server-side app of the code flow, with a secret in the header, whose refresh tokens live like that.
pub fn server_client(refresh: RefreshPolicy) -> OAuthClient {
    OAuthClient {
        client_id: "server".parse().unwrap(),
        subject: ClientSubject::from_random([8; 16]),
        name: "The server".to_owned(),
        grants: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
        redirect_uris: vec!["https://server.example.com/callback".to_owned()],
        refresh,
        ..worker_client()
    }
}

/// What the app sends to sign in.
pub fn sign_in_request(username: &str, password: &str) -> Request<Body> {
    let body = serde_json::json!({ "username": username, "password": password }).to_string();
    Request::builder()
        .method(Method::POST)
        .uri("/iam/passwordlogin")
        .header(header::ORIGIN, ORIGIN)
        .header(header::CONTENT_TYPE, "application/json")
        .body(body.into())
        .unwrap()
}

/// What the app sends to mint: a simple request, so that it needs no preflight.
pub fn mint_request(cookie: &str, parameters: &str) -> Request<Body> {
    Request::builder()
        .method(Method::POST)
        .uri("/iam/oauth/token")
        .header(header::ORIGIN, ORIGIN)
        .header(header::COOKIE, format!("{SESSION_COOKIE}={cookie}"))
        .header(
            header::CONTENT_TYPE,
            "application/x-www-form-urlencoded;charset=UTF-8",
        )
        .body(format!("grant_type=session&{parameters}").into())
        .unwrap()
}

/// As little work as argon2 allows: the tests that need real work ask for it.
fn cheap_hashes() -> HashingConfig {
    HashingConfig {
        argon2_memory_kib: 8,
        argon2_iterations: 1,
        ..HashingConfig::default()
    }
}
