//! The sample service with real tokens and a real file.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod common;

use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use common::{Answer, request, serve};
use serde_json::{Value, json};
use sessionmint_demo::notes::{self, Notes};
use sessionmint_verify::Verifier;
use tempfile::TempDir;

const ISSUER: &str = "http://api.app.localhost:4181/iam";
const AUDIENCE: &str = "http://api.app.localhost:4181";
const UI: &str = "http://ui.app.localhost:4180";
const ALICE: &str = "usr_alice";
const BOB: &str = "usr_bob";

struct Setup {
    service: SocketAddr,
    key: Ed25519KeyPair,
    _folder: TempDir,
}

impl Setup {
    async fn new() -> Self {
        let key = Ed25519KeyPair::generate().unwrap();
        let x = URL_SAFE_NO_PAD.encode(key.public_key());
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": "k", "x": x});
        let keys = Router::new().route(
            "/jwks",
            get(move || async move { Json(json!({"keys": [jwk]})) }),
        );
        let keys = serve(keys).await;
        let verifier = Verifier::builder(ISSUER, AUDIENCE)
            .jwks_url(format!("http://{keys}/jwks"))
            .build()
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let notes = Notes::open(&folder.path().join("notes.db")).unwrap();
        let service = serve(notes::router(notes, &verifier, UI.parse().unwrap())).await;
        Self {
            service,
            key,
            _folder: folder,
        }
    }

    fn token(&self, sub: &str, scope: &str) -> String {
        #[expect(
            clippy::disallowed_methods,
            reason = "the service under test runs on the system's clock"
        )]
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs();
        let claims = json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": sub, "scope": scope, "exp": now + 60, "iat": now, "jti": "j", "client_id": "web",
        });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let input = format!(
            "{}.{}",
            part(&json!({"alg": "EdDSA", "typ": "at+jwt", "kid": "k"})),
            part(&claims)
        );
        format!(
            "{input}.{}",
            URL_SAFE_NO_PAD.encode(self.key.sign(input.as_bytes()))
        )
    }

    async fn call(&self, token: &str, method: &str, path: &str, body: &str) -> Answer {
        let authorization = format!("authorization: Bearer {token}");
        let headers = [
            authorization.as_str(),
            "content-type: application/json",
            &format!("origin: {UI}"),
        ];
        request(self.service, method, path, &headers, body).await
    }

    /// With a token for everything.
    async fn call_as(&self, user: &str, method: &str, path: &str, body: &str) -> Answer {
        self.call(
            &self.token(user, "notes:read notes:write"),
            method,
            path,
            body,
        )
        .await
    }

    async fn texts(&self, user: &str) -> Vec<String> {
        let list = self.call_as(user, "GET", "/notes", "").await.json();
        list["notes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|note| note["text"].as_str().unwrap().to_owned())
            .collect()
    }
}

#[tokio::test]
async fn notes_are_written_listed_and_deleted() {
    let setup = Setup::new().await;
    let first = setup
        .call_as(ALICE, "POST", "/notes", r#"{"text":"first"}"#)
        .await;
    assert_eq!(first.status, 201);
    assert!(first.json()["created_at"].as_i64().unwrap() > 1_700_000_000);
    setup
        .call_as(
            ALICE,
            "POST",
            "/notes",
            &json!({"text": "'; DROP TABLE notes; --"}).to_string(),
        )
        .await;
    assert_eq!(
        setup.texts(ALICE).await,
        ["'; DROP TABLE notes; --", "first"]
    );

    let path = format!("/notes/{}", first.json()["id"].as_str().unwrap());
    assert_eq!(setup.call_as(ALICE, "DELETE", &path, "").await.status, 204);
    assert_eq!(setup.call_as(ALICE, "DELETE", &path, "").await.status, 404);
    assert_eq!(setup.texts(ALICE).await, ["'; DROP TABLE notes; --"]);
}

#[tokio::test]
async fn users_see_only_their_own_notes() {
    let setup = Setup::new().await;
    let note = setup
        .call_as(ALICE, "POST", "/notes", r#"{"text":"secret"}"#)
        .await
        .json();
    assert!(setup.texts(BOB).await.is_empty());
    let others = setup
        .call_as(
            BOB,
            "DELETE",
            &format!("/notes/{}", note["id"].as_str().unwrap()),
            "",
        )
        .await;
    let unknown = setup.call_as(BOB, "DELETE", "/notes/999999", "").await;
    assert_eq!(
        (others.status, others.body.as_str()),
        (404, unknown.body.as_str())
    );
    assert_eq!(setup.texts(ALICE).await, ["secret"]);
}

#[tokio::test]
async fn every_route_asks_for_its_scope() {
    let setup = Setup::new().await;
    let (read, write) = (
        setup.token(ALICE, "notes:read"),
        setup.token(ALICE, "notes:write"),
    );
    let calls = [
        ("GET", "/notes", "notes:read"),
        ("POST", "/notes", "notes:write"),
        ("DELETE", "/notes/1", "notes:write"),
    ];
    for (method, path, scope) in calls {
        let (right, wrong) = if scope == "notes:read" {
            (&read, &write)
        } else {
            (&write, &read)
        };
        let refused = setup.call(wrong, method, path, r#"{"text":"x"}"#).await;
        assert_eq!(refused.status, 403);
        let challenge = format!(r#"Bearer error="insufficient_scope", scope="{scope}""#);
        assert_eq!(refused.header("www-authenticate"), Some(challenge.as_str()));
        assert_ne!(
            setup
                .call(right, method, path, r#"{"text":"x"}"#)
                .await
                .status,
            403
        );
    }
}

#[tokio::test]
async fn c131_the_session_cookie_alone_is_no_token() {
    let setup = Setup::new().await;
    let cookie = format!(
        "cookie: __Host-Http-sid={}",
        setup.token(ALICE, "notes:read")
    );
    let answer = request(setup.service, "GET", "/notes", &[&cookie], "").await;
    assert_eq!(
        (answer.status, answer.header("www-authenticate")),
        (401, Some("Bearer"))
    );
}

#[tokio::test]
async fn c134_a_client_that_acts_for_itself_has_no_notes() {
    let setup = Setup::new().await;
    assert_eq!(
        setup
            .call_as("cli_worker", "GET", "/notes", "")
            .await
            .status,
        403
    );
    assert_eq!(
        setup
            .call_as("cli_worker", "POST", "/notes", r#"{"text":"x"}"#)
            .await
            .status,
        403
    );
}

#[tokio::test]
async fn what_is_no_note_is_refused_with_a_problem() {
    let setup = Setup::new().await;
    let text = |length: usize| json!({"text": "ä".repeat(length)}).to_string();
    let bad = [
        ("{}".to_owned(), 422),
        (r#"{"text":1}"#.to_owned(), 422),
        (r#"{"text":" "}"#.to_owned(), 422),
        ("nonsense".to_owned(), 400),
        (r#"{"text":"x","owner":"usr_bob"}"#.to_owned(), 422),
        (text(1001), 422),
        (text(20_000), 413),
    ];
    for (body, status) in bad {
        let answer = setup.call_as(ALICE, "POST", "/notes", &body).await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (status, Some("application/problem+json"))
        );
    }
    assert_eq!(
        setup
            .call_as(ALICE, "POST", "/notes", &text(1000))
            .await
            .status,
        201
    );
    let authorization = format!(
        "authorization: Bearer {}",
        setup.token(ALICE, "notes:write")
    );
    let form = request(
        setup.service,
        "POST",
        "/notes",
        &[&authorization, "content-type: text/plain"],
        r#"{"text":"x"}"#,
    )
    .await;
    assert_eq!(form.status, 415);
    assert_eq!(
        setup.call_as(ALICE, "GET", "/nothing", "").await.status,
        404
    );
}

#[tokio::test]
async fn the_app_can_read_the_401_and_no_other_page_anything() {
    let setup = Setup::new().await;
    let refused = setup.call("nonsense", "GET", "/notes", "").await;
    assert_eq!(refused.status, 401);
    assert_eq!(refused.header("access-control-allow-origin"), Some(UI));
    assert_eq!(
        refused.header("access-control-expose-headers"),
        Some("www-authenticate,retry-after")
    );

    let ask = [
        "access-control-request-method: DELETE",
        "access-control-request-headers: authorization,content-type",
    ];
    let preflight = request(
        setup.service,
        "OPTIONS",
        "/notes/1",
        &[&format!("origin: {UI}"), ask[0], ask[1]],
        "",
    )
    .await;
    assert_eq!(preflight.status, 200);
    assert_eq!(
        preflight.header("access-control-allow-headers"),
        Some("authorization,content-type")
    );
    for origin in [
        "http://evil.app.localhost:4180",
        "http://ui.app.localhost",
        "http://ui.app.localhost:41800",
        "null",
    ] {
        let other = request(
            setup.service,
            "GET",
            "/notes",
            &[&format!("origin: {origin}")],
            "",
        )
        .await;
        assert_eq!(
            other.header("access-control-allow-origin"),
            None,
            "{origin}"
        );
    }
}
