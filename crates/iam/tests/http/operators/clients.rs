//! Clients that are there.

use super::*;

#[tokio::test]
async fn c111_a_client_is_disabled_and_gets_secrets_and_what_is_shown_is_none_of_them() {
    let (service, _, root) = set_up().await;
    let token = root.token.as_str();
    let other = service_account(&service, "other", "access:check").await;
    let made = call(
        &service,
        token,
        Method::POST,
        "/clients/other/secrets",
        Value::Null,
    )
    .await;
    assert_eq!(made.status, 201);
    let (secret, id) = (
        made.json()["secret"].clone(),
        made.json()["secret_id"].clone(),
    );
    let (secret, id) = (secret.as_str().unwrap(), id.as_str().unwrap());
    let form = "grant_type=client_credentials";
    let tried = async || {
        service
            .form("/oauth/token", Some(("other", secret)), form)
            .await
            .status
    };
    assert_eq!(tried().await, 200);
    let full = call(
        &service,
        token,
        Method::POST,
        "/clients/other/secrets",
        Value::Null,
    )
    .await;
    assert_eq!(full.json()["code"], "too_many_secrets");
    let disabled = call(
        &service,
        token,
        Method::PATCH,
        "/clients/other",
        json!({"disabled": true}),
    )
    .await;
    assert_eq!(disabled.status, 200);
    assert_eq!(tried().await, 401);
    let check = json!({"subject": other.subject, "resource": "/a", "permission": "a:b"});
    let asks = service_request(Method::POST, "/iam/access/check", &other.token, &check);
    assert_eq!(service.send(asks).await.status, 401);
    call(
        &service,
        token,
        Method::PATCH,
        "/clients/other",
        json!({"disabled": false}),
    )
    .await;
    assert_eq!(tried().await, 200);
    let browser = call(
        &service,
        token,
        Method::PATCH,
        "/clients/web",
        json!({"disabled": true}),
    )
    .await;
    assert_eq!(browser.status, 409);
    for path in [
        "/clients",
        "/clients/other",
        "/clients/web",
        "/users",
        "/keys",
        "/audit",
    ] {
        let answer = get(&service, token, path).await;
        assert_eq!(answer.status, 200);
        let text = String::from_utf8(answer.body.to_vec()).unwrap();
        for never in [secret, "sms_", "$argon2", "pkcs8", "hash\":"] {
            assert!(!text.contains(never), "{path} shows {never}");
        }
    }
    let dropped = call(
        &service,
        token,
        Method::DELETE,
        &format!("/clients/other/secrets/{id}"),
        Value::Null,
    )
    .await;
    assert_eq!(dropped.status, 204);
    assert_eq!(tried().await, 401);
    assert_eq!(
        call(
            &service,
            token,
            Method::DELETE,
            "/clients/other",
            Value::Null
        )
        .await
        .status,
        204
    );
    assert_eq!(get(&service, token, "/clients/other").await.status, 404);
}
