//! A protected service, an issuer with keys of its own, a clock to move, and a key server that misbehaves on demand.

#![allow(dead_code, reason = "every test file uses a part of it")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
    RsaEncoding,
};
use axum::body::Body;
use axum::response::Response;
use axum::routing::get;
use axum::{Router, handler::Handler};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderValue, Request, StatusCode};
use serde_json::{Value, json};
use sessionmint_verify::{AccessToken, Clock, Timestamp, Verifier, VerifierBuilder};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tower::ServiceExt;

pub(crate) const ISSUER: &str = "https://api.example.com/iam";
pub(crate) const AUDIENCE: &str = "https://api.example.com";
pub(crate) const NOW: i64 = 1_800_000_000;
pub(crate) const INVALID_TOKEN: &str = r#"Bearer error="invalid_token""#;

pub(crate) fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A clock that stands still until it is moved.
#[derive(Clone, Default)]
pub(crate) struct TestClock(Arc<Mutex<Duration>>);

impl TestClock {
    pub(crate) fn advance(&self, secs: u64) {
        *self.0.lock().unwrap() += Duration::from_secs(secs);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_secs(NOW).plus_secs(self.monotonic().as_secs())
    }

    fn monotonic(&self) -> Duration {
        *self.0.lock().unwrap()
    }
}

/// A key pair and its name.
pub(crate) struct Key {
    pub(crate) kid: String,
    pair: Pair,
}

enum Pair {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    Rs256(rsa::KeyPair),
}

impl Key {
    pub(crate) fn es256(kid: &str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self {
            kid: kid.to_owned(),
            pair: Pair::Es256(pair),
        }
    }

    pub(crate) fn eddsa(kid: &str) -> Self {
        Self {
            kid: kid.to_owned(),
            pair: Pair::EdDsa(Ed25519KeyPair::generate().unwrap()),
        }
    }

    pub(crate) fn rs256(kid: &str) -> Self {
        let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
        Self {
            kid: kid.to_owned(),
            pair: Pair::Rs256(pair),
        }
    }

    pub(crate) fn alg(&self) -> &'static str {
        match self.pair {
            Pair::Es256(_) => "ES256",
            Pair::EdDsa(_) => "EdDSA",
            Pair::Rs256(_) => "RS256",
        }
    }

    pub(crate) fn jwk(&self) -> Value {
        let mut jwk = match &self.pair {
            Pair::Es256(pair) => {
                let point = pair.public_key().as_ref();
                json!({"kty": "EC", "crv": "P-256", "x": b64(&point[1..33]), "y": b64(&point[33..])})
            }
            Pair::EdDsa(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": b64(pair.public_key())})
            }
            Pair::Rs256(pair) => {
                // RFC 8017 §A.1.1 for 2048 bits: headers and a zero byte, the modulus, a header, 65537.
                let der = pair.public_key().as_ref();
                json!({"kty": "RSA", "n": b64(&der[9..265]), "e": b64(&der[267..])})
            }
        };
        jwk["kid"] = json!(self.kid);
        jwk["alg"] = json!(self.alg());
        jwk["use"] = json!("sig");
        jwk
    }

    /// The public key as it stands in certificates, for attacks that use it as an HMAC secret.
    pub(crate) fn public_der(&self) -> Vec<u8> {
        use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
        let der: PublicKeyX509Der<'_> = match &self.pair {
            Pair::Es256(pair) => pair.public_key().as_der().unwrap(),
            Pair::EdDsa(pair) => pair.public_key().as_der().unwrap(),
            Pair::Rs256(pair) => pair.public_key().as_der().unwrap(),
        };
        der.as_ref().to_vec()
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.sign_with(message, &RSA_PKCS1_SHA256)
    }

    /// `encoding` says how an RSA key signs.
    pub(crate) fn sign_with(&self, message: &[u8], encoding: &'static dyn RsaEncoding) -> Vec<u8> {
        match &self.pair {
            Pair::Es256(pair) => pair
                .sign(&SystemRandom::new(), message)
                .unwrap()
                .as_ref()
                .to_vec(),
            Pair::EdDsa(pair) => pair.sign(message).as_ref().to_vec(),
            Pair::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(encoding, &SystemRandom::new(), message, &mut signature)
                    .unwrap();
                signature
            }
        }
    }

    pub(crate) fn header(&self) -> Value {
        json!({"alg": self.alg(), "typ": "at+jwt", "kid": self.kid})
    }

    /// Signs whatever it is given.
    pub(crate) fn token_of(&self, header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
        let input = format!("{}.{}", b64(header), b64(payload));
        let signature = self.sign(input.as_bytes());
        format!("{input}.{}", b64(signature))
    }

    pub(crate) fn token(&self, claims: &Value) -> String {
        self.token_of(self.header().to_string(), claims.to_string())
    }

    pub(crate) fn good_token(&self) -> String {
        self.token(&claims())
    }
}

pub(crate) fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "usr_AAAAAAAAAAAAAAAAAAAAAA", "aud": AUDIENCE, "exp": NOW + 300, "iat": NOW,
        "jti": "AAAAAAAAAAAAAAAAAAAAAA", "client_id": "web", "scope": "notes:read",
    })
}

/// What the key server does with a request.
#[derive(Clone)]
pub(crate) enum Behaviour {
    /// Sends these bytes and closes.
    Answer(Vec<u8>),
    /// Sends these bytes and leaves the connection open without another one.
    Hang(Vec<u8>),
}

impl Behaviour {
    pub(crate) fn status(line: &str, headers: &str, body: &str) -> Self {
        let length = body.len();
        Self::Answer(
            format!("HTTP/1.1 {line}\r\n{headers}content-length: {length}\r\n\r\n{body}")
                .into_bytes(),
        )
    }

    pub(crate) fn keys(keys: &[Value]) -> Self {
        let body = json!({"keys": keys}).to_string();
        Self::status(
            "200 OK",
            "content-type: application/json\r\ncache-control: max-age=300\r\n",
            &body,
        )
    }
}

/// A server that counts what it is asked.
#[derive(Clone)]
pub(crate) struct KeyServer {
    pub(crate) origin: String,
    state: Arc<Mutex<ServerState>>,
    asked: Arc<Notify>,
}

struct ServerState {
    behaviour: Behaviour,
    requests: Vec<String>,
}

impl KeyServer {
    pub(crate) async fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(ServerState {
            behaviour,
            requests: Vec::new(),
        }));
        let server = Self {
            origin,
            state,
            asked: Arc::new(Notify::new()),
        };
        let serving = server.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let server = serving.clone();
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        match stream.read_u8().await {
                            Ok(byte) => head.push(byte),
                            Err(_) => break,
                        }
                    }
                    let line = String::from_utf8_lossy(&head)
                        .lines()
                        .next()
                        .unwrap_or_default()
                        .to_owned();
                    let behaviour = {
                        let mut state = server.state.lock().unwrap();
                        state.requests.push(line);
                        state.behaviour.clone()
                    };
                    server.asked.notify_waiters();
                    match behaviour {
                        Behaviour::Answer(bytes) => {
                            let _ = stream.write_all(&bytes).await;
                        }
                        Behaviour::Hang(bytes) => {
                            let _ = stream.write_all(&bytes).await;
                            let _ = stream.read_u8().await;
                        }
                    }
                });
            }
        });
        server
    }

    pub(crate) fn set(&self, behaviour: Behaviour) {
        self.state.lock().unwrap().behaviour = behaviour;
    }

    /// The request lines so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.state.lock().unwrap().requests.clone()
    }

    /// Waits until it was asked this often.
    pub(crate) async fn asked(&self, times: usize) {
        loop {
            let next = self.asked.notified();
            if self.requests().len() >= times {
                return;
            }
            next.await;
        }
    }
}

/// `GET /notes` behind a verifier whose keys come from the key server.
pub(crate) struct Service {
    pub(crate) keys: KeyServer,
    pub(crate) clock: TestClock,
    pub(crate) verifier: Verifier,
    app: Router,
}

impl Service {
    pub(crate) async fn with_keys(keys: &[&Key]) -> Self {
        let keys: Vec<_> = keys.iter().map(|key| key.jwk()).collect();
        Self::start(Behaviour::keys(&keys), |builder| builder).await
    }

    pub(crate) async fn start(
        behaviour: Behaviour,
        configure: impl FnOnce(VerifierBuilder) -> VerifierBuilder,
    ) -> Self {
        let keys = KeyServer::start(behaviour).await;
        let clock = TestClock::default();
        let builder = Verifier::builder(ISSUER, AUDIENCE)
            .jwks_url(format!("{}/jwks", keys.origin))
            .clock(clock.clone());
        let verifier = configure(builder).build().unwrap();
        let app = Router::new().route("/notes", get(list.layer(verifier.require("notes:read"))));
        Self {
            keys,
            clock,
            verifier,
            app,
        }
    }

    pub(crate) async fn request(&self, request: Request<Body>) -> Response {
        self.app.clone().oneshot(request).await.unwrap()
    }

    pub(crate) async fn get(&self, token: &str) -> Response {
        let value = HeaderValue::from_bytes(format!("Bearer {token}").as_bytes()).unwrap();
        self.request(
            Request::get("/notes")
                .header("authorization", value)
                .body(Body::empty())
                .unwrap(),
        )
        .await
    }

    pub(crate) async fn accepts(&self, token: &str) {
        let response = self.get(token).await;
        assert_eq!(response.status(), StatusCode::OK, "{token}");
    }

    /// 401 `invalid_token`, and nothing of the token in the answer.
    pub(crate) async fn refuses(&self, what: &str, token: &str) {
        let response = self.get(token).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{what}");
        assert_eq!(
            response.headers()["www-authenticate"],
            INVALID_TOKEN,
            "{what}"
        );
    }

    /// Whatever was refused: the clock stood still, so the one fetch at the start is all that there may be.
    pub(crate) async fn asked_once_for_the_configured_address(&self) {
        self.keys.asked(1).await;
        assert_eq!(self.keys.requests(), ["GET /jwks HTTP/1.1"]);
    }
}

async fn list(token: AccessToken) -> String {
    token.subject().to_string()
}
