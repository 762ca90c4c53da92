//! The authorization code flow, as clients and the operator's page go through it.

mod authorize;
mod discovery;
mod end_session;
mod id_token_hint;
mod interactions;
mod meanwhile;
mod oidc;
mod operators;
mod redeem;
mod refresh;
mod waiting;

use axum::body::Body;
use axum::http::{Method, Request, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use form_urlencoded::Serializer;
use serde_json::{Value, json};
use sessionmint_iam::Clock as _;
use sessionmint_iam::Config;
use sessionmint_iam::config::AuthorizeConfig;
use sessionmint_iam::testing::{Answer, ISSUER, RESOURCE, TestService};
use sessionmint_oauth::cookie::SESSION_COOKIE;
use sessionmint_oauth::{
    BrowserClient, ClientAuthentication, ClientSubject, GrantType, OAuthClient, RefreshPolicy,
    SecretId, UserId,
};
use sessionmint_store::{AddOAuthClient, By, ClientSecret, Clients as _, OAuthClients as _};

use crate::support::PASSWORD;

/// Where the operator's pages are.
const LOGIN: &str = "https://login.example.com";
const CALLBACK: &str = "https://app.example.com/callback";
const LOOPBACK: &str = "http://127.0.0.1/callback";
const SECRET: &str = "sms_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
/// Of the appendix of RFC 7636.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A service with the code flow, the user `ada`, and three clients: `app` with a secret, `trusted` that is the operator's
/// own, `native` that has none.
struct Flow {
    service: TestService,
    ada: UserId,
}

/// What a browser remembers.
#[derive(Clone, Default)]
struct Browser {
    ix: Option<String>,
    session: Option<String>,
}

impl Flow {
    async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let pages = AuthorizeConfig {
            interaction_url: format!("{LOGIN}/").parse().unwrap(),
            logout_url: Some(format!("{LOGIN}/sign-out").parse().unwrap()),
        };
        let change = |config: &mut Config| {
            config.authorize = Some(pages);
            change(config);
        };
        let service = TestService::start_with(change, None).await;
        let by = || By::service(service.clock.now());
        let login = BrowserClient {
            client_id: "login".parse().unwrap(),
            origins: vec![LOGIN.to_owned()],
            default_resource: ISSUER.to_owned(),
            resources: vec![ISSUER.to_owned()],
            scopes: "account".parse().unwrap(),
            default_scopes: "account".parse().unwrap(),
            ttl: 300,
        };
        service.store.add_client(login, by()).await.unwrap();
        let ada = service.add_user("ada", PASSWORD).await;
        let flow = Self { service, ada };
        let native = OAuthClient {
            authentication: ClientAuthentication::None,
            redirect_uris: vec![
                LOOPBACK.to_owned(),
                "https://native.example.com/cb".to_owned(),
            ],
            ..client("native")
        };
        let trusted = OAuthClient {
            trusted: true,
            ..client("trusted")
        };
        for client in [client("app"), trusted, native] {
            flow.add(client).await;
        }
        flow
    }

    async fn add(&self, client: OAuthClient) {
        let bytes = client.client_id.as_str().bytes();
        let mut id = [0; 16];
        id.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
        let secret = (!client.is_public()).then(|| ClientSecret {
            id: SecretId::from_random(id),
            hash: sha256(SECRET),
            created_at: self.service.clock.now(),
        });
        let client = OAuthClient {
            subject: ClientSubject::from_random(id),
            ..client
        };
        let by = By::service(self.service.clock.now());
        let added = self
            .service
            .store
            .add_oauth_client(client, secret, by)
            .await;
        assert_eq!(added, Ok(AddOAuthClient::Added));
    }

    async fn change(&self, change: impl FnOnce(&mut OAuthClient)) {
        let id = "app".parse().unwrap();
        let mut client = self.service.store.oauth_client(&id).await.unwrap().unwrap();
        change(&mut client);
        let by = By::service(self.service.clock.now());
        self.service
            .store
            .replace_oauth_client(client, None, by)
            .await
            .unwrap();
    }

    /// `GET /oauth/authorize` of the client `app`; `parameters` come on top, and `name=` takes one away.
    async fn authorize(&self, browser: &mut Browser, parameters: &str) -> Answer {
        let answer = self
            .service
            .send(authorize_request(browser, parameters))
            .await;
        browser.keep_ix(&answer);
        answer
    }

    /// As [`Flow::authorize`]; the id that the page is given.
    async fn hand_over(&self, browser: &mut Browser, parameters: &str) -> String {
        let answer = self.authorize(browser, parameters).await;
        assert_eq!(answer.status, 303, "{answer:?}");
        let location = answer.header(header::LOCATION);
        let id = location.strip_prefix("https://login.example.com/?id=");
        id.unwrap_or_else(|| panic!("{location}")).to_owned()
    }

    async fn sign_in(&self, browser: &mut Browser) {
        self.sign_in_as("ada", browser).await;
    }

    async fn sign_in_as(&self, username: &str, browser: &mut Browser) {
        let body = json!({ "username": username, "password": PASSWORD });
        let answer = self
            .service
            .send(page_request("/iam/passwordlogin", browser, Some(&body)))
            .await;
        assert_eq!(answer.status, 200);
        browser.session = answer.session_cookie();
    }

    async fn shown(&self, browser: &Browser, id: &str) -> Answer {
        let path = format!("/iam/interactions/{id}");
        self.service.send(page_request(&path, browser, None)).await
    }

    async fn answer(&self, browser: &Browser, id: &str, answer: &Value) -> Answer {
        let path = format!("/iam/interactions/{id}");
        self.service
            .send(page_request(&path, browser, Some(answer)))
            .await
    }

    async fn approve(&self, browser: &Browser, id: &str) -> Answer {
        let answer = json!({ "answer": "approve", "user": self.ada });
        self.answer(browser, id, &answer).await
    }

    /// The whole way of a signed-in user who agrees; the code.
    async fn code(&self, parameters: &str) -> String {
        let mut browser = Browser::default();
        self.sign_in(&mut browser).await;
        let id = self.hand_over(&mut browser, parameters).await;
        location(&self.approve(&browser, &id).await).get("code")
    }

    /// What the client `app` sends to the token endpoint; `parameters` as of [`Flow::authorize`].
    async fn redeem(&self, code: &str, parameters: &str) -> Answer {
        self.service
            .send(redeem_request(Some("app"), code, parameters))
            .await
    }

    async fn tokens(&self, parameters: &str) -> Value {
        let code = self.code(parameters).await;
        let answer = self.redeem(&code, "").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }
}

fn client(id: &str) -> OAuthClient {
    OAuthClient {
        client_id: id.parse().unwrap(),
        subject: ClientSubject::from_random([0; 16]),
        name: format!("The {id} & co"),
        authentication: ClientAuthentication::ClientSecretBasic,
        keys: None,
        grants: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
        redirect_uris: vec![CALLBACK.to_owned()],
        post_logout_redirect_uris: vec!["https://app.example.com/bye".to_owned()],
        default_resource: RESOURCE.to_owned(),
        resources: vec![RESOURCE.to_owned(), "https://b.example.com".to_owned()],
        scopes: "openid profile offline_access notes:read notes:write"
            .parse()
            .unwrap(),
        default_scopes: "notes:read".parse().unwrap(),
        ttl: 300,
        refresh: RefreshPolicy::default(),
        trusted: false,
        disabled_at: None,
    }
}

/// `all`, with what `parameters` says instead; `name=` takes one away.
fn with(all: &[(&str, &str)], parameters: &str) -> String {
    let given: Vec<_> = form_urlencoded::parse(parameters.as_bytes()).collect();
    let kept = all
        .iter()
        .filter(|(name, _)| !given.iter().any(|(other, _)| other == name));
    let mut query = Serializer::new(String::new());
    query.extend_pairs(kept);
    query.extend_pairs(&given);
    query.finish()
}

fn authorize_query(parameters: &str) -> String {
    let all = [
        ("response_type", "code"),
        ("client_id", "app"),
        ("redirect_uri", CALLBACK),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("scope", "openid notes:read"),
        ("state", "xyz"),
        ("nonce", "n-0S6"),
    ];
    with(&all, parameters)
}

fn authorize_request(browser: &Browser, parameters: &str) -> Request<Body> {
    let uri = format!("/iam/oauth/authorize?{}", authorize_query(parameters));
    browser
        .bring_ix(Request::get(uri))
        .body(Body::empty())
        .unwrap()
}

fn redeem_request(client: Option<&str>, code: &str, parameters: &str) -> Request<Body> {
    let all = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    let mut request = Request::post("/iam/oauth/token")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    if let Some(client) = client {
        let credentials = STANDARD.encode(format!("{client}:{SECRET}"));
        request = request.header(header::AUTHORIZATION, format!("Basic {credentials}"));
    }
    request.body(with(&all, parameters).into()).unwrap()
}

/// From a script of the operator's page; a `GET` without a body.
fn page_request(path: &str, browser: &Browser, body: Option<&Value>) -> Request<Body> {
    let request = Request::builder()
        .method(if body.is_some() {
            Method::POST
        } else {
            Method::GET
        })
        .uri(path)
        .header(header::ORIGIN, LOGIN)
        .header("sec-fetch-site", "same-site")
        .header("sec-fetch-mode", "cors")
        .header("sec-fetch-dest", "empty")
        .header(header::CONTENT_TYPE, "application/json");
    let request = match &browser.session {
        Some(session) => request.header(header::COOKIE, format!("{SESSION_COOKIE}={session}")),
        None => request,
    };
    let body = body.map_or(Body::empty(), |body| body.to_string().into());
    browser.bring_ix(request).body(body).unwrap()
}

impl Browser {
    fn keep_ix(&mut self, answer: &Answer) {
        if let Some(set) = answer.headers.get(header::SET_COOKIE) {
            let set = set.to_str().unwrap();
            let value = set.strip_prefix("__Host-Http-ix=").unwrap();
            self.ix = value.split(';').next().map(str::to_owned);
        }
    }

    fn bring_ix(&self, request: http::request::Builder) -> http::request::Builder {
        match &self.ix {
            Some(ix) => request.header(header::COOKIE, format!("__Host-Http-ix={ix}")),
            None => request,
        }
    }
}

/// A response on its way to the client.
struct Location {
    uri: String,
    parameters: Vec<(String, String)>,
}

impl Location {
    fn read(text: &str) -> Self {
        let (uri, query) = text.split_once('?').unwrap();
        let parameters = form_urlencoded::parse(query.as_bytes());
        Self {
            uri: uri.to_owned(),
            parameters: parameters.into_owned().collect(),
        }
    }

    #[track_caller]
    fn get(&self, name: &str) -> String {
        let found: Vec<_> = self.parameters.iter().filter(|(n, _)| n == name).collect();
        assert_eq!(found.len(), 1, "{name} in {:?}", self.parameters);
        found[0].1.clone()
    }

    fn has(&self, name: &str) -> bool {
        self.parameters.iter().any(|(n, _)| n == name)
    }
}

/// A page for the user, that leads nowhere and holds nothing of the request.
#[track_caller]
fn assert_page(answer: &Answer, status: u16, hidden: &str) {
    assert_eq!(answer.status.as_u16(), status, "{answer:?}");
    assert!(!answer.headers.contains_key(header::LOCATION));
    assert!(!answer.headers.contains_key(header::SET_COOKIE));
    assert_eq!(
        answer.header(header::CONTENT_TYPE),
        "text/html; charset=utf-8"
    );
    let policy = answer.header(header::CONTENT_SECURITY_POLICY);
    assert_eq!(
        policy,
        "default-src 'none'; frame-ancestors 'none'; sandbox"
    );
    let html = String::from_utf8_lossy(&answer.body);
    assert!(html.starts_with("<!doctype html>"), "{html}");
    assert!(hidden.is_empty() || !html.contains(hidden), "{html}");
}

#[track_caller]
fn assert_problem(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status.as_u16(), status, "{answer:?}");
    assert_eq!(answer.json()["code"], code);
}

/// Where the page is told to go.
#[track_caller]
fn location(answer: &Answer) -> Location {
    assert_eq!(answer.status, 200, "{answer:?}");
    Location::read(answer.json()["location"].as_str().unwrap())
}

/// Where the browser is told to go.
#[track_caller]
fn redirect(answer: &Answer) -> Location {
    assert_eq!(answer.status, 303, "{answer:?}");
    Location::read(answer.header(header::LOCATION))
}

fn sha256(text: &str) -> [u8; 32] {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    digest.as_ref().try_into().unwrap()
}
