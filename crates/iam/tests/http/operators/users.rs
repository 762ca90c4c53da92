//! Users and their sessions.

use super::*;

#[tokio::test]
async fn users_are_added_looked_at_changed_and_removed() {
    let (service, _, root) = set_up().await;
    let token = root.token.as_str();
    let asked =
        json!({"username": "eve", "password": "seven small hedgehogs", "scopes": "notes:read"});
    let added = call(&service, token, Method::POST, "/users", asked.clone()).await;
    assert_eq!(added.status, 201);
    let user = added.json();
    let path = format!("/users/{}", user["id"].as_str().unwrap());
    assert_eq!(user["has_password"], true);
    let taken = call(&service, token, Method::POST, "/users", asked).await;
    assert_eq!(
        (taken.status.as_u16(), taken.json()["code"].as_str()),
        (409, Some("taken"))
    );
    for (body, status) in [
        (json!({"username": " eve"}), 422),
        (json!({"username": "mallory", "password": "password1"}), 422),
        (json!({"username": "mallory", "scope": "x"}), 400),
        (json!({"username": "mallory", "scopes": "\""}), 400),
    ] {
        assert_eq!(
            call(&service, token, Method::POST, "/users", body)
                .await
                .status,
            status
        );
    }

    let cookie = service.sign_in("eve", "seven small hedgehogs").await;
    let sessions = get(&service, token, &format!("{path}/sessions"))
        .await
        .json();
    let session = sessions["sessions"][0]["id"].as_str().unwrap().to_owned();
    let ended = call(
        &service,
        token,
        Method::DELETE,
        &format!("{path}/sessions/{session}"),
        Value::Null,
    )
    .await;
    assert_eq!(ended.status, 204);
    assert_eq!(service.mint(&cookie, "").await.status, 401);
    let cookie = service.sign_in("eve", "seven small hedgehogs").await;
    let sessions = get(&service, token, &format!("{path}/sessions")).await;
    let session = sessions.json()["sessions"][0]["id"].clone();
    let session = format!("/sessions/{}", session.as_str().unwrap());
    for status in [204, 404] {
        let ended = call(&service, token, Method::DELETE, &session, Value::Null).await;
        assert_eq!(ended.status, status);
    }
    assert_eq!(service.mint(&cookie, "").await.status, 401);
    service.sign_in("eve", "seven small hedgehogs").await;
    let ended = call(
        &service,
        token,
        Method::DELETE,
        &format!("{path}/sessions"),
        Value::Null,
    )
    .await;
    assert_eq!(ended.json(), json!({"ended": 1}));

    let password = json!({"password": "eight large hedgehogs"});
    let set = call(
        &service,
        token,
        Method::PUT,
        &format!("{path}/password"),
        password,
    )
    .await;
    assert_eq!(set.status, 204);
    assert_eq!(
        service
            .try_sign_in("eve", "seven small hedgehogs")
            .await
            .status,
        401
    );
    let cookie = service.sign_in("eve", "eight large hedgehogs").await;

    let etag = added.header(header::ETAG).to_owned();
    let disabled = change(
        &service,
        token,
        Method::PATCH,
        &path,
        &etag,
        &json!({"disabled": true}),
    )
    .await;
    assert_eq!(disabled.status, 200);
    assert_eq!(
        disabled.json()["scopes"],
        "notes:read",
        "what is absent stays"
    );
    assert_eq!(service.mint(&cookie, "").await.status, 401);
    let shown = get(&service, token, &path).await;
    assert_eq!(shown.json(), disabled.json());
    assert_eq!(shown.header(header::ETAG), disabled.header(header::ETAG));
    let etag = shown.header(header::ETAG);
    let all = change(
        &service,
        token,
        Method::PATCH,
        &path,
        etag,
        &json!({"scopes": null, "disabled": false}),
    )
    .await;
    assert_eq!(all.json()["scopes"], Value::Null);

    let removed = call(&service, token, Method::DELETE, &path, Value::Null).await;
    assert_eq!(removed.status, 204);
    assert_eq!(get(&service, token, &path).await.status, 404);
    let filter = AuditFilter {
        kinds: vec![
            AuditKind::UserAdded,
            AuditKind::UserRemoved,
            AuditKind::UserDisabled,
        ],
        ..AuditFilter::default()
    };
    let records = service.store.audit(&filter, None, 3).await.unwrap();
    let root = Actor::Client(root.id);
    assert!(
        records.iter().all(|record| record.actor == root),
        "{records:?}"
    );
}

#[tokio::test]
async fn an_update_that_did_not_see_the_last_one_is_refused() {
    let (service, ada, root) = set_up().await;
    let token = root.token.as_str();
    let user = format!("/users/{ada}");
    let role = json!({"name": "reader", "permissions": ["a:read"]});
    let first = call(&service, token, Method::POST, "/roles", role).await;
    assert_eq!(first.status, 201);
    let (of_role, of_user) = (first, get(&service, token, &user).await);
    for (path, method, seen, first, second) in [
        (
            "/roles/reader",
            Method::PUT,
            of_role,
            json!({"permissions": ["a:read", "a:list"]}),
            json!({"permissions": []}),
        ),
        (
            user.as_str(),
            Method::PATCH,
            of_user,
            json!({"scopes": "notes:read"}),
            json!({"scopes": null}),
        ),
    ] {
        let etag = seen.header(header::ETAG).to_owned();
        let unseen = call(&service, token, method.clone(), path, second.clone()).await;
        assert_eq!(
            (unseen.status.as_u16(), unseen.json()["code"].as_str()),
            (428, Some("version_required"))
        );
        let changed = change(&service, token, method.clone(), path, &etag, &first).await;
        assert_eq!(changed.status, 200);
        for stale in [etag.as_str(), "\"\"", "W/\"1\"", "1", "\"x\""] {
            let late = change(&service, token, method.clone(), path, stale, &second).await;
            assert_eq!(
                (late.status.as_u16(), late.json()["code"].as_str()),
                (412, Some("changed")),
                "{stale}"
            );
        }
        let now = get(&service, token, path).await;
        assert_eq!(now.json(), changed.json());
        let etag = now.header(header::ETAG);
        assert_eq!(
            change(&service, token, method.clone(), path, etag, &second)
                .await
                .status,
            200
        );
        assert_eq!(
            change(&service, token, method, path, "*", &first)
                .await
                .status,
            200
        );
    }
    let stale = change(
        &service,
        token,
        Method::DELETE,
        "/roles/reader",
        "\"0\"",
        &Value::Null,
    )
    .await;
    assert_eq!(stale.status, 412);
    assert!(
        service
            .store
            .role(&"reader".parse().unwrap())
            .await
            .unwrap()
            .is_some()
    );
}
