//! What the metadata says where the code flow is enabled.

use sessionmint_iam::keys::Rotation;

use super::*;
use crate::support::decode;

/// oidcc-discovery-endpoint-verification, oidcc-discovery-issuer-not-matching-config
#[tokio::test]
async fn c045_oidcc_discovery_endpoint_verification() {
    let flow = Flow::start().await;
    let get = async |path: &str| {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let answer = flow.service.send(request).await;
        assert_eq!(answer.status, 200, "{path}");
        answer.json()
    };
    let document = get("/iam/.well-known/openid-configuration").await;
    assert_eq!(
        document,
        get("/.well-known/oauth-authorization-server/iam").await
    );
    for (name, value) in [
        ("issuer", json!(ISSUER)),
        (
            "authorization_endpoint",
            json!("https://api.example.com/iam/oauth/authorize"),
        ),
        (
            "token_endpoint",
            json!("https://api.example.com/iam/oauth/token"),
        ),
        (
            "userinfo_endpoint",
            json!("https://api.example.com/iam/userinfo"),
        ),
        (
            "end_session_endpoint",
            json!("https://api.example.com/iam/oauth/logout"),
        ),
        (
            "jwks_uri",
            json!("https://api.example.com/iam/.well-known/jwks.json"),
        ),
        ("response_types_supported", json!(["code"])),
        ("response_modes_supported", json!(["query"])),
        (
            "scopes_supported",
            json!(["openid", "profile", "offline_access"]),
        ),
        ("subject_types_supported", json!(["public"])),
        ("id_token_signing_alg_values_supported", json!(["ES256"])),
        ("code_challenge_methods_supported", json!(["S256"])),
        (
            "authorization_response_iss_parameter_supported",
            json!(true),
        ),
        (
            "prompt_values_supported",
            json!(["none", "login", "consent"]),
        ),
        ("request_uri_parameter_supported", json!(false)),
    ] {
        assert_eq!(document[name], value, "{name}");
    }
    let grants = document["grant_types_supported"].as_array().unwrap();
    assert!(grants.contains(&json!("authorization_code")));
}

/// oidcc-server-rotate-keys: the key set has the new key before an ID token has, and the old one as long as it has to.
#[tokio::test]
async fn c070_oidcc_server_rotate_keys() {
    let flow = Flow::start().await;
    let published = async || {
        let request = Request::get("/iam/.well-known/jwks.json");
        let answer = flow
            .service
            .send(request.body(Body::empty()).unwrap())
            .await;
        let keys = answer.json()["keys"].as_array().unwrap().clone();
        keys.iter()
            .map(|key| key["kid"].clone())
            .collect::<Vec<_>>()
    };
    let id_token_key = async || {
        let tokens = flow.tokens("").await;
        decode(tokens["id_token"].as_str().unwrap()).0["kid"].clone()
    };
    let old = id_token_key().await;
    assert_eq!(published().await, std::slice::from_ref(&old));
    flow.rotate(Rotation::Planned).await;
    assert_eq!(
        (published().await.len(), id_token_key().await),
        (2, old.clone())
    );
    let lead = flow.service.app.config.keys.policy().lead_secs();
    flow.service.clock.advance_secs(lead.cast_signed());
    let new = id_token_key().await;
    assert_eq!(published().await, [old, new]);
}
