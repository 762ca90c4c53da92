//! `sessionmint grant …`.

use std::path::Path;

use sessionmint_oauth::{GrantId, RefreshTokenHash, Timestamp, UserId};
use sessionmint_store::{By, Grants as _, NewGrant, SqliteStore, StartGrant};

use super::support::*;

/// What the code flow leaves.
pub(super) fn start_grant(folder: &Path, number: u8, user: &str, client: &str) -> String {
    let store = SqliteStore::open(folder.join("iam.db")).unwrap();
    let now = Timestamp::from_secs(1_800_000_000);
    let id = GrantId::from_random([number; 16]);
    let grant = NewGrant {
        id: id.clone(),
        client_id: client.parse().unwrap(),
        user_id: user.parse::<UserId>().unwrap(),
        session_id: None,
        scopes: "notes:read".parse().unwrap(),
        resources: vec!["https://api.example.com".to_owned()],
        auth_time: now,
        refresh_token: Some(RefreshTokenHash([number; 32])),
        absolute_end: now.plus_secs(86_400_000),
        idle_end: now.plus_secs(86_400_000),
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let started = runtime.block_on(store.start_grant(grant, By::service(now)));
    assert_eq!(started, Ok(StartGrant::Started));
    id.to_string()
}

#[test]
fn grants_are_listed_and_ended() {
    let folder = folder();
    let folder = folder.path();
    add_user(folder, "alice");
    add_user(folder, "bob");
    let users = list(folder, &["user", "list"]);
    let id = |name: &str| {
        let users = users.as_array().unwrap();
        let user = users.iter().find(|user| user["username"] == name).unwrap();
        user["id"].as_str().unwrap().to_owned()
    };
    let (alice, bob) = (id("alice"), id("bob"));
    let first = start_grant(folder, 1, &alice, "reports");
    start_grant(folder, 2, &alice, "other");
    let third = start_grant(folder, 3, &bob, "reports");

    let all = list(folder, &["grant", "list"]);
    assert_eq!(all.as_array().unwrap().len(), 3);
    assert_eq!(all[0]["id"], third);
    assert_eq!(
        (&all[0]["username"], &all[0]["state"]),
        (&json!("bob"), &json!("live"))
    );
    assert_eq!(all[0]["generation"], 0);
    let text = all.to_string();
    assert!(!text.contains("hash") && !text.contains("salt"), "{text}");
    let of_alice = list(folder, &["grant", "list", "--user", "alice"]);
    assert_eq!(of_alice.as_array().unwrap().len(), 2);
    let reports = list(folder, &["grant", "list", "--client", "reports"]);
    assert_eq!(reports.as_array().unwrap().len(), 2);
    let table = ok(folder, &with(&["grant", "list"]), "");
    assert!(
        table.contains(&first) && table.contains("reports"),
        "{table}"
    );

    let both = ["--user", "alice", "--client", "reports"];
    let of_both = list(folder, &[&["grant", "list"], &both[..]].concat());
    assert_eq!(of_both.as_array().unwrap().len(), 1);
    assert_eq!(of_both[0]["id"], first);
    let with_id = [&["grant", "revoke", &first], &both[..]].concat();
    assert_eq!(run(folder, &with(&with_id), "").code, 2);

    ok(folder, &with(&["grant", "revoke", &first]), "");
    let again = fails(folder, &with(&["grant", "revoke", &first]), "");
    assert!(again.contains("ended already"), "{again}");
    let said = ok(
        folder,
        &with(&["grant", "revoke", "--client", "reports"]),
        "",
    );
    assert_eq!(said.trim(), "ended 1 grant");
    let said = ok(folder, &with(&["grant", "revoke", "--user", "alice"]), "");
    assert_eq!(said.trim(), "ended 1 grant");
    for grant in list(folder, &["grant", "list"]).as_array().unwrap() {
        assert_eq!(grant["state"], "requested");
    }
    fails(folder, &with(&["grant", "list", "--user", "nobody"]), "");
    assert_eq!(run(folder, &with(&["grant", "revoke"]), "").code, 2);
}
