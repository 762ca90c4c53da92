//! Keys.

use super::*;

#[tokio::test]
async fn keys_are_listed_and_rotated_and_grants_are_looked_for() {
    let (service, ada, root) = set_up().await;
    let token = root.token.as_str();
    let keys = get(&service, token, "/keys").await.json();
    assert_eq!(keys["keys"][0]["state"], "active");
    let soon = call(&service, token, Method::POST, "/keys/rotate", json!({})).await;
    let rotated = if soon.status == 409 {
        assert_eq!(soon.json()["code"], "too_soon");
        call(
            &service,
            token,
            Method::POST,
            "/keys/rotate",
            json!({"emergency": true}),
        )
        .await
    } else {
        soon
    };
    assert_eq!(rotated.status, 200);
    let root = service_account(&service, "root2", "admin").await;
    give(
        &service,
        &root.subject,
        &["keys:read", "grants:read"],
        "/iam/**",
    )
    .await;
    let keys = get(&service, &root.token, "/keys").await.json();
    let kids: Vec<_> = keys["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| &key["kid"])
        .collect();
    assert!(kids.contains(&&rotated.json()["kid"]));
    let grants = get(&service, &root.token, &format!("/grants?user_id={ada}")).await;
    assert_eq!(grants.json(), json!({"grants": []}));
    assert_eq!(get(&service, &root.token, "/grants").await.status, 400);
}
