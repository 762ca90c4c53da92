//! Many callers with one refresh token at once: all of them go on, none ends the family for the others, and nothing that was
//! handed out is found in the database or the log.

use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sessionmint_iam::testing::{Answer, ISSUER, RESOURCE, TestService};
use sessionmint_oauth::RefreshPolicy;
use sessionmint_store::{Grants as _, GrantsOf};
use tokio::task::JoinSet;

use super::{refresh, service, stored, successor};
use crate::support::assert_minted;

const CALLERS: usize = 64;
/// Just closed: the moment at which the next rotation is due.
const WINDOW: i64 = 10;

/// The two halves ask for another audience each.
fn resource(caller: usize) -> &'static str {
    if caller.is_multiple_of(2) {
        RESOURCE
    } else {
        ISSUER
    }
}

async fn burst(service: &Arc<TestService>, token: &str) -> Vec<(usize, Answer)> {
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let (service, token) = (Arc::clone(service), token.to_owned());
        callers.spawn(async move {
            let more = format!("&resource={}", resource(caller));
            (caller, refresh(&service, &token, &more).await)
        });
    }
    callers.join_all().await
}

/// Callers keep the token in one place, as processes with a common cookie jar or database do, and the answers come in any order.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn c098_the_order_of_the_answers_does_not_matter() {
    let (service, client, ada) = service(RefreshPolicy::default()).await;
    let first = service.start_grant(&client, &ada, None).await;
    let jar = Arc::new(Mutex::new(first.as_str().to_owned()));
    let service = Arc::new(service);
    for round in 0..30 {
        service.clock.advance_secs(3 + round % 9);
        let mut callers = JoinSet::new();
        for caller in 0..16_usize {
            let (service, jar) = (Arc::clone(&service), Arc::clone(&jar));
            callers.spawn(async move {
                let token = jar.lock().unwrap().clone();
                for _ in 0..caller % 5 {
                    tokio::task::yield_now().await;
                }
                let answer = refresh(&service, &token, "").await;
                assert_minted(&answer);
                for _ in 0..caller % 3 {
                    tokio::task::yield_now().await;
                }
                if let Some(next) = successor(&answer) {
                    *jar.lock().unwrap() = next;
                }
            });
        }
        callers.join_all().await;
    }
    assert_eq!(stored(&service).await.revoked, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn c092_nothing_that_was_handed_out_is_in_the_database() {
    let (service, client, ada) = service(RefreshPolicy::default()).await;
    let first = service.start_grant(&client, &ada, None).await;
    let (service, mut token) = (Arc::new(service), first.as_str().to_owned());
    let mut secrets = vec![token.clone(), "sms_right".to_owned()];
    for _ in 0..5 {
        service.clock.advance_secs(WINDOW);
        for (_, answer) in burst(&service, &token).await {
            secrets.push(answer.access_token());
            token = successor(&answer).unwrap();
            secrets.push(token.clone());
        }
    }
    secrets.sort();
    secrets.dedup();
    assert_eq!(secrets.len(), 5 * CALLERS + 5 + 2);
    let mut searched = 0;
    for file in std::fs::read_dir(service.folder()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        searched += bytes.len();
        for secret in &secrets {
            // The end is what is secret of a token; a hash of the whole, in whatever form, is no part of it.
            let tail = &secret[secret.len().saturating_sub(40)..];
            assert!(!text.contains(tail), "a secret is stored");
            if let Some(encoded) = secret.strip_prefix("smr_") {
                let inner = &URL_SAFE_NO_PAD.decode(encoded).unwrap()[24..56];
                let found = bytes.windows(32).any(|window| window == inner);
                assert!(!found, "the random part of a token is stored");
            }
        }
    }
    assert!(searched > 100_000, "{searched}");
    let grants = service.store.grants(&GrantsOf::User(ada)).await.unwrap();
    let written = format!("{grants:?}");
    assert!(!written.contains(&token[60..]));
}
