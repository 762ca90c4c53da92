//! What operators' programs may do, and what nobody else may.

use super::*;

#[tokio::test]
async fn c118_without_the_permission_every_operation_is_refused_and_changes_nothing() {
    let (service, ada, _) = set_up().await;
    let reader = service_account(&service, "reader", "admin").await;
    // A role on other things, and one that lacks the permissions.
    give(&service, &reader.subject, &EVERYTHING, "/other/**").await;
    give(&service, &reader.subject, &["users:list"], "/iam/**").await;
    let before = changes(&service).await;
    let operations = operations(&service, &ada).await;
    for (method, path) in &operations {
        for body in [
            Value::Null,
            json!({"name": "reader", "permissions": [], "username": "eve", "disabled": true}),
        ] {
            let answer = call(&service, &reader.token, method.clone(), path, body).await;
            assert_eq!(answer.status, 403, "{method} {path}");
            assert_eq!(answer.json()["code"], "permission_denied");
        }
    }
    assert_eq!(changes(&service).await, before);
    service.app.write_refusals().await.unwrap();
    let filter = AuditFilter {
        kinds: vec![AuditKind::AccessDenied],
        ..AuditFilter::default()
    };
    let denied = service.store.audit(&filter, None, 1000).await.unwrap();
    let attempts: u32 = denied.iter().filter_map(|record| record.attempts).sum();
    assert_eq!(usize::try_from(attempts).unwrap(), 2 * operations.len());
    // In any order; and of more than are kept apart, one stands for the rest.
    let by_reader =
        |record: &sessionmint_store::AuditRecord| record.actor == Actor::Client(reader.id.clone());
    assert!(denied.iter().any(by_reader), "{denied:?}");
}

#[tokio::test]
async fn c134_no_other_token_than_an_operators_is_taken() {
    let (service, ada, root) = set_up().await;
    let cookie = service.sign_in("ada", PASSWORD).await;
    let mut web = sessionmint_iam::testing::web_client();
    web.scopes = "account admin".parse().unwrap();
    let by = By::service(service.app.clock.now());
    sessionmint_store::Clients::replace_client(&*service.store, web, None, by)
        .await
        .unwrap();
    give(&service, &ada, &EVERYTHING, "/**").await;
    let form = format!("resource={}&scope=admin", sessionmint_iam::testing::ISSUER);
    let of_a_user = service.mint(&cookie, &form).await.access_token();
    let checks_only = service_account(&service, "checker", "access:check").await;
    give(&service, &checks_only.subject, &EVERYTHING, "/**").await;
    let before = changes(&service).await;
    for (method, path) in operations(&service, &ada).await {
        let status = async |token| {
            call(&service, token, method.clone(), &path, Value::Null)
                .await
                .status
        };
        assert_eq!(status(&of_a_user).await, 401, "{method} {path}");
        assert_eq!(status(&checks_only.token).await, 403, "{method} {path}");
        assert_eq!(status("").await, 401, "{method} {path}");
    }
    assert_eq!(changes(&service).await, before);
    let preflight = call(
        &service,
        &root.token,
        Method::OPTIONS,
        "/users",
        Value::Null,
    )
    .await;
    assert_eq!(preflight.status, 405);
    assert_eq!(preflight.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn a_role_on_one_user_reaches_no_other() {
    let (service, ada, _) = set_up().await;
    let bob = Subject::User(service.add_user("bob", PASSWORD).await);
    let desk = service_account(&service, "desk", "admin").await;
    give(
        &service,
        &desk.subject,
        &["users:read", "sessions:read"],
        &format!("/iam/users/{ada}/**"),
    )
    .await;
    let status = async |path: String| get(&service, &desk.token, &path).await.status;
    assert_eq!(status(format!("/users/{ada}")).await, 200);
    assert_eq!(status(format!("/users/{ada}/sessions")).await, 200);
    assert_eq!(status(format!("/users/{bob}")).await, 403);
    assert_eq!(status("/users".to_owned()).await, 403);
    // Nothing that is no id can be part of a resource.
    assert_eq!(status(format!("/users/{ada}%2Fx")).await, 404);
    assert_eq!(status("/users/..".to_owned()).await, 404);
}

#[tokio::test]
async fn c167_an_outage_lets_nobody_in_and_changes_nothing() {
    let (service, ada, root) = set_up().await;
    get(&service, &root.token, "/users").await;
    for commands in 0..2 {
        for (method, path) in operations(&service, &ada).await {
            service.store.set_down_after(commands);
            let answer = call(&service, &root.token, method.clone(), &path, Value::Null).await;
            service.store.set_down(false);
            assert_eq!(answer.status, 503, "{method} {path} after {commands}");
            assert_eq!(answer.header("retry-after"), "2");
        }
    }
    let Subject::User(ada) = &ada else { panic!() };
    assert!(service.store.user(ada).await.unwrap().is_some());
}
