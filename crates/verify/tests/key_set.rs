//! The key set over time: cold start, outages, faults, rotation, and tokens that try to make the verifier fetch.

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
use http::{StatusCode, header};
use serde_json::json;
use tokio::net::TcpListener;

/// A token that does not expire during a test.
fn lasting(key: &Key) -> String {
    let mut claims = claims();
    claims["exp"] = json!(NOW + 10_000_000);
    key.token(&claims)
}

#[tokio::test]
async fn c059_a_thousand_unknown_kids_cost_one_fetch_a_window() {
    let key = Key::es256("k");
    let service = Service::with_keys(&[&key]).await;
    let good = lasting(&key);
    service.accepts(&good).await;
    assert_eq!(service.keys.requests().len(), 1);
    for window in 1..=3 {
        for number in 0..1000 {
            let header =
                json!({"alg": "ES256", "typ": "at+jwt", "kid": format!("{window}-{number}")});
            let token = key.token_of(header.to_string(), claims().to_string());
            service.refuses("unknown kid", &token).await;
            if number % 100 == 0 {
                service.accepts(&good).await;
            }
        }
        assert_eq!(
            service.keys.requests().len(),
            window,
            "the first window is that of the first fetch"
        );
        service.clock.advance(10);
    }
}

#[tokio::test]
async fn c059_parallel_unknown_kids_share_one_fetch() {
    let key = Key::es256("k");
    let service = Service::with_keys(&[&key]).await;
    service.accepts(&lasting(&key)).await;
    service.clock.advance(10);
    let tokens: Vec<_> = (0..200)
        .map(|number| Key::es256(&number.to_string()).good_token())
        .collect();
    let mut tasks = tokio::task::JoinSet::new();
    for token in tokens {
        let verifier = service.verifier.clone();
        tasks.spawn(async move { verifier.verify(&token).await.is_err() });
    }
    assert!(tasks.join_all().await.into_iter().all(|refused| refused));
    assert_eq!(service.keys.requests().len(), 2);
}

#[tokio::test]
async fn c132_good_tokens_need_no_network_and_no_issuer() {
    let key = Key::es256("k");
    let service = Service::with_keys(&[&key]).await;
    service.accepts(&lasting(&key)).await;
    let requests = service.keys.requests().len();
    for _ in 0..100 {
        service.accepts(&lasting(&key)).await;
    }
    assert_eq!(service.keys.requests().len(), requests);

    service
        .keys
        .set(Behaviour::status("503 Service Unavailable", "", ""));
    let unknown = Key::es256("unknown");
    for _ in 1..24 {
        service.clock.advance(3600);
        service.accepts(&lasting(&key)).await;
        // Comes back when the fetch has failed.
        service.refuses("unknown kid", &lasting(&unknown)).await;
    }
    assert!(service.keys.requests().len() > 1);
}

#[tokio::test]
async fn c133_without_keys_the_answer_is_503_neither_401_nor_open() {
    let key = Key::es256("k");
    let service = Service::start(
        Behaviour::status("500 Internal Server Error", "", ""),
        |builder| builder,
    )
    .await;
    let response = service.get(&key.good_token()).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let retry_after: u64 = response.headers()[header::RETRY_AFTER]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=10).contains(&retry_after));
    assert!(!response.headers().contains_key(header::WWW_AUTHENTICATE));
    // What can be told without keys is told.
    service.refuses("garbage", "garbage").await;

    service.keys.set(Behaviour::keys(&[key.jwk()]));
    service.clock.advance(10);
    service.accepts(&key.good_token()).await;
}

#[tokio::test]
async fn c133_a_refused_connection_is_an_outage_too() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = format!("http://{}/jwks", listener.local_addr().unwrap());
    drop(listener);
    let key = Key::es256("k");
    let service = Service::start(Behaviour::keys(&[]), |builder| builder.jwks_url(nobody)).await;
    assert_eq!(
        service.get(&key.good_token()).await.status(),
        StatusCode::SERVICE_UNAVAILABLE
    );
}

#[tokio::test]
async fn c133_stale_keys_are_used_up_to_the_stated_age() {
    let key = Key::es256("k");
    let service = Service::start(Behaviour::keys(&[key.jwk()]), |builder| {
        builder.max_stale(Duration::from_secs(3600))
    })
    .await;
    service.accepts(&lasting(&key)).await;
    service
        .keys
        .set(Behaviour::status("500 Internal Server Error", "", ""));
    service.clock.advance(3600);
    service.accepts(&lasting(&key)).await;
    service.clock.advance(1);
    assert_eq!(
        service.get(&lasting(&key)).await.status(),
        StatusCode::SERVICE_UNAVAILABLE
    );
    service.keys.set(Behaviour::keys(&[key.jwk()]));
    service.clock.advance(10);
    service.accepts(&lasting(&key)).await;
}

#[tokio::test]
async fn c162_a_faulty_answer_keeps_the_last_good_set() {
    let (key, attacker) = (Key::es256("k"), Key::es256("attacker"));
    let set = json!({"keys": [attacker.jwk()]}).to_string();
    let partial = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{}",
        set.len(),
        &set[..set.len() - 9]
    );
    let oversized = json!({"keys": [attacker.jwk()], "x": "x".repeat(70_000)}).to_string();
    let chunked = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{oversized}\r\n0\r\n\r\n",
        oversized.len()
    );
    let service = Service::with_keys(&[&key]).await;
    let elsewhere = common::KeyServer::start(Behaviour::keys(&[attacker.jwk()])).await;
    let location = format!("location: {}/jwks\r\n", elsewhere.origin);
    service.accepts(&lasting(&key)).await;
    let faults = [
        (
            "500 with a set",
            Behaviour::status("500 Internal Server Error", "", &set),
        ),
        ("404", Behaviour::status("404 Not Found", "", "")),
        ("204", Behaviour::status("204 No Content", "", "")),
        (
            "301",
            Behaviour::status("301 Moved Permanently", &location, &set),
        ),
        (
            "307",
            Behaviour::status("307 Temporary Redirect", &location, ""),
        ),
        (
            "HTML",
            Behaviour::status(
                "200 OK",
                "content-type: text/html\r\n",
                "<html>down for maintenance</html>",
            ),
        ),
        ("empty set", Behaviour::keys(&[])),
        (
            "no usable key",
            Behaviour::keys(&[json!({"kty": "oct", "k": "AQ", "kid": "k"})]),
        ),
        ("no point of the curve", Behaviour::keys(&[off_curve()])),
        ("empty body", Behaviour::status("200 OK", "", "")),
        ("partial body", Behaviour::Answer(partial.into_bytes())),
        (
            "truncated JSON",
            Behaviour::status("200 OK", "", &set[..set.len() - 1]),
        ),
        ("oversized", Behaviour::status("200 OK", "", &oversized)),
        (
            "oversized, length unknown",
            Behaviour::Answer(chunked.into_bytes()),
        ),
        ("no HTTP", Behaviour::Answer(b"garbage\r\n\r\n".to_vec())),
        ("nothing", Behaviour::Answer(Vec::new())),
    ];
    for (number, (what, fault)) in faults.into_iter().enumerate() {
        service.keys.set(fault);
        service.clock.advance(10);
        // The unknown kid makes it fetch; its answer comes after the fetch.
        service.refuses(what, &lasting(&attacker)).await;
        assert_eq!(service.keys.requests().len(), number + 2, "{what}");
        service.accepts(&lasting(&key)).await;
    }
    assert!(elsewhere.requests().is_empty(), "a redirect was followed");

    let next = Key::es256("next");
    service.keys.set(Behaviour::keys(&[key.jwk(), next.jwk()]));
    service.clock.advance(10);
    service.accepts(&lasting(&next)).await;
    service.accepts(&lasting(&key)).await;
}

fn off_curve() -> serde_json::Value {
    let mut jwk = Key::es256("k").jwk();
    jwk["y"] = jwk["x"].clone();
    jwk
}

#[tokio::test]
async fn c162_a_slow_answer_delays_nobody_with_a_known_key() {
    let key = Key::es256("k");
    let good = lasting(&key);
    let service = Service::with_keys(&[&key]).await;
    service.accepts(&good).await;
    service.keys.set(Behaviour::Hang(
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{".to_vec(),
    ));
    service.clock.advance(300);
    let known = tokio::time::timeout(Duration::from_millis(500), service.accepts(&good));
    known.await.expect("a known key waits for nobody");
    service.keys.asked(2).await;
    // While that fetch hangs: an unknown key is refused after the wait, a known one at once.
    let unknown = Key::es256("unknown");
    let token = lasting(&unknown);
    let (waited, ()) = tokio::join!(service.get(&token), async {
        let known = tokio::time::timeout(Duration::from_millis(500), service.accepts(&good));
        known.await.expect("a known key waits for nobody");
    });
    assert_eq!(waited.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(service.keys.requests().len(), 2);
}

#[tokio::test]
async fn a_key_that_is_gone_from_the_set_is_gone() {
    let (old, new) = (Key::es256("old"), Key::es256("new"));
    let service = Service::with_keys(&[&old]).await;
    service.accepts(&lasting(&old)).await;
    service.keys.set(Behaviour::keys(&[new.jwk()]));
    service.clock.advance(10);
    service.accepts(&lasting(&new)).await;
    service.refuses("withdrawn", &lasting(&old)).await;
}

#[tokio::test]
async fn a_set_past_its_max_age_is_renewed_without_anybody_waiting() {
    let key = Key::es256("k");
    let service = Service::with_keys(&[&key]).await;
    service.accepts(&lasting(&key)).await;
    service.clock.advance(299);
    service.accepts(&lasting(&key)).await;
    assert_eq!(service.keys.requests().len(), 1);
    service.clock.advance(1);
    service.accepts(&lasting(&key)).await;
    service.keys.asked(2).await;
}

#[test]
fn a_verifier_outlives_the_runtime_that_it_was_built_on() {
    let runtime = || {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap()
    };
    let (key, servers, first, second) = (Key::es256("k"), runtime(), runtime(), runtime());
    let keys = servers.block_on(common::KeyServer::start(Behaviour::keys(&[key.jwk()])));
    let clock = common::TestClock::default();
    let verifier = {
        let _inside = first.enter();
        let builder = sessionmint_verify::Verifier::builder(common::ISSUER, common::AUDIENCE);
        builder
            .jwks_url(format!("{}/jwks", keys.origin))
            .clock(clock.clone())
            .build()
            .unwrap()
    };
    first.block_on(verifier.verify(&lasting(&key))).unwrap();
    drop(first);
    let next = Key::es256("next");
    keys.set(Behaviour::keys(&[next.jwk()]));
    clock.advance(10);
    second.block_on(verifier.verify(&lasting(&next))).unwrap();
}
