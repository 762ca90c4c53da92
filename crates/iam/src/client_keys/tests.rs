//! Fetching from a server that the test runs.

use std::str::FromStr as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;

use super::*;

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

fn jwks(kid: &str) -> String {
    serde_json::json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": kid,
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]})
    .to_string()
}

/// A server that answers like this; its address and how often it was asked.
async fn server(
    answer: impl Fn(usize) -> Response + Clone + Send + Sync + 'static,
) -> (String, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let handler = async move || answer(counted.fetch_add(1, Ordering::SeqCst));
    let app = Router::new().route("/jwks", get(handler));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    // It ends with the runtime of the test.
    tokio::spawn(async move { axum::serve(listener, app).await });
    (format!("http://{address}/jwks"), asked)
}

async fn find(
    sets: &ClientKeySets,
    uri: &str,
    kid: &str,
    now: Timestamp,
) -> Result<bool, ClientKeysError> {
    let keys = ClientKeys::JwksUri(uri.to_owned());
    let found = sets.find(Some(&keys), Some(kid), "EdDSA", now).await;
    found.map(|key| key.is_some())
}

#[tokio::test]
async fn c110_keys_are_fetched_once_and_again_for_a_new_one_after_a_pause() {
    let (uri, asked) = server(|times| jwks(["a", "b"][times.min(1)]).into_response()).await;
    let sets = ClientKeySets::new(true);
    for _ in 0..3 {
        assert_eq!(find(&sets, &uri, "a", NOW).await, Ok(true));
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    for _ in 0..3 {
        assert_eq!(find(&sets, &uri, "b", NOW.plus_secs(9)).await, Ok(false));
    }
    assert_eq!(
        asked.load(Ordering::SeqCst),
        1,
        "unknown names cause no flood"
    );
    assert_eq!(find(&sets, &uri, "b", NOW.plus_secs(10)).await, Ok(true));
    assert_eq!(
        find(&sets, &uri, "a", NOW.plus_secs(11)).await,
        Ok(false),
        "withdrawn"
    );
    assert_eq!(find(&sets, &uri, "b", NOW.plus_secs(309)).await, Ok(true));
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    assert_eq!(find(&sets, &uri, "b", NOW.plus_secs(310)).await, Ok(true));
    assert_eq!(asked.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn c110_many_callers_cause_one_fetch() {
    let (uri, asked) = server(|_| jwks("a").into_response()).await;
    let sets = Arc::new(ClientKeySets::new(true));
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (sets, uri) = (Arc::clone(&sets), uri.clone());
        all.spawn(async move { find(&sets, &uri, "a", NOW).await });
    }
    assert!(
        all.join_all()
            .await
            .into_iter()
            .all(|found| found == Ok(true))
    );
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn c110_an_address_that_fails_is_left_alone_and_the_old_keys_stay_for_an_hour() {
    let (uri, asked) = server(|times| match times {
        0 => jwks("a").into_response(),
        _ => StatusCode::BAD_GATEWAY.into_response(),
    })
    .await;
    let sets = ClientKeySets::new(true);
    assert_eq!(find(&sets, &uri, "a", NOW).await, Ok(true));
    for later in [301, 302, 303] {
        assert_eq!(find(&sets, &uri, "a", NOW.plus_secs(later)).await, Ok(true));
    }
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    let over = find(&sets, &uri, "a", NOW.plus_secs(3600)).await;
    assert_eq!(over, Err(ClientKeysError::Status(502)));
    let over = find(&sets, &uri, "a", NOW.plus_secs(3601)).await;
    assert_eq!(over, Err(ClientKeysError::Paused));
}

#[tokio::test]
async fn c110_redirects_are_not_followed_and_large_answers_not_read() {
    let (elsewhere, reached) = server(|_| jwks("a").into_response()).await;
    let (uri, _) = server(move |_| {
        (StatusCode::FOUND, [(header::LOCATION, elsewhere.clone())]).into_response()
    })
    .await;
    let sets = ClientKeySets::new(true);
    assert_eq!(
        find(&sets, &uri, "a", NOW).await,
        Err(ClientKeysError::Status(302))
    );
    assert_eq!(reached.load(Ordering::SeqCst), 0);
    let (uri, _) = server(|_| " ".repeat(MAX_BYTES + 1).into_response()).await;
    assert_eq!(
        find(&sets, &uri, "a", NOW).await,
        Err(ClientKeysError::TooLarge)
    );
    let (uri, _) = server(|_| "[]".into_response()).await;
    let unusable = find(&sets, &uri, "a", NOW).await;
    assert_eq!(
        unusable,
        Err(ClientKeysError::Unusable(InvalidKeySet::Malformed))
    );
}

#[tokio::test]
async fn c110_a_public_service_reaches_no_private_address_and_no_http() {
    let (uri, asked) = server(|_| jwks("a").into_response()).await;
    let sets = ClientKeySets::new(false);
    let https = uri.replacen("http", "https", 1);
    for uri in [
        uri.as_str(),
        &https,
        "https://[::1]/jwks",
        "https://[::ffff:127.0.0.1]/jwks",
        "https://169.254.169.254/jwks",
        "https://2130706433/jwks",
        "https://0x7f.1/jwks",
        "http://example.com/jwks",
        "ftp://example.com/jwks",
        "file:///etc/passwd",
    ] {
        assert_eq!(
            find(&sets, uri, "a", NOW).await,
            Err(ClientKeysError::Address),
            "{uri}"
        );
    }
    let name = Name::from_str("localhost").unwrap();
    assert!(Resolver { local: false }.resolve(name).await.is_err());
    let name = Name::from_str("localhost").unwrap();
    assert!(Resolver { local: true }.resolve(name).await.is_ok());
    let resolved = find(&sets, "https://localhost/jwks", "a", NOW).await;
    assert_eq!(
        resolved,
        Err(ClientKeysError::Fetch(PrivateAddress.to_string()))
    );
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}
