//! Clients over HTTP: refused by the rules of the command line.

use sessionmint_iam::testing::{ISSUER, ORIGIN, RESOURCE};

use super::registration::{app, with, worker};
use super::*;

#[tokio::test]
async fn what_is_wrong_with_a_client_is_said_with_its_member() {
    let (service, _, root) = set_up().await;
    let token = root.token.as_str();
    let before = changes(&service).await;
    let code =
        json!({"grants": ["authorization_code"], "redirect_uris": ["https://app.example.com/cb"]});
    let public = with(code.clone(), &json!({"authentication": "none"}));
    for (body, field, detail) in [
        (with(worker(), &json!({"kind": null})), "kind", "`browser`"),
        (with(worker(), &json!({"kind": "web"})), "kind", "`oauth`"),
        (
            with(worker(), &json!({"client_id": null})),
            "client_id",
            "a client id",
        ),
        (
            with(worker(), &json!({"client_id": "a b"})),
            "client_id",
            "a client id",
        ),
        (
            with(worker(), &json!({"grants": null})),
            "grants",
            "at least one grant",
        ),
        (
            with(worker(), &json!({"grants": ["password"]})),
            "grants[0]",
            "is not a grant",
        ),
        (with(worker(), &json!({"ttl": "60"})), "ttl", "expected u64"),
        (with(worker(), &json!({"ttl": 4})), "ttl", "5 to 300"),
        (
            with(worker(), &json!({"scopes": "a  b"})),
            "scopes",
            "single spaces",
        ),
        (
            with(worker(), &json!({"default_scopes": "x"})),
            "default_scopes",
            "of the client: x;",
        ),
        (
            with(worker(), &json!({"resources": null})),
            "resources",
            "at least one resource",
        ),
        (
            with(worker(), &json!({"resources": ["/notes"]})),
            "resources",
            "/notes: ",
        ),
        (
            with(worker(), &json!({"default_resource": "urn:x:y"})),
            "default_resource",
            RESOURCE,
        ),
        (
            with(worker(), &json!({"authentication": "none"})),
            "grants",
            "not for public ones",
        ),
        (
            with(worker(), &json!({"authentication": "private_key_jwt"})),
            "jwks",
            "JWK set",
        ),
        (
            with(
                worker(),
                &json!({"jwks": {}, "jwks_uri": "https://a.example"}),
            ),
            "jwks",
            "not both",
        ),
        (
            with(
                worker(),
                &json!({"redirect_uris": ["https://app.example.com/cb"]}),
            ),
            "redirect_uris",
            "for the grant authorization_code",
        ),
        (
            with(
                with(worker(), &code),
                &json!({"redirect_uris": ["http://app.example.com/cb"]}),
            ),
            "redirect_uris",
            "http://app.example.com/cb: ",
        ),
        (
            with(
                with(worker(), &code),
                &json!({"post_logout_redirect_uris": ["/bye"]}),
            ),
            "post_logout_redirect_uris",
            "/bye: ",
        ),
        (
            with(
                with(worker(), &public),
                &json!({"grants": ["authorization_code", "refresh_token"], "refresh_rotation": "none"}),
            ),
            "refresh_rotation",
            "are replaced",
        ),
        (
            with(worker(), &json!({"refresh_window": 61})),
            "refresh_window",
            "at most 60",
        ),
        (with(worker(), &json!({"name": ""})), "name", "1 to 100"),
        (
            with(app(), &json!({"origins": null})),
            "origins",
            "at least one origin",
        ),
        (
            with(app(), &json!({"origins": ["https://a.example/"]})),
            "origins",
            "write `https://a.example`",
        ),
        (
            with(app(), &json!({"origins": ["null"]})),
            "origins",
            "sandboxed",
        ),
        (
            with(
                app(),
                &json!({"origins": [ISSUER.trim_end_matches("/iam")]}),
            ),
            "origins",
            "the origin of the service itself",
        ),
    ] {
        let answer = call(&service, token, Method::POST, "/clients", body.clone()).await;
        let said = answer.json();
        assert_eq!(
            (answer.status.as_u16(), said["code"].as_str()),
            (422, Some("invalid")),
            "{body}: {said}"
        );
        assert_eq!(said["field"], field, "{body}: {said}");
        assert!(
            said["detail"].as_str().unwrap().contains(detail),
            "{body}: {said}"
        );
    }
    // A member of the other kind, or of none.
    for body in [
        with(app(), &json!({"grants": []})),
        with(worker(), &json!({"ttls": 5})),
    ] {
        let answer = call(&service, token, Method::POST, "/clients", body).await;
        assert_eq!(answer.status, 422);
        assert!(
            answer.json()["detail"]
                .as_str()
                .unwrap()
                .starts_with("unknown field `")
        );
    }
    assert_eq!(changes(&service).await, before);
}

#[tokio::test]
async fn c082_ids_and_origins_belong_to_one_client_over_http_too() {
    let (service, _, root) = set_up().await;
    let token = root.token.as_str();
    let public = with(
        worker(),
        &json!({
            "client_id": "native",
            "authentication": "none",
            "grants": ["authorization_code"],
            "redirect_uris": ["https://native.example.com/cb"],
        }),
    );
    for body in [public.clone(), app()] {
        let added = call(&service, token, Method::POST, "/clients", body).await;
        assert_eq!(added.status, 201, "{added:?}");
        assert_eq!(added.json().get("secret"), None);
    }
    let on = |origins: &str| json!({"client_id": "other", "origins": [origins]});
    let to = json!({"client_id": "other", "redirect_uris": ["https://shop.example.com/cb"]});
    for (body, code, detail) in [
        (
            with(worker(), &json!({"client_id": "shop"})),
            "taken",
            "of that id",
        ),
        (
            with(
                app(),
                &json!({"client_id": "native", "origins": ["https://x.example"]}),
            ),
            "taken",
            "of that id",
        ),
        (with(app(), &on(ORIGIN)), "origin_taken", "client `web`"),
        (
            with(app(), &on("https://native.example.com")),
            "redirected_to",
            "client `native`",
        ),
        (with(public.clone(), &to), "browser_origin", "app `shop`"),
    ] {
        let answer = call(&service, token, Method::POST, "/clients", body.clone()).await;
        let said = answer.json();
        assert_eq!(
            (answer.status.as_u16(), said["code"].as_str()),
            (409, Some(code)),
            "{body}: {said}"
        );
        assert!(said["detail"].as_str().unwrap().contains(detail), "{said}");
    }
    let origins = json!({"origins": [ORIGIN], "resources": [RESOURCE]});
    let moved = change(&service, token, Method::PUT, "/clients/shop", "*", &origins).await;
    assert_eq!(moved.json()["code"], "origin_taken");
    let redirect = with(
        public,
        &json!({"client_id": null, "redirect_uris": ["https://shop.example.com/cb"]}),
    );
    let moved = change(
        &service,
        token,
        Method::PUT,
        "/clients/native",
        "*",
        &redirect,
    )
    .await;
    assert_eq!(moved.json()["code"], "browser_origin");
}
