//! Registered clients.

use std::sync::Arc;

use sessionmint_oauth::BrowserClient;

use super::Instances;
use super::fixtures::*;
use crate::{AddClient, Change, ReplaceClient};

const UI: &str = "https://ui.example.com";
const ADMIN: &str = "https://admin.example.com";

pub(super) async fn a_client_comes_back_as_stored(on: &Instances) {
    let web = client("web", &[UI, ADMIN, "http://localhost:5173"]);
    let bare = BrowserClient {
        resources: Vec::new(),
        scopes: "".parse().unwrap(),
        default_scopes: "".parse().unwrap(),
        ttl: 5,
        ..client("bare", &[])
    };
    for client in [&web, &bare] {
        assert_eq!(
            on.one.add_client(client.clone(), by()).await,
            Ok(AddClient::Added)
        );
        assert_eq!(
            on.one.client(&client.client_id).await,
            Ok(Some(client.clone()))
        );
        for origin in &client.origins {
            assert_eq!(
                on.one.client_by_origin(origin).await,
                Ok(Some(Arc::new(client.clone())))
            );
        }
    }
    assert_eq!(on.one.clients().await, Ok(vec![bare, web]), "by id");
    assert_eq!(on.one.client(&client_id("other")).await, Ok(None));
}

pub(super) async fn ids_and_origins_belong_to_one_client(on: &Instances) {
    let web = client("web", &[UI]);
    assert_eq!(
        on.one.add_client(web.clone(), by()).await,
        Ok(AddClient::Added)
    );
    assert_eq!(
        on.one.add_client(client("web", &[ADMIN]), by()).await,
        Ok(AddClient::IdTaken)
    );
    assert_eq!(
        on.one.add_client(client("other", &[ADMIN, UI]), by()).await,
        Ok(AddClient::OriginTaken {
            origin: UI.to_owned(),
            client_id: client_id("web")
        })
    );
    assert_eq!(
        on.one.client_by_origin(ADMIN).await,
        Ok(None),
        "all of it or nothing"
    );
    assert_eq!(on.one.clients().await, Ok(vec![web]));
}

pub(super) async fn replacing_a_client_keeps_to_the_same_rule(on: &Instances) {
    let web = client("web", &[UI]);
    let admin = client("admin", &[ADMIN]);
    assert_eq!(
        on.one.replace_client(web.clone(), None, by()).await,
        Ok(ReplaceClient::NotFound)
    );
    assert_eq!(on.one.client_by_origin(UI).await, Ok(None));
    on.one.add_client(web.clone(), by()).await.unwrap();
    on.one.add_client(admin.clone(), by()).await.unwrap();

    let greedy = BrowserClient {
        ttl: 60,
        ..client("web", &["https://new.example.com", ADMIN])
    };
    assert_eq!(
        on.one.replace_client(greedy, None, by()).await,
        Ok(ReplaceClient::OriginTaken {
            origin: ADMIN.to_owned(),
            client_id: client_id("admin")
        })
    );
    assert_eq!(
        on.one.clients().await,
        Ok(vec![admin, web]),
        "nothing changed"
    );

    let grown = BrowserClient {
        default_resource: "https://other.example.com".to_owned(),
        resources: vec!["https://other.example.com".to_owned()],
        scopes: "x y".parse().unwrap(),
        default_scopes: "y".parse().unwrap(),
        ttl: 15,
        ..client("web", &["https://new.example.com", UI])
    };
    assert_eq!(
        on.one.replace_client(grown.clone(), None, by()).await,
        Ok(ReplaceClient::Replaced)
    );
    assert_eq!(
        on.one.client_by_origin(UI).await,
        Ok(Some(Arc::new(grown.clone())))
    );

    let late = client("web", &["https://late.example.com"]);
    let conflict = on
        .two
        .replace_client(late, Some(client("web", &[UI])), by());
    assert_eq!(conflict.await, Ok(ReplaceClient::Conflict));
    let stored = on.one.client(&client_id("web")).await.unwrap();
    assert_eq!(stored.as_ref(), Some(&grown), "nothing changed");

    let moved = client("web", &["https://new.example.com"]);
    assert_eq!(
        on.one.replace_client(moved, stored, by()).await,
        Ok(ReplaceClient::Replaced)
    );
    assert_eq!(on.one.client_by_origin(UI).await, Ok(None));
    assert_eq!(
        on.one.add_client(client("next", &[UI]), by()).await,
        Ok(AddClient::Added)
    );
}

pub(super) async fn origins_compare_byte_for_byte(on: &Instances) {
    on.one.add_client(client("web", &[UI]), by()).await.unwrap();
    for other in [
        "",
        "null",
        "https://UI.example.com",
        "HTTPS://ui.example.com",
        "https://ui.example.com/",
        "https://ui.example.com:443",
        "https://ui.example.co",
        "https://ui.example.com.evil.example",
        "http://ui.example.com",
        "https://ui.example.com\0",
        "https://%",
    ] {
        assert_eq!(on.one.client_by_origin(other).await, Ok(None), "{other:?}");
    }
}

pub(super) async fn an_origin_listed_twice_counts_once(on: &Instances) {
    let twice = on
        .one
        .add_client(client("web", &[UI, ADMIN, UI]), by())
        .await;
    assert_eq!(twice, Ok(AddClient::Added));
    assert_eq!(
        on.one.client_by_origin(UI).await,
        Ok(Some(Arc::new(client("web", &[UI, ADMIN]))))
    );
}

pub(super) async fn every_change_is_seen_by_who_asked_a_moment_ago(on: &Instances) {
    on.two.add_client(client("web", &[UI]), by()).await.unwrap();
    for ttl in 10..60 {
        let changed = BrowserClient {
            ttl,
            ..client("web", &[UI])
        };
        let from = if ttl % 2 == 0 { &on.one } else { &on.two };
        from.replace_client(changed.clone(), None, by())
            .await
            .unwrap();
        for reader in [&on.one, &on.two, &on.one] {
            let seen = reader.client_by_origin(UI).await;
            assert_eq!(seen, Ok(Some(Arc::new(changed.clone()))));
        }
    }
}

pub(super) async fn a_removed_client_frees_its_origins(on: &Instances) {
    on.one.add_client(client("web", &[UI]), by()).await.unwrap();
    assert_eq!(
        on.one.remove_client(&client_id("web"), by()).await,
        Ok(Change::Done)
    );
    assert_eq!(on.one.client_by_origin(UI).await, Ok(None));
    assert_eq!(on.one.client(&client_id("web")).await, Ok(None));
    assert_eq!(
        on.one.remove_client(&client_id("web"), by()).await,
        Ok(Change::NotFound)
    );
    assert_eq!(
        on.one.add_client(client("next", &[UI]), by()).await,
        Ok(AddClient::Added)
    );
}
