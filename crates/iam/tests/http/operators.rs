//! The admin API: what operators' programs may do, and what nobody else may.

use axum::body::Body;
use axum::http::{Method, Request, header};
use serde_json::{Value, json};
use sessionmint_access::Subject;
use sessionmint_iam::testing::{Answer, TestService};
use sessionmint_store::{Actor, Audit as _, AuditFilter, AuditKind, By, Roles as _, Users as _};

use super::support::*;

/// Everything that there is to be permitted.
const EVERYTHING: [&str; 15] = [
    "users:read",
    "users:write",
    "sessions:read",
    "sessions:write",
    "clients:read",
    "clients:write",
    "grants:read",
    "grants:write",
    "roles:read",
    "roles:write",
    "groups:read",
    "groups:write",
    "records:read",
    "records:write",
    "keys:read",
];

async fn call(
    service: &TestService,
    token: &str,
    method: Method,
    path: &str,
    body: Value,
) -> Answer {
    let path = format!("/iam/admin{path}");
    service
        .send(service_request(method, &path, token, &body))
        .await
}

async fn get(service: &TestService, token: &str, path: &str) -> Answer {
    call(service, token, Method::GET, path, Value::Null).await
}

/// A change of the version `seen`.
async fn change(
    service: &TestService,
    token: &str,
    method: Method,
    path: &str,
    seen: &str,
    body: &Value,
) -> Answer {
    let mut request = service_request(method, &format!("/iam/admin{path}"), token, body);
    request
        .headers_mut()
        .insert(header::IF_MATCH, seen.parse().unwrap());
    service.send(request).await
}

/// A service with the user `ada`, and an operator's program with every permission on everything.
async fn set_up() -> (TestService, Subject, ServiceAccount) {
    let service = TestService::start().await;
    let ada = Subject::User(service.add_user("ada", PASSWORD).await);
    let root = service_account(&service, "root", "admin").await;
    let permissions = [&EVERYTHING[..], &["keys:write", "audit:read"]].concat();
    give(&service, &root.subject, &permissions, "/iam/**").await;
    (service, ada, root)
}

/// Every address of the API with what it may be asked, as documented.
async fn operations(service: &TestService, ada: &Subject) -> Vec<(Method, String)> {
    let request = Request::get("/iam/openapi.json")
        .body(Body::empty())
        .unwrap();
    let document = service.send(request).await.json();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let Some(path) = path.strip_prefix("/iam/admin") else {
            continue;
        };
        let id = match path {
            path if path.starts_with("/users") => ada.as_str(),
            path if path.starts_with("/records") => "rec_AAAAAAAAAAAAAAAAAAAAAA",
            path if path.starts_with("/grants") => "grt_AAAAAAAAAAAAAAAAAAAAAA",
            _ => "root",
        };
        let path = path
            .replace("{id}", id)
            .replace("{name}", "reader")
            .replace("{subject}", ada.as_str())
            .replace("{session}", "ses_AAAAAAAAAAAAAAAAAAAAAA")
            .replace("{secret}", "sec_AAAAAAAAAAAAAAAAAAAAAA");
        for method in ["get", "post", "put", "patch", "delete"] {
            if item.get(method).is_some() {
                operations.push((method.to_uppercase().parse().unwrap(), path.clone()));
            }
        }
    }
    assert!(operations.len() > 35, "{operations:?}");
    operations
}

/// How many changes the audit trail has.
async fn changes(service: &TestService) -> usize {
    let records = service
        .store
        .audit(&AuditFilter::default(), None, 1000)
        .await
        .unwrap();
    records
        .iter()
        .filter(|record| record.attempts.is_none())
        .count()
}

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
    assert_eq!(denied[0].actor, Actor::Client(reader.id.clone()));
}

#[tokio::test]
async fn c134_no_other_token_than_an_operators_is_taken() {
    let (service, ada, root) = set_up().await;
    let cookie = service.sign_in("ada", PASSWORD).await;
    let mut web = sessionmint_iam::testing::web_client();
    web.scopes = "account admin".parse().unwrap();
    let by = By::service(service.app.clock.now());
    sessionmint_store::Clients::replace_client(&*service.store, web, by)
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

#[tokio::test]
async fn lists_come_in_pages() {
    let (service, _, root) = set_up().await;
    for name in ["bob", "eve", "zoë"] {
        service.add_user(name, PASSWORD).await;
    }
    let (mut names, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/users?limit=3{cursor}");
        let page = get(&service, &root.token, &path).await.json();
        let users = page["users"].as_array().unwrap();
        names.extend(
            users
                .iter()
                .map(|user| user["username"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["next"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(names, ["ada", "bob", "eve", "zoë"]);
    let mut records = 0;
    let mut cursor = String::new();
    loop {
        let page = get(&service, &root.token, &format!("/audit?limit=2{cursor}"))
            .await
            .json();
        records += page["records"].as_array().unwrap().len();
        let Some(next) = page["next"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(records, changes(&service).await);
    for wrong in [
        "limit=0",
        "limit=501",
        "limit=x",
        "cursor=%00",
        "cursor=!",
        "limit=1&limit=2",
    ] {
        let answer = get(&service, &root.token, &format!("/users?{wrong}")).await;
        assert_eq!(answer.status, 400, "{wrong}");
    }
    for wrong in ["kind=x", "since=yesterday", "user_id=ada", "cursor=YQ"] {
        assert_eq!(
            get(&service, &root.token, &format!("/audit?{wrong}"))
                .await
                .status,
            400,
            "{wrong}"
        );
    }
    let of_a_kind = get(&service, &root.token, "/audit?kind=role&since=1h")
        .await
        .json();
    assert_eq!(of_a_kind["records"][0]["kind"], "role.added");
}

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
