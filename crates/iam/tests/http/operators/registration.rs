//! Clients over HTTP: registered and replaced.

use sessionmint_iam::testing::{ORIGIN, RESOURCE};

use super::*;

pub(super) fn worker() -> Value {
    json!({
        "kind": "oauth",
        "client_id": "worker",
        "grants": ["client_credentials"],
        "resources": [RESOURCE],
        "scopes": "notes:read notes:write",
    })
}

pub(super) fn app() -> Value {
    json!({
        "kind": "browser",
        "client_id": "shop",
        "origins": ["https://shop.example.com"],
        "resources": [RESOURCE],
        "scopes": "notes:read",
    })
}

/// `body` with other members; those that are null are left out.
pub(super) fn with(body: Value, more: &Value) -> Value {
    let mut body = body;
    let members = body.as_object_mut().unwrap();
    for (name, value) in more.as_object().unwrap() {
        members.remove(name);
        if !value.is_null() {
            members.insert(name.clone(), value.clone());
        }
    }
    body
}

#[tokio::test]
async fn c111_a_client_of_the_standard_grants_is_registered_and_its_secret_is_shown_once() {
    let (service, _, root) = set_up().await;
    let token = root.token.as_str();
    let added = call(&service, token, Method::POST, "/clients", worker()).await;
    assert_eq!(added.status, 201, "{added:?}");
    let client = added.json();
    let secret = client["secret"].as_str().unwrap();
    assert!(client["subject"].as_str().unwrap().starts_with("cli_"));
    for (name, value) in [
        ("name", json!("worker")),
        ("authentication", json!("client_secret_basic")),
        ("default_resource", json!(RESOURCE)),
        ("default_scopes", json!("notes:read notes:write")),
        ("ttl", json!(300)),
        ("refresh_rotation", json!("rotate")),
        ("trusted", json!(false)),
    ] {
        assert_eq!(client[name], value, "the default of {name}");
    }
    let form = "grant_type=client_credentials&scope=notes:read";
    let minted = service
        .form("/oauth/token", Some(("worker", secret)), form)
        .await;
    assert_eq!(minted.status, 200);
    let shown = get(&service, token, "/clients/worker").await;
    assert_eq!(shown.header(header::ETAG), added.header(header::ETAG));
    assert_eq!(shown.json()["secrets"][0]["id"], client["secret_id"]);
    assert!(!String::from_utf8_lossy(&shown.body).contains(secret));

    let by_key = with(
        worker(),
        &json!({"client_id": "by-key", "authentication": "private_key_jwt", "jwks_uri": "https://app.example.com/jwks"}),
    );
    let added = call(&service, token, Method::POST, "/clients", by_key).await;
    assert_eq!(added.status, 201, "{added:?}");
    assert_eq!(added.json().get("secret"), None);

    let filter = AuditFilter {
        kinds: vec![AuditKind::ClientAdded, AuditKind::ClientSecretAdded],
        ..AuditFilter::default()
    };
    let records = service.store.audit(&filter, None, 3).await.unwrap();
    let actor = Actor::Client(root.id);
    assert_eq!(records.len(), 3);
    for record in records {
        assert_eq!(record.actor, actor);
        assert!(!json!(record.details).to_string().contains(secret));
    }
}

#[tokio::test]
async fn a_browser_app_is_registered_and_its_pages_mint_at_once() {
    let (service, _, root) = set_up().await;
    let token = root.token.as_str();
    let removed = call(&service, token, Method::DELETE, "/clients/web", Value::Null).await;
    assert_eq!(removed.status, 204);
    let asked = with(app(), &json!({"origins": [ORIGIN, ORIGIN]}));
    let added = call(&service, token, Method::POST, "/clients", asked).await;
    assert_eq!(added.status, 201, "{added:?}");
    assert_eq!(added.json()["origins"], json!([ORIGIN]), "said twice");
    assert_eq!(added.json()["warnings"], json!([]));
    let cookie = service.sign_in("ada", PASSWORD).await;
    let claims = assert_minted(&service.mint(&cookie, "").await);
    assert_eq!(claims["client_id"], "shop");

    let elsewhere = with(
        app(),
        &json!({"client_id": "far", "origins": ["https://ui.example.org"]}),
    );
    let added = call(&service, token, Method::POST, "/clients", elsewhere).await;
    assert_eq!(added.status, 201);
    let warning = added.json()["warnings"][0].clone();
    assert!(warning.as_str().unwrap().contains("different sites"));
}

#[tokio::test]
async fn a_client_is_replaced_as_it_was_read_and_nobodys_update_is_lost() {
    let (service, _, root) = set_up().await;
    let token = root.token.as_str();
    let post = async |body| {
        let answer = call(&service, token, Method::POST, "/clients", body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()["secret"].clone()
    };
    let secret = post(worker()).await;
    post(app()).await;
    for (path, first, second) in [
        (
            "/clients/worker",
            json!({"ttl": 60, "name": "Night shift"}),
            json!({"ttl": 90}),
        ),
        (
            "/clients/shop",
            json!({"ttl": 60, "origins": ["https://b.example.com"]}),
            json!({"ttl": 90}),
        ),
    ] {
        let read = get(&service, token, path).await;
        let etag = read.header(header::ETAG);
        let put = async |etag: &str, body: &Value| {
            change(&service, token, Method::PUT, path, etag, body).await
        };
        // Sent back as it was read, it changes nothing.
        let same = put(etag, &read.json()).await;
        assert_eq!(same.status, 200, "{same:?}");
        assert_eq!(same.header(header::ETAG), etag);
        let changed = put(etag, &with(read.json(), &first)).await;
        assert_eq!(changed.status, 200, "{changed:?}");
        assert_eq!(changed.json()["ttl"], 60);
        let late = put(etag, &with(read.json(), &second)).await;
        assert_eq!(
            (late.status.as_u16(), late.json()["code"].as_str()),
            (412, Some("changed"))
        );
        let now = get(&service, token, path).await;
        assert_eq!(now.json()["ttl"], 60);
        assert_eq!(now.header(header::ETAG), changed.header(header::ETAG));
        let unseen = call(&service, token, Method::PUT, path, now.json()).await;
        assert_eq!(unseen.status, 428);
        // What is left out has its default again.
        let least = with(now.json(), &json!({"ttl": null, "name": null}));
        let least = put("*", &least).await;
        assert_eq!(least.json()["ttl"], 300);
        for (name, value) in [
            ("kind", "else"),
            ("client_id", "else"),
            ("subject", "cli_AAAAAAAAAAAAAAAAAAAAAA"),
            ("disabled_at", "2030-01-01T00:00:00Z"),
        ] {
            let other = put("*", &with(now.json(), &json!({name: value}))).await;
            assert_eq!(
                (other.status.as_u16(), other.json()["field"].as_str()),
                (422, Some(name))
            );
        }
    }
    let gone = change(
        &service,
        token,
        Method::PUT,
        "/clients/nobody",
        "*",
        &worker(),
    )
    .await;
    assert_eq!(gone.status, 404);
    let secret = secret.as_str().unwrap();
    let form = "grant_type=client_credentials";
    let minted = service
        .form("/oauth/token", Some(("worker", secret)), form)
        .await;
    assert_eq!(minted.status, 200, "its secret is what it was");
}
