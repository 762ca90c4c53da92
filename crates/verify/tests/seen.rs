//! Tokens that were checked before: the short way must never let more through than the long one.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod common;

use std::time::Duration;

use common::{Behaviour, Key, NOW, Service, claims};
use http::StatusCode;
use serde_json::json;

#[tokio::test]
async fn a_token_that_was_good_expires_all_the_same() {
    let key = Key::es256("k");
    let service = Service::with_keys(&[&key]).await;
    let mut claims = claims();
    claims["exp"] = json!(NOW + 60);
    let token = key.token(&claims);
    service.accepts(&token).await;
    service.clock.advance(64);
    service.accepts(&token).await;
    service.clock.advance(1);
    service.refuses("60 s and the leeway of 5 s", &token).await;
}

#[tokio::test]
async fn a_token_that_was_good_ends_with_its_key() {
    let (old, new) = (Key::es256("old"), Key::es256("new"));
    let service = Service::with_keys(&[&old]).await;
    let token = old.good_token();
    service.accepts(&token).await;
    service.keys.set(Behaviour::keys(&[new.jwk()]));
    service.clock.advance(10);
    // The unknown key makes it fetch.
    service.accepts(&new.good_token()).await;
    service.refuses("the key is withdrawn", &token).await;
}

#[tokio::test]
async fn a_key_of_the_same_name_does_not_vouch_for_what_another_signed() {
    let (old, new, other) = (Key::es256("k"), Key::es256("k"), Key::es256("other"));
    let service = Service::with_keys(&[&old]).await;
    let token = old.good_token();
    service.accepts(&token).await;
    service.keys.set(Behaviour::keys(&[new.jwk(), other.jwk()]));
    service.clock.advance(10);
    service.accepts(&other.good_token()).await;
    service.refuses("another key of that name", &token).await;
}

#[tokio::test]
async fn keys_that_are_too_old_vouch_for_nothing() {
    let key = Key::es256("k");
    let service = Service::start(Behaviour::keys(&[key.jwk()]), |builder| {
        builder.max_stale(Duration::from_secs(3600))
    })
    .await;
    let mut claims = claims();
    claims["exp"] = json!(NOW + 10_000);
    let token = key.token(&claims);
    service.accepts(&token).await;
    service
        .keys
        .set(Behaviour::status("500 Internal Server Error", "", ""));
    service.clock.advance(3600);
    service.accepts(&token).await;
    service.clock.advance(1);
    let status = service.get(&token).await.status();
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn every_other_token_is_checked() {
    let key = Key::es256("k");
    let service = Service::with_keys(&[&key]).await;
    let token = key.good_token();
    service.accepts(&token).await;
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (header, payload) = signed.split_once('.').unwrap();
    for (what, other) in [
        ("no signature", format!("{signed}.")),
        ("padding", format!("{token}=")),
        (
            "its parts in another order",
            format!("{payload}.{header}.{signature}"),
        ),
        ("one more part", format!("{token}.{signature}")),
        ("the signature of another", {
            let mut others = claims();
            others["sub"] = json!("usr_other");
            let another = key.token(&others);
            format!("{signed}.{}", another.rsplit_once('.').unwrap().1)
        }),
    ] {
        service.refuses(what, &other).await;
        service.refuses(what, &other).await;
    }
    service.accepts(&token).await;
}

#[tokio::test]
async fn forgotten_tokens_are_as_good_as_new_ones() {
    for remembered in [0, 1, 4] {
        let key = Key::es256("k");
        let service = Service::start(Behaviour::keys(&[key.jwk()]), |builder| {
            builder.remember(remembered)
        })
        .await;
        let tokens: Vec<String> = (0..10).map(|_| key.good_token()).collect();
        for _ in 0..3 {
            for token in &tokens {
                service.accepts(token).await;
                service.accepts(token).await;
            }
        }
    }
}
