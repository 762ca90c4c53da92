//! Rotation while tokens are minted and checked: services with the real verifier refuse no valid token.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sessionmint_iam::testing::{ISSUER, RESOURCE, START, TestService, web_client};
use sessionmint_iam::{Clock as _, ManualClock, SystemClock};
use sessionmint_oauth::{BrowserClient, Timestamp};
use sessionmint_store::{By, Clients as _, Keys as _};
use sessionmint_verify::{Clock, Verifier};
use tokio::net::TcpListener;
use tokio::sync::Notify;

use super::support::{PASSWORD, decode};

const TTL: u64 = 5;

/// The service's clock, as a verifier asks it.
struct Shared(Arc<ManualClock>);

impl Clock for Shared {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn monotonic(&self) -> Duration {
        Duration::from_secs(self.0.now().secs_since(START))
    }
}

/// A service whose key set is kept for 2 s, whose tokens live for 5 s, and which rotates every 5 s.
async fn hasty() -> (TestService, String) {
    let change = |config: &mut sessionmint_iam::Config| {
        config.keys.jwks_max_age_secs = 2;
        config.keys.notice_secs = 1;
        config.keys.token_secs = TTL + 5;
        config.keys.rotate_after_secs = 2;
        config.sessions.mints_per_minute = 100_000;
    };
    let service = TestService::start_with(change, None).await;
    let client = BrowserClient {
        ttl: TTL,
        ..web_client()
    };
    service
        .store
        .replace_client(client, None, By::service(START))
        .await
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = service.router();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (
        service,
        format!("http://{address}/iam/.well-known/jwks.json"),
    )
}

fn verifier(service: &TestService, jwks_url: &str) -> Verifier {
    Verifier::builder(ISSUER, RESOURCE)
        .jwks_url(jwks_url)
        .cool_down(Duration::from_secs(1))
        .clock(Shared(Arc::clone(&service.clock)))
        .build()
        .unwrap()
}

/// Mints one token a second and has every valid one checked: by a verifier that is always in use, by one that comes
/// back after long pauses, and by new ones. Gives the names of the keys that signed.
async fn mint_and_verify(
    (service, jwks_url): &(TestService, String),
    secs: u64,
    a_second: impl AsyncFn(),
) -> BTreeSet<String> {
    service.add_user("ada", PASSWORD).await;
    let cookie = service.sign_in("ada", PASSWORD).await;
    let (warm, stale) = (verifier(service, jwks_url), verifier(service, jwks_url));
    let mut tokens: Vec<(Timestamp, String)> = Vec::new();
    let mut kids = BTreeSet::new();
    for second in 0..secs {
        let now = service.clock.now();
        service
            .app
            .keys
            .refresh(&*service.app.store, &By::service(now))
            .await
            .unwrap();
        let token = service.mint(&cookie, "").await.access_token();
        kids.insert(decode(&token).0["kid"].as_str().unwrap().to_owned());
        tokens.push((now.plus_secs(TTL), token));
        tokens.retain(|(expires, _)| *expires > now);
        let mut verifiers = vec![warm.clone()];
        if second % 3 == 0 {
            verifiers.push(verifier(service, jwks_url));
        }
        if second % 19 == 0 {
            verifiers.push(stale.clone());
        }
        for verifier in verifiers {
            for (_, token) in &tokens {
                let verified = verifier.verify(token).await;
                assert!(verified.is_ok(), "second {second}: {:?}", verified.err());
            }
        }
        a_second().await;
    }
    kids
}

#[tokio::test]
async fn c070_no_valid_token_is_refused_while_keys_rotate_every_five_seconds() {
    let setup = hasty().await;
    let clock = Arc::clone(&setup.0.clock);
    let kids = mint_and_verify(&setup, 120, async || clock.advance_secs(1)).await;
    assert_eq!(kids.len(), 24);
    let keys = setup.0.store.keys().await.unwrap().len();
    assert!(keys <= 5, "keys that are gone are removed: {keys}");
}

#[tokio::test]
async fn c070_no_valid_token_is_refused_in_real_time() {
    let setup = hasty().await;
    let clock = Arc::clone(&setup.0.clock);
    clock.set(SystemClock.now());
    let kids = mint_and_verify(&setup, 12, async || {
        tokio::time::sleep(Duration::from_secs(1)).await;
        clock.set(SystemClock.now());
    })
    .await;
    assert!(kids.len() >= 2, "{kids:?}");
}

#[tokio::test]
async fn c073_tokens_of_a_withdrawn_key_are_refused_within_a_cache_age() {
    use sessionmint_iam::keys::Rotation;

    let (service, jwks_url) = hasty().await;
    let client = web_client();
    service
        .store
        .replace_client(client, None, By::service(START))
        .await
        .unwrap();
    service.add_user("ada", PASSWORD).await;
    let cookie = service.sign_in("ada", PASSWORD).await;
    let [meets_new, meets_old] = [(); 2].map(|()| verifier(&service, &jwks_url));
    let old = service.mint(&cookie, "").await.access_token();
    let old_account = service.account_token(&cookie).await;
    assert!(meets_new.verify(&old).await.is_ok() && meets_old.verify(&old).await.is_ok());

    let now = service.clock.now();
    let store = &*service.app.store;
    service
        .app
        .keys
        .rotate(store, &By::service(now), Rotation::Emergency)
        .await
        .unwrap();
    // The service itself at once, and without a new sign-in.
    let me = super::support::bearer(http::Method::GET, "/iam/userinfo", &old_account);
    assert_eq!(service.send(me).await.status, 401);
    let new = service.mint(&cookie, "").await.access_token();
    // A verifier that meets the new key fetches the set for it, and knows.
    service.clock.advance_secs(1);
    assert!(meets_new.verify(&new).await.is_ok());
    assert!(meets_new.verify(&old).await.is_err());
    // One that does not goes by the set that it has, for the age of a cache (10 s, the least that verifiers take) and no
    // longer.
    service.clock.advance_secs(8);
    assert!(meets_old.verify(&old).await.is_ok());
    service.clock.advance_secs(1);
    let refused = async || meets_old.verify(&old).await.is_err();
    for _ in 0..1000 {
        if refused().await {
            break;
        }
        // The set is fetched beside the request that finds it too old.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(refused().await);
    // The token itself would have lived on.
    let exp = decode(&old).1["exp"].as_i64().unwrap();
    assert!(service.clock.now().secs() < exp);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn c161_each_token_verifies_against_the_key_set_as_it_is_after_it() {
    use jsonwebtoken::jwk::JwkSet;
    use jsonwebtoken::{Algorithm, DecodingKey, Validation};

    let (service, _) = hasty().await;
    service.add_user("ada", PASSWORD).await;
    let cookie = service.sign_in("ada", PASSWORD).await;
    let service = Arc::new(service);
    let (minted, over) = (Arc::new(Notify::new()), Arc::new(AtomicBool::new(false)));
    let rotating = tokio::spawn({
        let (service, minted) = (Arc::clone(&service), Arc::clone(&minted));
        let over = Arc::clone(&over);
        async move {
            for _ in 0..40 {
                minted.notified().await;
                service.clock.advance_secs(1);
                let now = service.clock.now();
                let store = &*service.app.store;
                service
                    .app
                    .keys
                    .refresh(store, &By::service(now))
                    .await
                    .unwrap();
            }
            over.store(true, Ordering::SeqCst);
        }
    });
    let minting: Vec<_> = (0..3)
        .map(|_| {
            let (service, minted) = (Arc::clone(&service), Arc::clone(&minted));
            let (over, cookie) = (Arc::clone(&over), cookie.clone());
            tokio::spawn(async move {
                let mut kids = BTreeSet::new();
                while !over.load(Ordering::SeqCst) {
                    let token = service.mint(&cookie, "").await.access_token();
                    let set: JwkSet =
                        serde_json::from_slice(&service.app.keys.jwks().body).unwrap();
                    minted.notify_one();
                    // A mint never waits, and whoever is woken runs on this thread.
                    tokio::task::yield_now().await;
                    // The clock may have moved on so far that the token is over: then its key may be gone.
                    let exp = decode(&token).1["exp"].as_i64().unwrap();
                    if service.clock.now().secs() >= exp {
                        continue;
                    }
                    let kid = jsonwebtoken::decode_header(&token).unwrap().kid.unwrap();
                    let key = DecodingKey::from_jwk(set.find(&kid).expect("published")).unwrap();
                    let mut wanted = Validation::new(Algorithm::ES256);
                    wanted.set_audience(&[RESOURCE]);
                    wanted.validate_exp = false;
                    jsonwebtoken::decode::<serde_json::Value>(&token, &key, &wanted).unwrap();
                    kids.insert(kid);
                }
                kids
            })
        })
        .collect();
    rotating.await.unwrap();
    let mut kids = BTreeSet::new();
    for task in minting {
        kids.extend(task.await.unwrap());
    }
    assert!(kids.len() > 2, "{kids:?}");
}
