//! Roles, groups and records.

use super::*;

#[tokio::test]
async fn roles_groups_and_records_are_written_and_hold_at_once() {
    let (service, ada, root) = set_up().await;
    let token = root.token.as_str();
    let post =
        async |path: &str, body: Value| call(&service, token, Method::POST, path, body).await;
    let role = json!({"name": "reader", "permissions": ["notes:read"]});
    assert_eq!(post("/roles", role.clone()).await.status, 201);
    assert_eq!(post("/roles", role).await.status, 409);
    assert_eq!(
        post("/groups", json!({"name": "readers"})).await.status,
        201
    );
    let member = format!("/groups/readers/members/{ada}");
    for _ in 0..2 {
        assert_eq!(
            call(&service, token, Method::PUT, &member, Value::Null)
                .await
                .status,
            204
        );
    }
    let members = get(&service, token, "/groups/readers/members").await.json();
    assert_eq!(members["members"], json!([ada]));
    let record = json!({"subject": "group:readers", "role": "reader", "resource": "/notes/**"});
    let added = post("/records", record.clone()).await;
    assert_eq!(added.status, 201);
    let again = post("/records", record).await;
    assert_eq!((again.status.as_u16(), again.json()), (200, added.json()));
    for (path, body) in [
        (
            "/records",
            json!({"subject": "group:nobody", "role": "reader", "resource": "/a"}),
        ),
        (
            "/records",
            json!({"subject": "group:readers", "role": "nothing", "resource": "/a"}),
        ),
        (
            "/records",
            json!({"subject": "group:readers", "role": "reader", "resource": "/a/{id}"}),
        ),
        ("/roles", json!({"name": "x", "permissions": ["*"]})),
        ("/groups", json!({"name": "a b"})),
    ] {
        assert_eq!(post(path, body).await.status, 422);
    }
    let (resource, permission) = ("/notes/7".parse().unwrap(), "notes:read".parse().unwrap());
    let allowed = async || {
        let decision = service
            .app
            .authorize(&ada, &resource, &permission)
            .await
            .unwrap();
        decision.allowed()
    };
    assert!(allowed().await);
    let delete = async |path: &str| {
        let answer = call(&service, token, Method::DELETE, path, Value::Null).await;
        let code = (!answer.body.is_empty()).then(|| answer.json()["code"].clone());
        (answer.status.as_u16(), code)
    };
    for path in ["/roles/reader", "/groups/readers"] {
        assert_eq!(delete(path).await, (409, Some(json!("in_use"))));
    }
    assert!(allowed().await);
    assert_eq!(delete(&member).await, (204, None));
    assert!(!allowed().await);
    let listed = get(&service, token, "/records?role=reader").await.json();
    assert_eq!(listed["records"], json!([added.json()]));
    assert_eq!(delete("/roles/reader?with_records=true").await, (204, None));
    assert_eq!(
        get(&service, token, "/records?subject=group:readers")
            .await
            .json()["records"],
        json!([])
    );
    assert_eq!(delete("/groups/readers").await, (204, None));
    assert_eq!(delete("/groups/readers").await.0, 404);
}
