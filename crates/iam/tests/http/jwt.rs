//! The tokens themselves.

use std::collections::HashSet;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sessionmint_iam::random::bytes;
use sessionmint_iam::testing::{ISSUER, RESOURCE, START, TestService};
use sessionmint_oauth::SessionId;
use sessionmint_store::{By, Clients as _};

use crate::support::{PASSWORD, assert_minted, decode, signed_in};

#[tokio::test]
async fn c047_the_header_names_type_algorithm_and_key() {
    let (service, _, cookie) = signed_in().await;
    let (header, _) = decode(&service.mint(&cookie, "").await.access_token());
    let jwks: serde_json::Value = serde_json::from_slice(&service.app.keys.jwks().body).unwrap();
    assert_eq!(
        header,
        serde_json::json!({ "typ": "at+jwt", "alg": "ES256", "kid": jwks["keys"][0]["kid"] })
    );
}

#[tokio::test]
async fn c048_c052_the_claims_are_all_there_and_nothing_else() {
    let (service, ada, cookie) = signed_in().await;
    let claims = assert_minted(&service.mint(&cookie, "").await);
    let names: HashSet<_> = claims
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let expected = [
        "iss",
        "sub",
        "aud",
        "exp",
        "iat",
        "jti",
        "client_id",
        "sid",
        "auth_time",
        "scope",
    ];
    assert_eq!(names, HashSet::from(expected));
    assert_eq!(claims["iss"], ISSUER);
    assert_eq!(claims["sub"], ada.as_str());
    assert_eq!(claims["aud"], RESOURCE);
    assert_eq!(claims["iat"], START.secs());
    assert_eq!(claims["exp"], START.secs() + 300);
    assert_eq!(claims["client_id"], "web");
    assert_eq!(claims["scope"], "notes:read notes:write");
    assert!(claims["sid"].as_str().unwrap().parse::<SessionId>().is_ok());
    assert!(!claims.to_string().contains("\"ada\""), "no user name");
    assert!(
        !claims["sid"].as_str().unwrap().contains(&cookie[..8]),
        "nothing of the cookie"
    );
}

#[tokio::test]
async fn c025_auth_time_is_the_sign_in_and_not_the_mint() {
    let (service, _, cookie) = signed_in().await;
    service.clock.advance_secs(1800);
    let claims = assert_minted(&service.mint(&cookie, "").await);
    assert_eq!(
        (&claims["auth_time"], &claims["iat"]),
        (&START.secs().into(), &(START.secs() + 1800).into())
    );
}

#[tokio::test]
async fn c049_every_token_has_an_id_of_its_own() {
    let service = TestService::start().await;
    let mut ids = HashSet::new();
    for _ in 0..300_000 {
        assert!(ids.insert(bytes::<16>(&*service.random).unwrap()));
    }
    service.add_user("ada", PASSWORD).await;
    let cookie = service.sign_in("ada", PASSWORD).await;
    let mut seen = HashSet::new();
    for _ in 0..200 {
        let claims = assert_minted(&service.mint(&cookie, "").await);
        let jti = claims["jti"].as_str().unwrap().to_owned();
        assert_eq!(URL_SAFE_NO_PAD.decode(&jti).unwrap().len(), 16);
        assert!(seen.insert(jti));
    }
}

#[tokio::test]
async fn c050_a_browsers_token_lives_for_300_seconds_at_most() {
    let (service, _, cookie) = signed_in().await;
    for (ttl, expected) in [(15, 15), (300, 300), (86_400, 300)] {
        let client = sessionmint_oauth::BrowserClient {
            ttl,
            ..sessionmint_iam::testing::web_client()
        };
        service
            .store
            .replace_client(client, None, By::service(START))
            .await
            .unwrap();
        let answer = service.mint(&cookie, "").await;
        assert_eq!(answer.json()["expires_in"], expected);
        let claims = assert_minted(&answer);
        assert_eq!(
            claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(),
            expected
        );
    }
}

#[tokio::test]
async fn c051_an_access_token_says_that_it_is_one() {
    let (service, _, cookie) = signed_in().await;
    let (header, claims) = decode(&service.mint(&cookie, "").await.access_token());
    assert_eq!(header["typ"], "at+jwt");
    for claim_of_other_tokens in ["nonce", "at_hash", "events", "azp"] {
        assert!(
            claims.get(claim_of_other_tokens).is_none(),
            "{claim_of_other_tokens}"
        );
    }
}

#[tokio::test]
async fn a_token_verifies_with_the_published_key_alone() {
    let (service, _, cookie) = signed_in().await;
    let token = service.mint(&cookie, "").await.access_token();
    let jwks: serde_json::Value = serde_json::from_slice(&service.app.keys.jwks().body).unwrap();
    let part = |name: &str| {
        URL_SAFE_NO_PAD
            .decode(jwks["keys"][0][name].as_str().unwrap())
            .unwrap()
    };
    let point = [vec![4], part("x"), part("y")].concat();
    let (message, signature) = token.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
        .verify(message.as_bytes(), &signature)
        .unwrap();
}
