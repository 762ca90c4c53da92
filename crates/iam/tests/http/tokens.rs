//! Tokens that are exchanged, given back and asked about.

use axum::body::Body;
use axum::http::{Method, Request, header};
use serde_json::{Value, json};
use sessionmint_iam::testing::{
    Answer, ISSUER, ORIGIN, RESOURCE, START, TestService, worker_client,
};
use sessionmint_oauth::exchange::ACCESS_TOKEN;
use sessionmint_oauth::{
    ClaimsToSign, ClientAuthentication, ClientSubject, GrantClaims, GrantId, GrantType,
    OAuthClient, RefreshToken, RefreshTokenHash,
};
use sessionmint_store::{
    Actor, Audit as _, AuditFilter, AuditKind, AuditReason, By, Clients as _, Grants as _,
    NewGrant, OAuthClients as _, Sessions as _, StartGrant, Users as _,
};

use crate::support::{PASSWORD, assert_minted, assert_oauth_error, bearer, logout_request};

const WORKER: Option<(&str, &str)> = Some(("worker", "w"));
const NEXT: Option<(&str, &str)> = Some(("next", "n"));

/// A service of ada's, who is signed in: `worker` and `next` may act on behalf of users, and ask about their tokens.
async fn service() -> (TestService, String) {
    let service = TestService::start().await;
    service.add_user("ada", PASSWORD).await;
    let cookie = service.sign_in("ada", PASSWORD).await;
    let worker = OAuthClient {
        grants: vec![GrantType::ClientCredentials, GrantType::TokenExchange],
        ..worker_client()
    };
    let next = OAuthClient {
        client_id: "next".parse().unwrap(),
        subject: ClientSubject::from_random([8; 16]),
        scopes: "notes:read other".parse().unwrap(),
        ttl: 60,
        ..worker.clone()
    };
    service.add_oauth_client(worker, Some("w")).await;
    service.add_oauth_client(next, Some("n")).await;
    (service, cookie)
}

async fn exchange(
    service: &TestService,
    client: Option<(&str, &str)>,
    token: &str,
    more: &str,
) -> Answer {
    let body = format!(
        "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token={token}\
         &subject_token_type={ACCESS_TOKEN}{more}"
    );
    service.form("/oauth/token", client, &body).await
}

async fn introspect(service: &TestService, client: Option<(&str, &str)>, token: &str) -> Value {
    let answer = service
        .form("/oauth/introspect", client, &format!("token={token}"))
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
    answer.json()
}

async fn revoke(service: &TestService, client: Option<(&str, &str)>, token: &str) {
    let answer = service
        .form("/oauth/revoke", client, &format!("token={token}"))
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

fn inactive() -> Value {
    json!({"active": false})
}

#[tokio::test]
async fn c040_an_exchanged_token_is_the_users_and_says_who_acts() {
    let (service, cookie) = service().await;
    let minted = service.mint(&cookie, "").await;
    let subject = assert_minted(&minted);
    service.clock.advance_secs(100);
    let answer = exchange(
        &service,
        WORKER,
        &minted.access_token(),
        "&scope=notes:read",
    )
    .await;
    let claims = assert_minted(&answer);
    for same in ["sub", "sid", "auth_time", "exp"] {
        assert_eq!(claims[same], subject[same], "{same}");
    }
    assert_eq!(claims["client_id"], "worker");
    assert_eq!(claims["scope"], "notes:read");
    assert_ne!(claims["jti"], subject["jti"]);
    let worker = worker_client().subject;
    assert_eq!(claims["act"], json!({"sub": worker.as_str()}));
    let json = answer.json();
    assert_eq!(json["issued_token_type"], ACCESS_TOKEN);
    assert_eq!(json["expires_in"], 200);
    assert!(json.get("refresh_token").is_none());

    let again = exchange(&service, NEXT, &answer.access_token(), "").await;
    let claims = assert_minted(&again);
    let next = ClientSubject::from_random([8; 16]);
    let chain = json!({"sub": next.as_str(), "act": {"sub": worker.as_str()}});
    assert_eq!(claims["act"], chain);
    assert_eq!(
        again.json()["expires_in"],
        60,
        "the client's own lifetime is shorter"
    );
}

#[tokio::test]
async fn c040_an_exchange_never_widens() {
    let (service, cookie) = service().await;
    let read = service
        .mint(&cookie, "scope=notes:read")
        .await
        .access_token();
    for beyond in ["notes:write", "account", "other", "notes:read+notes:write"] {
        let answer = exchange(&service, WORKER, &read, &format!("&scope={beyond}")).await;
        assert_oauth_error(&answer, 400, "invalid_scope");
    }
    let claims = assert_minted(&exchange(&service, WORKER, &read, "").await);
    assert_eq!(
        claims["scope"], "notes:read",
        "not the client's default or more"
    );
    let elsewhere = "&resource=https://other.example.com";
    assert_oauth_error(
        &exchange(&service, WORKER, &read, elsewhere).await,
        400,
        "invalid_target",
    );
}

#[tokio::test]
async fn c040_without_a_subject_token_there_is_none_for_the_client_either() {
    let (service, cookie) = service().await;
    let token = service.mint(&cookie, "").await.access_token();
    let grant = "grant_type=urn:ietf:params:oauth:grant-type:token-exchange";
    let kind = format!("subject_token_type={ACCESS_TOKEN}");
    for body in [
        grant.to_owned(),
        format!("{grant}&{kind}"),
        format!("{grant}&{kind}&subject_token="),
        format!("{grant}&subject_token={token}"),
        format!("{grant}&{kind}&subject_token={token}&subject_token={token}"),
        format!("{grant}&{kind}&subject_token={token}&actor_token={token}"),
    ] {
        let answer = service.form("/oauth/token", WORKER, &body).await;
        assert_oauth_error(&answer, 400, "invalid_request");
    }
    let own = service
        .form("/oauth/token", WORKER, "grant_type=client_credentials")
        .await;
    let answer = exchange(&service, WORKER, &own.access_token(), "").await;
    assert_oauth_error(&answer, 400, "invalid_grant");
    assert_oauth_error(
        &exchange(&service, WORKER, "x", "").await,
        400,
        "invalid_grant",
    );
}

#[tokio::test]
async fn c041_only_live_tokens_for_the_clients_own_services_are_exchanged() {
    let (service, cookie) = service().await;
    let stranger = OAuthClient {
        client_id: "stranger".parse().unwrap(),
        subject: ClientSubject::from_random([7; 16]),
        default_resource: "https://other.example.com".to_owned(),
        resources: vec!["https://other.example.com".to_owned()],
        grants: vec![GrantType::TokenExchange],
        ..worker_client()
    };
    service.add_oauth_client(stranger, Some("s")).await;
    let token = service.mint(&cookie, "").await.access_token();
    let answer = exchange(&service, Some(("stranger", "s")), &token, "").await;
    assert_oauth_error(&answer, 400, "invalid_grant");
    assert_minted(&exchange(&service, WORKER, &token, "").await);
    service.send(logout_request(&cookie)).await;
    assert_oauth_error(
        &exchange(&service, WORKER, &token, "").await,
        400,
        "invalid_grant",
    );

    let cookie = service.sign_in("ada", PASSWORD).await;
    let token = service.mint(&cookie, "").await.access_token();
    service.clock.advance_secs(300);
    assert_oauth_error(
        &exchange(&service, WORKER, &token, "").await,
        400,
        "invalid_grant",
    );
}

#[tokio::test]
async fn c041_what_is_exchanged_ends_with_the_session_and_never_reaches_the_account() {
    let (service, cookie) = service().await;
    let token = service.account_token(&cookie).await;
    let exchanged = exchange(
        &service,
        WORKER,
        &token,
        &format!("&resource={ISSUER}&scope=account"),
    )
    .await;
    let acting = exchanged.access_token();
    let answer = service
        .send(bearer(Method::GET, "/iam/sessions", &acting))
        .await;
    assert_eq!(answer.status, 401, "{answer:?}");
    assert_eq!(introspect(&service, NEXT, &acting).await["active"], true);
    service.send(logout_request(&cookie)).await;
    assert_eq!(introspect(&service, NEXT, &acting).await, inactive());
}

#[tokio::test]
async fn c044_a_service_is_told_what_is_in_a_token_for_it() {
    let (service, cookie) = service().await;
    let minted = service.mint(&cookie, "").await;
    let claims = assert_minted(&minted);
    let told = introspect(&service, WORKER, &minted.access_token()).await;
    assert_eq!(told["active"], true);
    assert_eq!(told["token_type"], "Bearer");
    for same in [
        "iss",
        "sub",
        "aud",
        "exp",
        "iat",
        "jti",
        "client_id",
        "sid",
        "scope",
        "auth_time",
    ] {
        assert_eq!(told[same], claims[same], "{same}");
    }
    let own = service
        .form("/oauth/token", WORKER, "grant_type=client_credentials")
        .await;
    assert_eq!(
        introspect(&service, NEXT, &own.access_token()).await["active"],
        true
    );
}

#[tokio::test]
async fn c044_of_any_other_token_nothing_is_told() {
    let (service, cookie) = service().await;
    let other = OAuthClient {
        client_id: "other".parse().unwrap(),
        subject: ClientSubject::from_random([7; 16]),
        default_resource: "https://other.example.com".to_owned(),
        resources: vec!["https://other.example.com".to_owned()],
        ..worker_client()
    };
    service.add_oauth_client(other, Some("o")).await;
    let token = service.mint(&cookie, "").await.access_token();
    assert_eq!(
        introspect(&service, Some(("other", "o")), &token).await,
        inactive()
    );
    let (text, signature) = token.rsplit_once('.').unwrap();
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    let forged = format!("{text}.{first}{}", &signature[1..]);
    for token in ["x", "smr_x", forged.as_str(), cookie.as_str()] {
        assert_eq!(
            introspect(&service, WORKER, token).await,
            inactive(),
            "{token}"
        );
    }
    service.clock.advance_secs(300);
    assert_eq!(
        introspect(&service, WORKER, &token).await,
        inactive(),
        "over"
    );
}

#[tokio::test]
async fn c044_a_token_is_inactive_when_what_it_hangs_on_is_gone() {
    let (service, cookie) = service().await;
    let by = || By::service(START);
    let token = service.mint(&cookie, "").await.access_token();
    let own = service
        .form("/oauth/token", NEXT, "grant_type=client_credentials")
        .await;
    let own = own.access_token();
    let next = "next".parse().unwrap();
    for disabled in [true, false] {
        service
            .store
            .set_oauth_client_disabled(&next, disabled, by())
            .await
            .unwrap();
        assert_eq!(
            introspect(&service, WORKER, &own).await["active"],
            !disabled
        );
    }
    service
        .store
        .remove_oauth_client(&next, by())
        .await
        .unwrap();
    assert_eq!(
        introspect(&service, WORKER, &own).await,
        inactive(),
        "its client"
    );
    let again = OAuthClient {
        client_id: next,
        subject: ClientSubject::from_random([6; 16]),
        ..worker_client()
    };
    service.add_oauth_client(again, Some("n")).await;
    assert_eq!(
        introspect(&service, WORKER, &own).await,
        inactive(),
        "another of that name"
    );

    assert_eq!(introspect(&service, WORKER, &token).await["active"], true);
    let web = sessionmint_iam::testing::web_client();
    service
        .store
        .remove_client(&web.client_id, by())
        .await
        .unwrap();
    assert_eq!(
        introspect(&service, WORKER, &token).await,
        inactive(),
        "its app"
    );
    service.store.add_client(web, by()).await.unwrap();
    assert_eq!(introspect(&service, WORKER, &token).await["active"], true);
    let ada = service.store.user_by_name("ada").await.unwrap().unwrap();
    assert_eq!(service.store.sessions_of(&ada.id).await.unwrap().len(), 1);
    service
        .store
        .set_disabled(&ada.id, true, by())
        .await
        .unwrap();
    assert_eq!(
        introspect(&service, WORKER, &token).await,
        inactive(),
        "its user"
    );
}

#[tokio::test]
async fn c043_a_client_gives_back_its_own_tokens_and_no_others() {
    let (service, cookie) = service().await;
    let users = service.mint(&cookie, "").await.access_token();
    let exchanged = exchange(&service, WORKER, &users, "").await.access_token();
    for token in ["x", "smr_x", users.as_str(), exchanged.as_str()] {
        revoke(&service, NEXT, token).await;
    }
    revoke(&service, WORKER, &users).await;
    assert_eq!(introspect(&service, WORKER, &users).await["active"], true);
    assert_eq!(
        introspect(&service, WORKER, &exchanged).await["active"],
        true
    );
    for _ in 0..2 {
        revoke(&service, WORKER, &exchanged).await;
        assert_eq!(introspect(&service, NEXT, &exchanged).await, inactive());
        let answer = exchange(&service, NEXT, &exchanged, "").await;
        assert_oauth_error(&answer, 400, "invalid_grant");
    }
    let filter = AuditFilter {
        kinds: vec![AuditKind::TokenRevoked],
        ..AuditFilter::default()
    };
    let records = service.store.audit(&filter, None, 10).await.unwrap();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].actor, Actor::Client("worker".parse().unwrap()));
}

/// What ada granted `worker`, with a refresh token of that grant.
async fn granted(service: &TestService) -> (NewGrant, RefreshToken) {
    let ada = service.store.user_by_name("ada").await.unwrap().unwrap();
    let by = By::service(START);
    service
        .app
        .keys
        .refresh(&*service.app.store, &by)
        .await
        .unwrap();
    let (id, keys) = (
        GrantId::from_random([3; 16]),
        service.app.keys.for_refresh_tokens(),
    );
    let token = RefreshToken::first(&id, [4; 32], keys.newest(), &*keys).unwrap();
    let grant = NewGrant {
        id,
        client_id: worker_client().client_id,
        user_id: ada.id,
        session_id: None,
        scopes: "notes:read".parse().unwrap(),
        resources: vec![RESOURCE.to_owned()],
        auth_time: START,
        refresh_token: Some(RefreshTokenHash([5; 32])),
        absolute_end: START.plus_secs(1000),
        idle_end: START.plus_secs(1000),
    };
    let started = service.store.start_grant(grant.clone(), by).await;
    assert_eq!(started, Ok(StartGrant::Started));
    (grant, token)
}

#[tokio::test]
async fn c043_giving_a_refresh_token_back_ends_its_family() {
    let (service, _) = service().await;
    let (grant, token) = granted(&service).await;
    let cause = async || {
        let stored = service.store.grant(&grant.id).await.unwrap().unwrap();
        stored.revoked.map(|end| end.cause)
    };
    let text = token.as_str();
    let other_tag = format!("{}A{}", &text[..60], &text[61..]);
    revoke(&service, NEXT, text).await;
    revoke(&service, WORKER, &other_tag).await;
    assert_eq!(
        cause().await,
        None,
        "neither another client's nor a forged one"
    );
    assert_eq!(
        introspect(&service, WORKER, text).await,
        inactive(),
        "no access token"
    );
    revoke(&service, WORKER, text).await;
    assert_eq!(cause().await, Some(AuditReason::GivenBack));
    revoke(&service, WORKER, text).await;
}

#[tokio::test]
async fn c044_a_token_is_inactive_when_its_grant_is_over() {
    let (service, _) = service().await;
    let (grant, _) = granted(&service).await;
    let claims = GrantClaims {
        common: ClaimsToSign {
            iss: ISSUER,
            sub: grant.user_id.as_str(),
            aud: RESOURCE,
            exp: START.secs() + 2000,
            iat: START.secs(),
            jti: "1",
            client_id: "worker",
            sid: None,
            auth_time: None,
            scope: "notes:read",
        },
        gid: Some(&grant.id),
        act: None,
    };
    let mut token = String::new();
    service.app.keys.sign(&claims, START, &mut token).unwrap();
    let told = introspect(&service, NEXT, &token).await;
    assert_eq!(
        (&told["active"], &told["gid"]),
        (&json!(true), &json!(grant.id.as_str()))
    );
    service.clock.advance_secs(1000);
    assert_eq!(
        introspect(&service, NEXT, &token).await,
        inactive(),
        "by the clock"
    );
    service.clock.advance_secs(-1000);
    let by = By::service(START);
    let revoked = service
        .store
        .revoke_grant(&grant.id, AuditReason::Theft, by);
    revoked.await.unwrap();
    assert_eq!(
        introspect(&service, NEXT, &token).await,
        inactive(),
        "revoked"
    );
}

#[tokio::test]
async fn c112_who_asks_or_revokes_proves_who_it_is() {
    let (service, cookie) = service().await;
    let token = service.mint(&cookie, "").await.access_token();
    let public = OAuthClient {
        client_id: "public".parse().unwrap(),
        subject: ClientSubject::from_random([5; 16]),
        authentication: ClientAuthentication::None,
        ..worker_client()
    };
    service.add_oauth_client(public, None).await;
    let body = format!("token={token}");
    for path in ["/oauth/introspect", "/oauth/revoke"] {
        let wrong = service.form(path, Some(("worker", "wrong")), &body).await;
        assert_oauth_error(&wrong, 401, "invalid_client");
        assert_oauth_error(
            &service.form(path, None, &body).await,
            400,
            "invalid_client",
        );
        let named = format!("{body}&client_id=worker");
        assert_oauth_error(
            &service.form(path, None, &named).await,
            400,
            "invalid_client",
        );
        assert_oauth_error(
            &service.form(path, WORKER, "").await,
            400,
            "invalid_request",
        );
        let two = format!("{body}&token=x");
        assert_oauth_error(
            &service.form(path, WORKER, &two).await,
            400,
            "invalid_request",
        );
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("/iam{path}"))
            .header(header::ORIGIN, ORIGIN)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(format!("{body}&client_id=public")))
            .unwrap();
        let answer = service.send(request).await;
        assert_oauth_error(&answer, 403, "access_denied");
        assert!(
            !answer
                .headers
                .contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN)
        );
        service.store.set_down(true);
        let down = service.form(path, WORKER, &body).await;
        assert_oauth_error(&down, 503, "temporarily_unavailable");
        service.store.set_down(false);
    }
    let answer = service
        .form(
            "/oauth/introspect",
            None,
            &format!("{body}&client_id=public"),
        )
        .await;
    assert_oauth_error(&answer, 400, "unauthorized_client");
    assert_eq!(introspect(&service, WORKER, &token).await["aud"], RESOURCE);
}

#[tokio::test]
async fn c151_acting_for_a_user_is_recorded_with_who_acts() {
    let (service, cookie) = service().await;
    let token = service.mint(&cookie, "").await.access_token();
    for _ in 0..3 {
        assert_minted(&exchange(&service, WORKER, &token, "").await);
    }
    service.app.write_refusals().await.unwrap();
    let filter = AuditFilter {
        kinds: vec![AuditKind::TokenExchanged],
        ..AuditFilter::default()
    };
    let records = service.store.audit(&filter, None, 10).await.unwrap();
    assert_eq!(records.len(), 1);
    let ada = service.store.user_by_name("ada").await.unwrap().unwrap();
    assert_eq!(records[0].user_id, Some(ada.id));
    assert_eq!(records[0].actor, Actor::Client("worker".parse().unwrap()));
    assert_eq!(records[0].attempts, Some(3));
}
