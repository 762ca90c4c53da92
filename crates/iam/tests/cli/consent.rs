//! `sessionmint consent …`.

use super::grant::start_grant;
use super::support::*;

#[test]
fn consents_are_listed_and_withdrawn_with_what_came_of_them() {
    let folder = folder();
    let folder = folder.path();
    add_user(folder, "alice");
    add_user(folder, "bob");
    for client in ["reports", "other"] {
        let args = [
            "--grant",
            "authorization_code",
            "--redirect-uri",
            "https://app.example.com/cb",
        ];
        add_client(folder, client, &args);
    }
    let users = list(folder, &["user", "list"]);
    let alice = users[0]["id"].as_str().unwrap();
    let database = rusqlite::Connection::open(folder.join("iam.db")).unwrap();
    for (client, at) in [
        ("other", 1_800_000_000_000_i64),
        ("reports", 1_800_000_060_000),
    ] {
        let row = "INSERT INTO consents (user_id, client_id, scopes, given_at) VALUES (?1, ?2, 'notes:read', ?3)";
        let added = database.execute(row, rusqlite::params![alice, client, at]);
        assert_eq!(added, Ok(1));
    }
    start_grant(folder, 1, alice, "reports");
    start_grant(folder, 2, alice, "other");

    let all = list(folder, &["consent", "list"]);
    assert_eq!(all.as_array().unwrap().len(), 2);
    assert_eq!(
        all[1],
        json!({
            "username": "alice",
            "user_id": alice,
            "client_id": "reports",
            "scopes": "notes:read",
            "given_at": "2027-01-15T08:01:00Z",
        })
    );
    let of_bob = list(folder, &["consent", "list", "--user", "bob"]);
    assert_eq!(of_bob, json!([]));
    let withdraw = ["consent", "withdraw", "--user", "alice", "--client"];
    let of = |client| with(&[&withdraw[..], &[client]].concat());
    let said = ok(folder, &of("reports"), "");
    assert_eq!(
        said.trim(),
        "withdrew the consent of `alice` for `reports`, and ended 1 grant"
    );
    let left = list(folder, &["consent", "list"]);
    assert_eq!(left.as_array().unwrap().len(), 1);
    let ended = list(folder, &["grant", "list", "--client", "reports"]);
    assert_eq!(ended[0]["state"], "consent-withdrawn");
    let kept = list(folder, &["grant", "list", "--client", "other"]);
    assert_eq!(kept[0]["state"], "live");
    assert!(fails(folder, &of("reports"), "").contains("agreed to nothing"));
    let withdrawn = list(folder, &[&withdraw[..], &["other"]].concat());
    assert_eq!(withdrawn, json!({"ended": 1}));
}
