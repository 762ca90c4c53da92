//! Keys and metadata.

use axum::body::Body;
use axum::http::{Request, header};
use sessionmint_iam::testing::{Answer, ISSUER, TestService};

const JWKS: &str = "/iam/.well-known/jwks.json";
const METADATA: &str = "/.well-known/oauth-authorization-server/iam";

async fn get(service: &TestService, path: &str) -> Answer {
    service
        .send(Request::get(path).body(Body::empty()).unwrap())
        .await
}

#[tokio::test]
async fn c071_the_key_set_may_be_cached_and_asked_for_again() {
    let service = TestService::start().await;
    let answer = get(&service, JWKS).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header(header::CACHE_CONTROL), "public, max-age=300");
    assert_eq!(answer.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), "*");
    assert!(
        !answer
            .headers
            .contains_key(header::ACCESS_CONTROL_ALLOW_CREDENTIALS)
    );
    let etag = answer.header(header::ETAG).to_owned();
    for (if_none_match, status) in [
        (etag.clone(), 304),
        (format!("W/{etag}"), 304),
        (format!("\"x\", {etag}"), 304),
        ("*".to_owned(), 304),
        ("\"x\"".to_owned(), 200),
    ] {
        let request = Request::get(JWKS)
            .header(header::IF_NONE_MATCH, &if_none_match)
            .body(Body::empty())
            .unwrap();
        let answer = service.send(request).await;
        assert_eq!(answer.status.as_u16(), status, "{if_none_match}");
        assert_eq!(answer.header(header::ETAG), etag);
        assert_eq!(answer.body.is_empty(), status == 304);
    }
}

#[tokio::test]
async fn c069_the_key_set_has_only_public_members() {
    let service = TestService::start().await;
    let json = get(&service, JWKS).await.json();
    let keys = json["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 1);
    let mut names: Vec<_> = keys[0]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
    assert_eq!(
        (&keys[0]["use"], &keys[0]["alg"]),
        (&"sig".into(), &"ES256".into())
    );
}

#[tokio::test]
async fn the_key_survives_a_restart() {
    let service = TestService::start().await;
    let again =
        sessionmint_iam::App::builder(service.app.config.clone(), service.app.store.clone())
            .clock(service.clock.clone())
            .authenticator(service.app.authenticator.clone())
            .build()
            .await
            .unwrap();
    assert_eq!(again.keys.jwks().body, service.app.keys.jwks().body);
}

#[tokio::test]
async fn c045_c054_the_metadata_lists_what_is_enabled_and_nothing_else() {
    let service = TestService::start().await;
    let answer = get(&service, METADATA).await;
    assert_eq!(
        answer.json(),
        serde_json::json!({
            "issuer": ISSUER,
            "token_endpoint": "https://api.example.com/iam/oauth/token",
            "jwks_uri": "https://api.example.com/iam/.well-known/jwks.json",
            "userinfo_endpoint": "https://api.example.com/iam/userinfo",
            "response_types_supported": [],
            "grant_types_supported": [
                "session",
                "urn:sessionmint:params:oauth:grant-type:session",
                "client_credentials",
                "refresh_token",
                "urn:ietf:params:oauth:grant-type:token-exchange",
            ],
            "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post", "private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": ["ES256", "EdDSA", "Ed25519", "RS256", "PS256"],
            "revocation_endpoint": "https://api.example.com/iam/oauth/revoke",
            "revocation_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post", "private_key_jwt"],
            "introspection_endpoint": "https://api.example.com/iam/oauth/introspect",
            "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt"],
        })
    );
    assert_eq!(answer.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), "*");
    let json = get(&service, JWKS).await.json();
    assert_eq!(
        json["keys"][0]["alg"], "ES256",
        "the one algorithm, as documented"
    );
}

#[tokio::test]
async fn the_base_path_is_the_issuers() {
    for (issuer, jwks, metadata) in [
        (
            "https://id.example.com",
            "/.well-known/jwks.json",
            "/.well-known/oauth-authorization-server",
        ),
        (
            "https://id.example.com/a/b",
            "/a/b/.well-known/jwks.json",
            "/.well-known/oauth-authorization-server/a/b",
        ),
    ] {
        let service =
            TestService::start_with(|config| config.issuer = issuer.parse().unwrap(), None).await;
        assert_eq!(get(&service, jwks).await.status, 200, "{jwks}");
        assert_eq!(get(&service, metadata).await.json()["issuer"], issuer);
        assert_eq!(get(&service, METADATA).await.status, 404);
    }
}
