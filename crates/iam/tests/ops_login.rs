//! Sign-in with a password, on a real store: equal work, parameters, the bound on hashing, throttling.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "these are tests; clippy does not see it in their helpers"
)]

mod ops_support;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use ops_support::{add_user, secret, temp_store};
use sessionmint_iam::SystemRandom;
use sessionmint_iam::config::{HashingConfig, ThrottleConfig};
use sessionmint_iam::login::{
    AuthenticateError, Authenticated, Authenticator, Credentials, Hasher, PasswordAuthenticator,
    Throttled,
};
use sessionmint_oauth::Timestamp;
use sessionmint_store::{By, Users};

const PASSWORD: &str = "seven small hedgehogs";
const A: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const B: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7));

fn now() -> Timestamp {
    Timestamp::from_secs(1_800_000_000)
}

/// As cheap as argon2 lets it be, where the cost is not what is tested.
fn cheap() -> HashingConfig {
    HashingConfig {
        argon2_memory_kib: 8,
        argon2_iterations: 1,
        ..HashingConfig::default()
    }
}

fn hasher(config: &HashingConfig) -> Hasher {
    Hasher::new(config, Arc::new(SystemRandom)).unwrap()
}

async fn sign_in(
    authenticator: &impl Authenticator,
    username: &str,
    password: &str,
    network: IpAddr,
) -> Result<Authenticated, AuthenticateError> {
    let password = secret(password);
    authenticator
        .authenticate(
            Credentials {
                username,
                password: &password,
                network,
            },
            now(),
        )
        .await
}

#[tokio::test]
async fn c144_sign_ins_that_renew_the_same_hash_at_once_all_succeed() {
    let (store, _folder) = temp_store();
    let weak = hasher(&cheap()).hash(&secret(PASSWORD)).await.unwrap();
    let ann = add_user(&store, "ann", Some(&weak)).await;
    let stronger = HashingConfig {
        argon2_memory_kib: 64,
        concurrent_hashes: Some(4),
        ..cheap()
    };
    let authenticator =
        PasswordAuthenticator::new(store.clone(), &stronger, Arc::new(SystemRandom)).unwrap();
    let one = || sign_in(&authenticator, "ann", PASSWORD, A);
    let (a, b, c, d) = tokio::join!(one(), one(), one(), one());
    let stored = store.user(&ann).await.unwrap().unwrap().password_hash;
    assert_ne!(stored.as_deref(), Some(weak.as_str()));
    for answer in [a, b, c, d] {
        assert_eq!(answer.map(|user| user.password_hash), Ok(stored.clone()));
    }
}

#[tokio::test]
async fn c144_argon2id_parameters_and_rehash() {
    let config = HashingConfig::default();
    let hash = hasher(&config).hash(&secret(PASSWORD)).await.unwrap();
    assert!(
        hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
        "{hash}"
    );
    let again = hasher(&config).hash(&secret(PASSWORD)).await.unwrap();
    assert_ne!(hash, again, "each has a salt of its own");
    let parsed = PasswordHash::new(&hash).unwrap();
    assert!(parsed.salt.unwrap().len() >= 16 && parsed.hash.unwrap().len() >= 32);

    // The operator raises the parameters: the next sign-in stores a new hash, the one after leaves it.
    let (store, _folder) = temp_store();
    let ann = add_user(&store, "ann", Some(&hash)).await;
    let stronger = HashingConfig {
        argon2_memory_kib: 20_480,
        argon2_iterations: 3,
        ..config
    };
    let authenticator =
        PasswordAuthenticator::new(store.clone(), &stronger, Arc::new(SystemRandom)).unwrap();
    assert!(
        sign_in(&authenticator, "ann", "wrong one", A)
            .await
            .is_err()
    );
    assert_eq!(
        store
            .user(&ann)
            .await
            .unwrap()
            .unwrap()
            .password_hash
            .as_deref(),
        Some(&*hash),
        "only the right password renews"
    );
    assert_eq!(
        sign_in(&authenticator, "ann", PASSWORD, A)
            .await
            .unwrap()
            .user_id,
        ann
    );
    let renewed = store
        .user(&ann)
        .await
        .unwrap()
        .unwrap()
        .password_hash
        .unwrap();
    assert!(
        renewed.starts_with("$argon2id$v=19$m=20480,t=3,p=1$"),
        "{renewed}"
    );
    assert!(sign_in(&authenticator, "ann", PASSWORD, A).await.is_ok());
    assert_eq!(
        store
            .user(&ann)
            .await
            .unwrap()
            .unwrap()
            .password_hash
            .unwrap(),
        renewed
    );

    // Lowered again: a stronger hash is not replaced by a weaker one.
    let authenticator =
        PasswordAuthenticator::new(store.clone(), &config, Arc::new(SystemRandom)).unwrap();
    assert!(sign_in(&authenticator, "ann", PASSWORD, A).await.is_ok());
    assert_eq!(
        store
            .user(&ann)
            .await
            .unwrap()
            .unwrap()
            .password_hash
            .unwrap(),
        renewed
    );
}

#[tokio::test]
async fn c145_a_password_is_compared_whole_and_as_received() {
    let (store, _folder) = temp_store();
    let long = format!("{}x", "0123456789abcdef".repeat(63));
    for (name, password) in [
        ("long", long.as_str()),
        ("spaces", "  two spaces  "),
        ("accents", "caf\u{e9} cr\u{e8}me"),
        ("nul", "before\0after it"),
    ] {
        let hash = hasher(&cheap()).hash(&secret(password)).await.unwrap();
        add_user(&store, name, Some(&hash)).await;
    }
    let authenticator =
        PasswordAuthenticator::new(store, &cheap(), Arc::new(SystemRandom)).unwrap();
    for (name, password, right) in [
        ("long", long.as_str(), true),
        ("long", &long[..1008], false),
        ("long", &long[..72], false),
        ("spaces", "  two spaces  ", true),
        ("spaces", "two spaces", false),
        ("accents", "caf\u{e9} cr\u{e8}me", true),
        // The same on screen, other bytes: nothing is normalised.
        ("accents", "cafe\u{301} cre\u{300}me", false),
        ("nul", "before\0after it", true),
        ("nul", "before", false),
    ] {
        let answer = sign_in(&authenticator, name, password, A).await;
        assert_eq!(answer.is_ok(), right, "{name} {password:?}");
    }
}

#[tokio::test]
async fn c145_more_than_1024_bytes_are_refused_like_a_wrong_password_and_never_hashed() {
    let (store, _folder) = temp_store();
    let authenticator =
        PasswordAuthenticator::new(store, &cheap(), Arc::new(SystemRandom)).unwrap();
    let before = authenticator.work().hashes();
    assert_eq!(
        sign_in(&authenticator, "ann", &"x".repeat(1025), A).await,
        Err(AuthenticateError::Rejected)
    );
    assert_eq!(
        sign_in(&authenticator, &"x".repeat(257), "x", A).await,
        Err(AuthenticateError::Rejected)
    );
    assert_eq!(authenticator.work().hashes(), before);
    assert_eq!(
        sign_in(&authenticator, "ann", &"x".repeat(1024), A).await,
        Err(AuthenticateError::Rejected)
    );
    assert_eq!(authenticator.work().hashes(), before + 1);
}

#[tokio::test]
async fn c146_equal_work_on_every_path() {
    let (store, _folder) = temp_store();
    let config = HashingConfig::default();
    let hash = hasher(&config).hash(&secret(PASSWORD)).await.unwrap();
    add_user(&store, "ann", Some(&hash)).await;
    add_user(&store, "passwordless", None).await;
    add_user(&store, "damaged", Some("$2b$12$no-argon2-hash")).await;
    let disabled = add_user(&store, "disabled", Some(&hash)).await;
    store
        .set_disabled(&disabled, true, By::service(now()))
        .await
        .unwrap();

    let authenticator = PasswordAuthenticator::new(store, &config, Arc::new(SystemRandom)).unwrap();
    let mut seen = Vec::new();
    for (name, password) in [
        ("ann", PASSWORD),
        ("ann", "a wrong password"),
        ("unknown", PASSWORD),
        ("", ""),
        ("passwordless", PASSWORD),
        ("passwordless", ""),
        ("damaged", PASSWORD),
        ("disabled", PASSWORD),
        ("disabled", "a wrong password"),
    ] {
        let (hashes, kib) = (
            authenticator.work().hashes(),
            authenticator.work().kib_filled(),
        );
        let answer = sign_in(&authenticator, name, password, A).await;
        let work = (
            authenticator.work().hashes() - hashes,
            authenticator.work().kib_filled() - kib,
        );
        assert_eq!(work, (1, 19_456 * 2), "{name} {password}");
        if (name, password) != ("ann", PASSWORD) {
            seen.push(answer);
        }
    }
    assert!(
        seen.iter()
            .all(|answer| *answer == Err(AuthenticateError::Rejected)),
        "{seen:?}"
    );
}

#[tokio::test]
async fn c147_throttle_by_account_and_network_without_lockout() {
    let (store, _folder) = temp_store();
    let hash = hasher(&cheap()).hash(&secret(PASSWORD)).await.unwrap();
    add_user(&store, "ann", Some(&hash)).await;
    let passwords = PasswordAuthenticator::new(store, &cheap(), Arc::new(SystemRandom)).unwrap();
    let authenticator = Throttled::new(passwords, &ThrottleConfig::default());

    let before = authenticator.inner().work().hashes();
    let mut throttled = 0;
    for n in 0..1000 {
        match sign_in(&authenticator, "ann", &format!("guess {n}"), A).await {
            Err(AuthenticateError::Rejected) => {}
            Err(AuthenticateError::Throttled { retry_after_secs }) => {
                assert_eq!(retry_after_secs, 90);
                throttled += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(throttled, 990);
    assert_eq!(
        authenticator.inner().work().hashes() - before,
        10,
        "a throttled attempt is not hashed"
    );
    assert_eq!(
        sign_in(&authenticator, "ann", PASSWORD, A).await,
        Err(AuthenticateError::Throttled {
            retry_after_secs: 90
        }),
        "or the throttle would confirm a right guess"
    );

    assert!(
        sign_in(&authenticator, "ann", PASSWORD, B).await.is_ok(),
        "the user elsewhere is not locked out"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_parallel_sign_ins_are_hashed_two_at_a_time_and_the_excess_is_turned_away() {
    let (store, _folder) = temp_store();
    let config = HashingConfig {
        concurrent_hashes: Some(2),
        max_waiting: 20,
        max_wait_secs: 60,
        ..HashingConfig::default()
    };
    let authenticator =
        Arc::new(PasswordAuthenticator::new(store, &config, Arc::new(SystemRandom)).unwrap());
    let attempts: Vec<_> = (0..500)
        .map(|n| {
            let authenticator = Arc::clone(&authenticator);
            tokio::spawn(
                async move { sign_in(&*authenticator, &format!("user{n}"), PASSWORD, A).await },
            )
        })
        .collect();
    let (mut rejected, mut busy) = (0, 0);
    for attempt in attempts {
        match attempt.await.unwrap() {
            Err(AuthenticateError::Rejected) => rejected += 1,
            Err(AuthenticateError::Busy { retry_after_secs }) => {
                assert_eq!(retry_after_secs, 60);
                busy += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(authenticator.work().most_at_once(), 2);
    assert_eq!(authenticator.work().running(), 0);
    assert!(rejected >= 22, "those in the queue are served: {rejected}");
    assert_eq!(rejected + busy, 500);
    assert!(busy > 0);
}

#[tokio::test]
async fn a_sign_in_that_was_put_off_is_not_charged() {
    let (store, _folder) = temp_store();
    let config = HashingConfig {
        concurrent_hashes: Some(1),
        max_waiting: 0,
        ..HashingConfig::default()
    };
    let passwords = PasswordAuthenticator::new(store, &config, Arc::new(SystemRandom)).unwrap();
    let authenticator = Throttled::new(passwords, &ThrottleConfig::default());
    let tried = poll_together((0..200).map(|_| sign_in(&authenticator, "ann", PASSWORD, A))).await;
    let checked = tried
        .iter()
        .filter(|answer| **answer == Err(AuthenticateError::Rejected))
        .count();
    assert!((1..=10).contains(&checked), "{checked}");
    for _ in checked..10 {
        assert_eq!(
            sign_in(&authenticator, "ann", "wrong again", A).await,
            Err(AuthenticateError::Rejected)
        );
    }
    assert!(matches!(
        sign_in(&authenticator, "ann", "one more", A).await,
        Err(AuthenticateError::Throttled { .. })
    ));
}

/// Polls all at once on this task, in order.
async fn poll_together<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut pending: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|context| {
        let mut ready = true;
        for (future, output) in &mut pending {
            if output.is_none() {
                match future.as_mut().poll(context) {
                    std::task::Poll::Ready(value) => *output = Some(value),
                    std::task::Poll::Pending => ready = false,
                }
            }
        }
        if ready {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    pending
        .into_iter()
        .filter_map(|(_, output)| output)
        .collect()
}
