//! Clients of the standard grants, and their secrets.

use sessionmint_oauth::{
    ClientAuthentication, ClientKeys, ClientSubject, GrantType, OAuthClient, RefreshPolicy,
    Rotation, SecretId,
};

use super::Instances;
use super::fixtures::*;
use super::grants::offline;
use crate::{
    AddClient, AddOAuthClient, AddSecret, AuditFilter, AuditKind, AuditReason, AuditRecord, Change,
    ClientSecret, GrantsOf, NewGrant, ReplaceClient, ReplaceOAuthClient, Store,
};

const APP: &str = "https://app.example.com";

/// A public app, which may do less than any other.
fn native(id: &str, number: u32) -> OAuthClient {
    OAuthClient {
        authentication: ClientAuthentication::None,
        grants: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
        redirect_uris: vec![format!("{APP}/callback"), "http://127.0.0.1/cb".to_owned()],
        ..oauth_client(id, number)
    }
}

fn secret(number: u32) -> ClientSecret {
    ClientSecret {
        id: SecretId::from_random(bytes(number)),
        hash: bytes(number),
        created_at: NOW,
    }
}

async fn add(store: &dyn Store, client: &OAuthClient) {
    let added = store.add_oauth_client(client.clone(), None, by()).await;
    assert_eq!(added, Ok(AddOAuthClient::Added));
}

pub(super) async fn an_oauth_client_comes_back_as_stored(on: &Instances) {
    let web = OAuthClient {
        name: "The \"web\" app, ü".to_owned(),
        authentication: ClientAuthentication::PrivateKeyJwt,
        keys: Some(ClientKeys::JwksUri(
            "https://app.example.com/jwks".to_owned(),
        )),
        grants: GrantType::ALL.to_vec(),
        redirect_uris: vec![format!("{APP}/b"), format!("{APP}/a?x=1")],
        post_logout_redirect_uris: vec![format!("{APP}/bye")],
        refresh: RefreshPolicy {
            rotation: Rotation::RotateNearExpiry,
            window_secs: 1,
            idle_secs: 2,
            absolute_secs: 3,
        },
        trusted: true,
        disabled_at: Some(NOW),
        ..oauth_client("web", 2)
    };
    let keys = Some(ClientKeys::Jwks(r#"{"keys":[]}"#.to_owned()));
    let worker = OAuthClient {
        keys,
        ..oauth_client("a-worker", 1)
    };
    for client in [&web, &worker] {
        add(&*on.one, client).await;
        let stored = on.two.oauth_client(&client.client_id).await;
        assert_eq!(stored, Ok(Some(client.clone())));
    }
    assert_eq!(on.one.oauth_clients().await, Ok(vec![worker, web]), "by id");
    assert_eq!(on.one.oauth_client(&client_id("other")).await, Ok(None));
}

pub(super) async fn both_kinds_of_clients_share_one_space_of_ids(on: &Instances) {
    on.one.add_client(client("web", &[]), by()).await.unwrap();
    add(&*on.one, &oauth_client("worker", 1)).await;
    for id in ["web", "worker"] {
        let taken = on
            .two
            .add_oauth_client(oauth_client(id, 2), Some(secret(1)), by())
            .await;
        assert_eq!(taken, Ok(AddOAuthClient::IdTaken), "{id}");
        let taken = on.two.add_client(client(id, &[]), by()).await;
        assert_eq!(taken, Ok(AddClient::IdTaken), "{id}");
    }
    assert_eq!(on.one.oauth_client(&client_id("web")).await, Ok(None));
    assert_eq!(on.one.client(&client_id("worker")).await, Ok(None));
    on.one
        .remove_oauth_client(&client_id("worker"), by())
        .await
        .unwrap();
    let freed = on.one.add_client(client("worker", &[]), by()).await;
    assert_eq!(freed, Ok(AddClient::Added));
}

pub(super) async fn one_of_many_clients_of_both_kinds_gets_an_id(on: &Instances) {
    let mut all = tokio::task::JoinSet::new();
    for number in 0..20 {
        let store = if number % 2 == 0 { &on.one } else { &on.two };
        let store = std::sync::Arc::clone(store);
        all.spawn(async move {
            if number % 4 < 2 {
                store.add_client(client("one", &[]), by()).await == Ok(AddClient::Added)
            } else {
                let added = store
                    .add_oauth_client(oauth_client("one", number), None, by())
                    .await;
                added == Ok(AddOAuthClient::Added)
            }
        });
    }
    let added = all.join_all().await;
    assert_eq!(added.iter().filter(|added| **added).count(), 1);
}

pub(super) async fn c082_no_public_client_has_users_sent_to_the_pages_of_a_browser_app(
    on: &Instances,
) {
    on.one.add_client(client("ui", &[APP]), by()).await.unwrap();
    let (uri, ui) = (format!("{APP}/callback"), client_id("ui"));
    let refused = on.one.add_oauth_client(native("app", 1), None, by()).await;
    let (of, owner) = (uri.clone(), ui.clone());
    assert_eq!(
        refused,
        Ok(AddOAuthClient::BrowserOrigin {
            uri: of,
            client_id: owner
        })
    );
    assert_eq!(on.one.oauth_client(&client_id("app")).await, Ok(None));

    let confidential = OAuthClient {
        authentication: ClientAuthentication::ClientSecretBasic,
        ..native("app", 1)
    };
    add(&*on.one, &confidential).await;
    let refused = on
        .two
        .replace_oauth_client(native("app", 1), None, by())
        .await;
    assert_eq!(
        refused,
        Ok(ReplaceOAuthClient::BrowserOrigin {
            uri,
            client_id: ui.clone()
        })
    );
    assert_eq!(
        on.one.oauth_client(&client_id("app")).await,
        Ok(Some(confidential))
    );

    on.one.remove_client(&ui, by()).await.unwrap();
    let replaced = on
        .one
        .replace_oauth_client(native("app", 1), None, by())
        .await;
    assert_eq!(replaced, Ok(ReplaceOAuthClient::Replaced));
    let (origin, app) = (APP.to_owned(), client_id("app"));
    let refused = on
        .two
        .add_client(client("ui", &["https://x.example", APP]), by())
        .await;
    let (of, owner) = (origin.clone(), app.clone());
    assert_eq!(
        refused,
        Ok(AddClient::RedirectedTo {
            origin: of,
            client_id: owner
        })
    );
    on.one.add_client(client("ui", &[]), by()).await.unwrap();
    let refused = on
        .one
        .replace_client(client("ui", &[APP]), None, by())
        .await;
    assert_eq!(
        refused,
        Ok(ReplaceClient::RedirectedTo {
            origin,
            client_id: app
        })
    );
}

pub(super) async fn replacing_an_oauth_client_keeps_its_subject_and_whether_it_is_disabled(
    on: &Instances,
) {
    let worker = oauth_client("worker", 1);
    let missing = on
        .one
        .replace_oauth_client(worker.clone(), None, by())
        .await;
    assert_eq!(missing, Ok(ReplaceOAuthClient::NotFound));
    add(&*on.one, &worker).await;
    let changed = OAuthClient {
        name: "another".to_owned(),
        ttl: 60,
        subject: ClientSubject::from_random(bytes(9)),
        disabled_at: Some(NOW),
        grants: vec![GrantType::TokenExchange],
        ..worker.clone()
    };
    let replaced = on
        .two
        .replace_oauth_client(changed.clone(), None, by())
        .await;
    assert_eq!(replaced, Ok(ReplaceOAuthClient::Replaced));
    let expected = OAuthClient {
        subject: worker.subject,
        disabled_at: None,
        ..changed
    };
    let id = client_id("worker");
    assert_eq!(on.one.oauth_client(&id).await, Ok(Some(expected.clone())));

    let late = OAuthClient {
        ttl: 30,
        ..expected.clone()
    };
    let seen = OAuthClient {
        ttl: 300,
        ..expected.clone()
    };
    let conflict = on.one.replace_oauth_client(late.clone(), Some(seen), by());
    assert_eq!(conflict.await, Ok(ReplaceOAuthClient::Conflict));
    assert_eq!(on.two.oauth_client(&id).await, Ok(Some(expected.clone())));
    let replaced = on
        .two
        .replace_oauth_client(late.clone(), Some(expected), by());
    assert_eq!(replaced.await, Ok(ReplaceOAuthClient::Replaced));
    assert_eq!(on.one.oauth_client(&id).await, Ok(Some(late)));
}

pub(super) async fn c111_a_client_has_two_secrets_at_the_most(on: &Instances) {
    let worker = oauth_client("worker", 1);
    let id = &worker.client_id;
    let missing = on.one.add_client_secret(id, secret(1), by()).await;
    assert_eq!(missing, Ok(AddSecret::NotFound));
    let added = on
        .one
        .add_oauth_client(worker.clone(), Some(secret(1)), by())
        .await;
    assert_eq!(added, Ok(AddOAuthClient::Added));
    let add = async |number| on.two.add_client_secret(id, secret(number), by()).await;
    assert_eq!(add(2).await, Ok(AddSecret::Added));
    assert_eq!(add(3).await, Ok(AddSecret::TooMany));
    assert_eq!(
        on.one.client_secrets(id).await,
        Ok(vec![secret(1), secret(2)])
    );

    let remove = async |client: &str, number| {
        let secret = SecretId::from_random(bytes(number));
        on.one
            .remove_client_secret(&client_id(client), &secret, by())
            .await
    };
    assert_eq!(remove("other", 1).await, Ok(Change::NotFound));
    assert_eq!(remove("worker", 1).await, Ok(Change::Done));
    assert_eq!(remove("worker", 1).await, Ok(Change::NotFound));
    assert_eq!(add(3).await, Ok(AddSecret::Added));
    assert_eq!(
        on.two.client_secrets(id).await,
        Ok(vec![secret(2), secret(3)])
    );

    let native = OAuthClient {
        authentication: ClientAuthentication::None,
        ..worker.clone()
    };
    on.one
        .replace_oauth_client(native, None, by())
        .await
        .unwrap();
    assert_eq!(on.one.client_secrets(id).await, Ok(vec![]));
    assert_eq!(on.one.remove_oauth_client(id, by()).await, Ok(Change::Done));
    assert_eq!(
        on.one.remove_oauth_client(id, by()).await,
        Ok(Change::NotFound)
    );
}

pub(super) async fn c111_a_client_is_disabled_and_enabled(on: &Instances) {
    let worker = oauth_client("worker", 1);
    let id = &worker.client_id;
    let set = async |disabled, at| {
        let by = crate::By::service(at);
        on.one.set_oauth_client_disabled(id, disabled, by).await
    };
    let disabled_at = async || on.two.oauth_client(id).await.unwrap().unwrap().disabled_at;
    assert_eq!(set(true, NOW).await, Ok(Change::NotFound));
    add(&*on.one, &worker).await;
    assert_eq!(set(true, NOW).await, Ok(Change::Done));
    assert_eq!(set(true, NOW.plus_secs(9)).await, Ok(Change::Done));
    assert_eq!(disabled_at().await, Some(NOW), "the earlier time stays");
    assert_eq!(set(false, NOW).await, Ok(Change::Done));
    assert_eq!(disabled_at().await, None);
}

pub(super) async fn c111_what_was_granted_to_a_client_ends_with_it(on: &Instances) {
    let ada = add_user(&*on.one, 1, "ada").await;
    for (number, id) in [(1, "disabled"), (2, "removed"), (3, "other")] {
        add(&*on.one, &oauth_client(id, number)).await;
        let grant = NewGrant {
            client_id: client_id(id),
            ..offline(number, &ada)
        };
        on.one.start_grant(grant, by()).await.unwrap();
    }
    let disabled = client_id("disabled");
    on.one
        .set_oauth_client_disabled(&disabled, true, by())
        .await
        .unwrap();
    on.one
        .remove_oauth_client(&client_id("removed"), by())
        .await
        .unwrap();
    let mut grants = on.two.grants(&GrantsOf::Everybody).await.unwrap();
    grants.sort_by(|a, b| a.client_id.cmp(&b.client_id));
    let causes: Vec<_> = grants
        .iter()
        .map(|grant| grant.revoked.map(|end| end.cause))
        .collect();
    let gone = Some(AuditReason::ClientGone);
    assert_eq!(causes, [gone, None, gone]);
}

pub(super) async fn c151_each_change_of_an_oauth_client_leaves_its_record(on: &Instances) {
    let worker = oauth_client("worker", 1);
    let (id, store) = (&worker.client_id, &on.one);
    let other = client_id("other");
    for _ in 0..2 {
        let added = store.add_oauth_client(worker.clone(), Some(secret(1)), by());
        added.await.unwrap();
        store
            .add_client_secret(&other, secret(2), by())
            .await
            .unwrap();
    }
    let slower = OAuthClient {
        ttl: 60,
        ..worker.clone()
    };
    for _ in 0..2 {
        store
            .replace_oauth_client(slower.clone(), None, by())
            .await
            .unwrap();
        store.add_client_secret(id, secret(2), by()).await.ok();
    }
    for disabled in [false, true, true, false] {
        store
            .set_oauth_client_disabled(id, disabled, by())
            .await
            .unwrap();
    }
    for _ in 0..2 {
        let first = SecretId::from_random(bytes(1));
        store.remove_client_secret(id, &first, by()).await.unwrap();
    }
    for _ in 0..2 {
        store.remove_oauth_client(id, by()).await.unwrap();
    }
    let everything = AuditFilter::default();
    let mut records = on.two.audit(&everything, None, u32::MAX).await.unwrap();
    records.reverse();
    let kinds: Vec<_> = records.iter().map(|record| record.kind).collect();
    assert_eq!(
        kinds,
        [
            AuditKind::ClientAdded,
            AuditKind::ClientSecretAdded,
            AuditKind::ClientChanged,
            AuditKind::ClientSecretAdded,
            AuditKind::ClientDisabled,
            AuditKind::ClientEnabled,
            AuditKind::ClientSecretRemoved,
            AuditKind::ClientRemoved,
        ]
    );
    for record in &records {
        assert_eq!(record.client_id.as_ref(), Some(id));
    }
    let ttl = |record: &AuditRecord| record.details["ttl"].as_u64();
    assert_eq!((ttl(&records[0]), ttl(&records[2])), (Some(300), Some(60)));
    assert_eq!(records[1].details["secret_id"], secret(1).id.as_str());
}
