//! Clients that prove who they are, and get tokens for themselves.

use axum::body::Body;
use axum::http::{Method, Request, header};
use sessionmint_iam::testing::{Answer, ISSUER, ORIGIN, RESOURCE, TestService, worker_client};
use sessionmint_oauth::{ClientAuthentication, ClientKeys, ClientSubject, GrantType, OAuthClient};
use sessionmint_store::{
    Audit as _, AuditFilter, AuditKind, AuditReason, By, ClientSecret, OAuthClients as _,
};

use crate::support::{PASSWORD, assert_minted, assert_oauth_error, bearer};

const SECRET: &str = "sms_right";
const GRANT: &str = "grant_type=client_credentials";
const WORKER: Option<(&str, &str)> = Some(("worker", SECRET));

async fn service() -> TestService {
    let service = TestService::start().await;
    service
        .add_oauth_client(worker_client(), Some(SECRET))
        .await;
    service
}

async fn ask(service: &TestService, basic: Option<(&str, &str)>, more: &str) -> Answer {
    service
        .form("/oauth/token", basic, &format!("{GRANT}{more}"))
        .await
}

/// Another client than `worker` in this.
fn other(id: &str, number: u8, authentication: ClientAuthentication) -> OAuthClient {
    OAuthClient {
        client_id: id.parse().unwrap(),
        subject: ClientSubject::from_random([number; 16]),
        authentication,
        ..worker_client()
    }
}

#[track_caller]
fn assert_challenged(answer: &Answer) {
    assert_oauth_error(answer, 401, "invalid_client");
    assert!(
        answer
            .header(header::WWW_AUTHENTICATE)
            .starts_with("Basic ")
    );
    assert_eq!(
        answer.json().as_object().unwrap().len(),
        1,
        "no more than the code"
    );
}

#[tokio::test]
async fn c039_a_client_gets_a_token_for_itself() {
    let service = service().await;
    let answer = ask(&service, WORKER, "").await;
    let claims = assert_minted(&answer);
    let subject = worker_client().subject;
    assert_eq!(claims["sub"], subject.as_str());
    assert!(claims["sub"].as_str().unwrap().starts_with("cli_"));
    assert_eq!(claims["client_id"], "worker");
    assert_eq!(claims["aud"], RESOURCE);
    assert_eq!(claims["scope"], "notes:read");
    for absent in ["sid", "auth_time", "gid", "act"] {
        assert!(claims.get(absent).is_none(), "{absent}");
    }
    let json = answer.json();
    let names: Vec<_> = json
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(names, ["access_token", "expires_in", "scope", "token_type"]);
    assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
    assert!(
        !answer
            .headers
            .contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN)
    );
}

#[tokio::test]
async fn c134_a_clients_token_is_no_users_at_the_account_endpoints() {
    let service = service().await;
    let more = format!("&resource={ISSUER}&scope=account");
    let token = ask(&service, WORKER, &more).await.access_token();
    for path in ["/iam/userinfo", "/iam/sessions"] {
        let answer = service.send(bearer(Method::GET, path, &token)).await;
        assert_eq!(answer.status, 401, "{path}");
    }
}

#[tokio::test]
async fn c036_scope_and_resource_stay_within_the_client() {
    let service = service().await;
    let claims = assert_minted(&ask(&service, WORKER, "&scope=notes:write").await);
    assert_eq!(claims["scope"], "notes:write");
    let beyond = ask(&service, WORKER, "&scope=admin").await;
    assert_oauth_error(&beyond, 400, "invalid_scope");
    let beyond = ask(&service, WORKER, "&resource=https://other.example.com").await;
    assert_oauth_error(&beyond, 400, "invalid_target");
    let two = format!("&resource={RESOURCE}&resource={ISSUER}");
    assert_oauth_error(&ask(&service, WORKER, &two).await, 400, "invalid_target");
}

#[tokio::test]
async fn c030_grants_that_never_exist_are_unsupported() {
    let service = service().await;
    for grant in [
        "password",
        "implicit",
        "x",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
    ] {
        let body = format!("grant_type={grant}");
        let answer = service.form("/oauth/token", WORKER, &body);
        assert_oauth_error(&answer.await, 400, "unsupported_grant_type");
    }
}

#[tokio::test]
async fn c031_a_client_uses_only_the_grants_that_it_has() {
    let service = service().await;
    let exchanger = OAuthClient {
        grants: vec![GrantType::TokenExchange],
        ..other("exchanger", 2, ClientAuthentication::ClientSecretBasic)
    };
    service.add_oauth_client(exchanger, Some("other")).await;
    let answer = ask(&service, Some(("exchanger", "other")), "").await;
    assert_oauth_error(&answer, 400, "unauthorized_client");
}

#[tokio::test]
async fn c039_a_public_client_gets_none_however_it_is_registered() {
    let service = service().await;
    let public = other("public", 2, ClientAuthentication::None);
    service.add_oauth_client(public, None).await;
    let answer = ask(&service, None, "&client_id=public").await;
    assert_oauth_error(&answer, 400, "unauthorized_client");
}

#[tokio::test]
async fn c104_two_ways_in_one_request_are_refused() {
    let service = service().await;
    for more in [
        "&client_secret=sms_right",
        "&client_id=worker&client_secret=sms_right",
        "&client_assertion=x&client_assertion_type=x",
    ] {
        assert_oauth_error(&ask(&service, WORKER, more).await, 400, "invalid_request");
    }
    let answer = ask(&service, WORKER, "&client_id=other").await;
    assert_oauth_error(&answer, 400, "invalid_request");
}

#[tokio::test]
async fn c105_a_client_has_one_way_and_no_other() {
    let service = service().await;
    service
        .add_oauth_client(
            other("post", 2, ClientAuthentication::ClientSecretPost),
            Some("p"),
        )
        .await;
    service
        .add_oauth_client(
            other("public", 3, ClientAuthentication::None),
            Some("embedded"),
        )
        .await;
    let keys = Some(ClientKeys::Jwks("{}".to_owned()));
    let signer = OAuthClient {
        keys,
        ..other("signer", 4, ClientAuthentication::PrivateKeyJwt)
    };
    service.add_oauth_client(signer, Some("s")).await;

    let post = ask(&service, None, "&client_id=post&client_secret=p").await;
    assert_minted(&post);
    assert_challenged(&ask(&service, Some(("post", "p")), "").await);
    let basic_in_form = ask(&service, None, "&client_id=worker&client_secret=sms_right").await;
    assert_oauth_error(&basic_in_form, 400, "invalid_client");
    assert_challenged(&ask(&service, Some(("signer", "s")), "").await);
    for id in ["worker", "post", "signer"] {
        let name_alone = ask(&service, None, &format!("&client_id={id}")).await;
        assert_oauth_error(&name_alone, 400, "invalid_client");
    }
}

#[tokio::test]
async fn c113_a_secret_that_is_embedded_in_a_public_client_counts_for_nothing() {
    let service = service().await;
    let public = other("public", 3, ClientAuthentication::None);
    service.add_oauth_client(public, Some("embedded")).await;
    assert_challenged(&ask(&service, Some(("public", "embedded")), "").await);
    let posted = ask(&service, None, "&client_id=public&client_secret=embedded").await;
    assert_oauth_error(&posted, 400, "invalid_client");
    let browser = ask(&service, None, "&client_id=web&client_secret=x").await;
    assert_oauth_error(&browser, 400, "invalid_client");
}

#[tokio::test]
async fn c106_special_characters_in_id_and_secret_are_form_encoded() {
    let service = service().await;
    let secret = "p%q+r s&ü=:";
    service.add_secret(&worker_client().client_id, secret).await;
    let encoded: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    assert_minted(&ask(&service, Some(("w%6Frker", &encoded)), "").await);
    assert_challenged(&ask(&service, Some(("worker", secret)), "").await);
}

#[tokio::test]
async fn c107_a_wrong_secret_is_challenged_and_says_nothing() {
    let service = service().await;
    let wrong = ask(&service, Some(("worker", "sms_wrong")), "").await;
    let unknown = ask(&service, Some(("nobody", "sms_wrong")), "").await;
    let not_an_id = ask(&service, Some(("usr_x", "sms_wrong")), "").await;
    for answer in [&wrong, &unknown, &not_an_id] {
        assert_challenged(answer);
        assert_eq!(answer.body, wrong.body);
    }
    assert_oauth_error(&ask(&service, None, "").await, 400, "invalid_client");
    let request = Request::builder()
        .method(Method::POST)
        .uri("/iam/oauth/token")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::AUTHORIZATION, "Bearer x")
        .body(Body::from(GRANT))
        .unwrap();
    assert_challenged(&service.send(request).await);
}

#[tokio::test]
async fn c107_wrong_secrets_shut_out_their_network_and_nobody_else() {
    let service = TestService::start_with(
        |config| config.trusted_proxies = vec!["0.0.0.0/0".parse().unwrap()],
        None,
    )
    .await;
    service
        .add_oauth_client(worker_client(), Some(SECRET))
        .await;
    let neighbour = other("neighbour", 2, ClientAuthentication::ClientSecretPost);
    service.add_oauth_client(neighbour, Some("n")).await;
    let from = async |network: &str, body: &str| {
        let request = Request::builder()
            .method(Method::POST)
            .uri("/iam/oauth/token")
            .header("x-forwarded-for", network)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let request = if body.contains("neighbour") {
            request
        } else {
            let secret = if body.contains("right") {
                SECRET
            } else {
                "sms_wrong"
            };
            let pair = format!("worker:{secret}");
            let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, pair);
            request.header(header::AUTHORIZATION, format!("Basic {encoded}"))
        };
        let request = request.body(Body::from(format!("{GRANT}&{body}"))).unwrap();
        service.send(request).await
    };
    let mut refused = 0;
    for _ in 0..500 {
        let answer = from("192.0.2.1", "").await;
        refused += u32::from(answer.status == 429);
        if answer.status == 429 {
            assert_oauth_error(&answer, 429, "slow_down");
            assert!(!answer.header(header::RETRY_AFTER).is_empty());
        }
    }
    assert_eq!(refused, 490, "ten guesses");
    assert_eq!(from("192.0.2.1", "right=1").await.status, 429);
    assert_minted(&from("198.51.100.7", "right=1").await);
    let neighbour = from("192.0.2.1", "client_id=neighbour&client_secret=n").await;
    assert_minted(&neighbour);
}

#[tokio::test]
async fn c111_both_secrets_are_good_until_one_is_dropped() {
    let service = service().await;
    let worker = worker_client().client_id;
    service.add_secret(&worker, "sms_next").await;
    let next = Some(("worker", "sms_next"));
    assert_minted(&ask(&service, WORKER, "").await);
    assert_minted(&ask(&service, next, "").await);
    let secrets: Vec<ClientSecret> = service.store.client_secrets(&worker).await.unwrap();
    let by = By::service(sessionmint_iam::testing::START);
    let removed = service
        .store
        .remove_client_secret(&worker, &secrets[0].id, by);
    removed.await.unwrap();
    assert_challenged(&ask(&service, WORKER, "").await);
    assert_minted(&ask(&service, next, "").await);
}

#[tokio::test]
async fn c111_a_disabled_client_is_refused_at_once() {
    let service = service().await;
    let worker = worker_client().client_id;
    for (disabled, status) in [(true, 401), (false, 200)] {
        let by = By::service(sessionmint_iam::testing::START);
        let set = service
            .store
            .set_oauth_client_disabled(&worker, disabled, by);
        set.await.unwrap();
        assert_eq!(ask(&service, WORKER, "").await.status.as_u16(), status);
    }
}

#[tokio::test]
async fn a_page_gets_no_token_of_a_client() {
    let service = service().await;
    for (origin, status) in [(ORIGIN, 400), ("https://evil.example", 403), ("null", 403)] {
        let request = Request::builder()
            .method(Method::POST)
            .uri("/iam/oauth/token")
            .header(header::ORIGIN, origin)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::AUTHORIZATION, "Basic d29ya2VyOnNtc19yaWdodA==")
            .body(Body::from(GRANT))
            .unwrap();
        let answer = service.send(request).await;
        assert_eq!(answer.status.as_u16(), status, "{origin}");
        assert!(!String::from_utf8_lossy(&answer.body).contains("access_token"));
    }
}

#[tokio::test]
async fn an_outage_is_no_wrong_secret() {
    let service = service().await;
    service.store.set_down(true);
    let answer = ask(&service, WORKER, "").await;
    assert_oauth_error(&answer, 503, "temporarily_unavailable");
    assert!(!answer.header(header::RETRY_AFTER).is_empty());
    service.store.set_down_after(1);
    let answer = ask(&service, WORKER, "").await;
    assert_oauth_error(&answer, 503, "temporarily_unavailable");
}

#[tokio::test]
async fn c151_refused_clients_are_recorded_and_nothing_else() {
    let service = service().await;
    service.add_user("ada", PASSWORD).await;
    assert_minted(&ask(&service, WORKER, "").await);
    for _ in 0..3 {
        ask(&service, Some(("worker", "sms_wrong")), "").await;
    }
    service.app.write_refusals().await.unwrap();
    let filter = AuditFilter {
        kinds: vec![AuditKind::ClientRefused],
        ..AuditFilter::default()
    };
    let records = service.store.audit(&filter, None, 10).await.unwrap();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].reason, Some(AuditReason::Rejected));
    assert_eq!(records[0].client_id, Some(worker_client().client_id));
    assert_eq!(records[0].attempts, Some(3));
}
