//! What several topics need.

use axum::body::Body;
use axum::http::{Method, Request, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use sessionmint_access::{Grantee, Record, RecordId, Role, Subject};
use sessionmint_iam::random;
use sessionmint_iam::testing::{Answer, ISSUER, ORIGIN, START, TestService, worker_client};
use sessionmint_oauth::cookie::SESSION_COOKIE;
use sessionmint_oauth::{ClientId, ClientSubject, OAuthClient, UserId};
use sessionmint_store::{AddRecord, By, Roles as _};

/// A client that acts for itself: who it is, and its token for the service itself.
pub(crate) struct ServiceAccount {
    pub(crate) id: ClientId,
    pub(crate) subject: Subject,
    pub(crate) token: String,
}

/// Registers a client for the scopes `access:check`, `admin` and `account`, and has it get a token with `scope`.
pub(crate) async fn service_account(
    service: &TestService,
    id: &str,
    scope: &str,
) -> ServiceAccount {
    const SECRET: &str = "sms_right";
    let subject = ClientSubject::from_random(random::bytes(&*service.random).unwrap());
    let client = OAuthClient {
        client_id: id.parse().unwrap(),
        subject: subject.clone(),
        default_resource: ISSUER.to_owned(),
        resources: vec![ISSUER.to_owned()],
        scopes: "access:check account admin".parse().unwrap(),
        default_scopes: "access:check".parse().unwrap(),
        ..worker_client()
    };
    service.add_oauth_client(client, Some(SECRET)).await;
    let form = format!("grant_type=client_credentials&scope={scope}");
    let answer = service
        .form("/oauth/token", Some((id, SECRET)), &form)
        .await;
    assert_minted(&answer);
    ServiceAccount {
        id: id.parse().unwrap(),
        subject: Subject::Client(subject),
        token: answer.access_token(),
    }
}

/// A request of a service, with a JSON body unless that is null.
pub(crate) fn service_request(
    method: Method,
    path: &str,
    token: &str,
    body: &Value,
) -> Request<Body> {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::AUTHORIZATION, format!("Bearer {token}"));
    if body.is_null() {
        return request.body(Body::empty()).unwrap();
    }
    request
        .header(header::CONTENT_TYPE, "application/json")
        .body(body.to_string().into())
        .unwrap()
}

/// Gives somebody a role of these permissions on resources.
pub(crate) async fn give(
    service: &TestService,
    who: &Subject,
    permissions: &[&str],
    pattern: &str,
) -> RecordId {
    let id = RecordId::from_random(random::bytes(&*service.random).unwrap());
    let role = Role {
        name: format!("role-{}", id.as_str()).parse().unwrap(),
        permissions: permissions.iter().map(|p| p.parse().unwrap()).collect(),
    };
    let record = Record {
        id: id.clone(),
        grantee: Grantee::Subject(who.clone()),
        role: role.name.clone(),
        pattern: pattern.parse().unwrap(),
    };
    let by = By::service(START);
    service.store.add_role(role, by.clone()).await.unwrap();
    let added = service.store.add_record(record, by).await;
    assert_eq!(added, Ok(AddRecord::Added));
    id
}

pub(crate) const PASSWORD: &str = "correct horse battery";

/// A service with the user `ada`, who is signed in.
pub(crate) async fn signed_in() -> (TestService, UserId, String) {
    let service = TestService::start().await;
    let ada = service.add_user("ada", PASSWORD).await;
    let cookie = service.sign_in("ada", PASSWORD).await;
    (service, ada, cookie)
}

/// A mint with this `Cookie` field, which need not be text.
pub(crate) fn mint_with_cookie_field(field: &[u8]) -> Request<Body> {
    let mut request = sessionmint_iam::testing::mint_request("", "");
    request.headers_mut().insert(
        header::COOKIE,
        http::HeaderValue::from_bytes(field).unwrap(),
    );
    request
}

pub(crate) fn logout_request(cookie: &str) -> Request<Body> {
    Request::builder()
        .method(Method::POST)
        .uri("/iam/logout")
        .header(header::ORIGIN, ORIGIN)
        .header(header::COOKIE, format!("{SESSION_COOKIE}={cookie}"))
        .body(Body::empty())
        .unwrap()
}

pub(crate) fn bearer(method: Method, path: &str, token: &str) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri(path)
        .header(header::ORIGIN, ORIGIN)
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .body(Body::empty())
        .unwrap()
}

/// Header and claims of a token, unverified.
pub(crate) fn decode(token: &str) -> (Value, Value) {
    let mut parts = token
        .split('.')
        .map(|part| URL_SAFE_NO_PAD.decode(part).unwrap());
    let mut json = || serde_json::from_slice(&parts.next().unwrap()).unwrap();
    (json(), json())
}

#[track_caller]
pub(crate) fn assert_minted(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    decode(&answer.access_token()).1
}

/// The answer on which clients sign out, and with which their script can read it.
#[track_caller]
pub(crate) fn assert_login_required(answer: &Answer) {
    assert_eq!(answer.status, 401, "{answer:?}");
    assert_eq!(&answer.body[..], br#"{"error":"login_required"}"#);
    assert_eq!(answer.header(header::WWW_AUTHENTICATE), "Session");
    assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
    assert_eq!(answer.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), ORIGIN);
    assert_eq!(
        answer.header(header::ACCESS_CONTROL_ALLOW_CREDENTIALS),
        "true"
    );
}

/// No token, no cookie, and no script may read it.
#[track_caller]
pub(crate) fn assert_denied(answer: &Answer, what: &str) {
    assert_eq!(answer.status, 403, "{what}: {answer:?}");
    assert!(!answer.headers.contains_key(header::SET_COOKIE), "{what}");
    assert!(
        !answer
            .headers
            .contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN),
        "{what}"
    );
    assert!(
        !answer
            .headers
            .contains_key(header::ACCESS_CONTROL_ALLOW_CREDENTIALS),
        "{what}"
    );
    assert_eq!(answer.header(header::VARY), "Origin", "{what}");
    assert!(
        !String::from_utf8_lossy(&answer.body).contains("access_token"),
        "{what}"
    );
}

#[track_caller]
pub(crate) fn assert_oauth_error(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status.as_u16(), status, "{answer:?}");
    assert_eq!(answer.json()["error"], code);
    assert_eq!(
        answer.header(header::CONTENT_TYPE),
        "application/json;charset=UTF-8"
    );
    assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
}
