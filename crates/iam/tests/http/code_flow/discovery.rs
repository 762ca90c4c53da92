//! What the metadata says where the code flow is enabled.

use super::*;

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
