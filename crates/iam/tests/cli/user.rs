//! `sessionmint user …`.

use sessionmint_oauth::{SessionId, SessionKeyHash, Timestamp};
use sessionmint_store::{By, NewSession, Sessions as _, SqliteStore, StartSession, Users as _};

use super::support::*;

#[test]
fn users_are_added_listed_disabled_enabled_and_removed() {
    let folder = folder();
    let folder = folder.path();
    let added = add_user(folder, "alice");
    assert!(added.starts_with("added user `alice` (usr_"), "{added}");
    ok(
        folder,
        &with(&[
            "user",
            "add",
            "bob",
            "--scope",
            "notes:read",
            "--password-stdin",
        ]),
        PASSWORD,
    );

    let users = list(folder, &["user", "list"]);
    assert_eq!(users[0]["username"], "alice");
    assert_eq!(users[0]["scopes"], Value::Null);
    assert_eq!(users[1]["scopes"], "notes:read");
    assert_eq!(
        (&users[1]["has_password"], &users[1]["disabled_at"]),
        (&json!(true), &Value::Null)
    );
    let table = ok(folder, &with(&["user", "list"]), "");
    assert!(table.starts_with("NAME "), "{table}");
    assert!(
        !table.contains("argon2") && !users.to_string().contains("argon2"),
        "a hash is nobody's business"
    );

    assert_eq!(
        ok(folder, &with(&["user", "disable", "bob"]), ""),
        "disabled user `bob` and ended their sessions\n"
    );
    assert!(
        list(folder, &["user", "list"])[1]["disabled_at"]
            .as_str()
            .unwrap()
            .ends_with('Z')
    );
    ok(folder, &with(&["user", "enable", "bob"]), "");
    assert_eq!(
        list(folder, &["user", "list"])[1]["disabled_at"],
        Value::Null
    );
    ok(folder, &with(&["user", "set", "bob", "--all-scopes"]), "");
    assert_eq!(list(folder, &["user", "list"])[1]["scopes"], Value::Null);
    ok(folder, &with(&["user", "remove", "bob"]), "");
    assert_eq!(list(folder, &["user", "list"]).as_array().unwrap().len(), 1);
}

#[test]
fn c053_an_id_is_not_given_again_to_a_user_of_the_same_name() {
    let folder = folder();
    let folder = folder.path();
    add_user(folder, "alice");
    let first = list(folder, &["user", "list"])[0]["id"].clone();
    ok(folder, &with(&["user", "disable", "alice"]), "");
    ok(folder, &with(&["user", "enable", "alice"]), "");
    assert_eq!(list(folder, &["user", "list"])[0]["id"], first);
    ok(folder, &with(&["user", "remove", "alice"]), "");
    add_user(folder, "alice");
    assert_ne!(list(folder, &["user", "list"])[0]["id"], first);
}

#[test]
fn a_user_that_cannot_be_added_is_refused_with_the_reason() {
    let folder = folder();
    let folder = folder.path();
    add_user(folder, "alice");
    let add = |name: &str, password: &str| {
        fails(
            folder,
            &with(&["user", "add", name, "--password-stdin"]),
            password,
        )
    };
    assert!(add("alice", PASSWORD).contains("there is a user `alice` already"));
    assert!(add("", PASSWORD).contains("1 to 256 bytes"));
    assert!(add(&"x".repeat(257), PASSWORD).contains("1 to 256 bytes"));
    assert!(add("al\nice", PASSWORD).contains("no control characters"));
    assert!(add(" alice", PASSWORD).contains("no space at its ends"));
    assert!(fails(folder, &with(&["user", "add", "bob"]), PASSWORD).contains("--password-stdin"));
    assert!(
        fails(folder, &with(&["user", "disable", "nobody"]), "")
            .contains("there is no user `nobody`")
    );
}

#[test]
fn c145_password_rules() {
    let folder = folder();
    let folder = folder.path();
    let add = |name: &str, password: &str| {
        run(
            folder,
            &with(&["user", "add", name, "--password-stdin"]),
            password,
        )
    };
    let long = |len: usize| "correct horse battery ".repeat(50)[..len].to_owned();
    for (name, password) in [
        ("sixty-four", format!("{}\n", long(64))),
        ("longest", format!("{}\n", long(1024))),
        ("lower-case-only", "nvkqpwlz".to_owned()),
        ("spaces", "   a  b   \r\n".to_owned()),
        ("unicode", "größer als Ømega 🦊\n".to_owned()),
    ] {
        let said = add(name, &password);
        assert_eq!(said.code, 0, "{name}: {}", said.err);
    }
    for (name, password, why) in [
        ("short", "1234567\n".to_owned(), "at least 8 bytes"),
        ("long", format!("{}x\n", long(1024)), "at most 1024 bytes"),
        (
            "longer",
            format!("{}\n", "x".repeat(1_000_000)),
            "at most 1024 bytes",
        ),
        ("common", "Password123\n".to_owned(), "tried first"),
        ("product", "sessionmint1\n".to_owned(), "tried first"),
        (
            "margaret.hill",
            "Margaret.Hill99\n".to_owned(),
            "the user name",
        ),
        ("empty", "\n".to_owned(), "no password on standard input"),
        ("nothing", String::new(), "no password on standard input"),
    ] {
        let said = add(name, &password);
        assert_eq!(said.code, 1, "{name}");
        assert!(said.err.contains(why), "{name}: {}", said.err);
        assert!(
            !said.err.contains(password.trim_end()) || password.trim_end().is_empty(),
            "the password is repeated"
        );
    }
}

#[tokio::test]
async fn a_new_password_and_disabling_end_the_sessions() {
    let folder = folder();
    let folder = folder.path();
    add_user(folder, "alice");
    add_client(folder, "web", &["--origin", "https://ui.example.com"]);
    let session = |n: u8| {
        let folder = folder.to_owned();
        async move {
            let store = SqliteStore::open(folder.join("iam.db")).unwrap();
            let user = store.user_by_name("alice").await.unwrap().unwrap();
            let now = Timestamp::from_secs(4_000_000_000);
            let session = NewSession {
                key_hash: SessionKeyHash([n; 32]),
                id: SessionId::from_random([n; 16]),
                user_id: user.id,
                client_id: "web".parse().unwrap(),
                now,
                absolute_end: now.plus_secs(3600),
                persistent: false,
                user_agent: "Browser \u{1b}[31m".to_owned(),
                password_hash: None,
            };
            assert!(matches!(
                store
                    .start_session(session, None, 20, By::service(now))
                    .await
                    .unwrap(),
                StartSession::Started { .. }
            ));
        }
    };
    let count = || {
        list(folder, &["session", "list", "--user", "alice"])
            .as_array()
            .unwrap()
            .len()
    };

    session(1).await;
    session(2).await;
    assert_eq!(count(), 2);
    let table = ok(folder, &with(&["session", "list"]), "");
    assert!(
        table.contains("Browser \\u{1b}[31m"),
        "a browser's name must not colour the terminal: {table}"
    );
    let id = SessionId::from_random([1; 16]);
    ok(folder, &with(&["session", "end", id.as_str()]), "");
    assert_eq!(count(), 1);
    assert!(
        fails(folder, &with(&["session", "end", id.as_str()]), "")
            .contains("there is no session ses_")
    );

    ok(
        folder,
        &with(&["user", "passwd", "alice", "--password-stdin"]),
        "another fine hedgehog\n",
    );
    assert_eq!(count(), 0);
    session(3).await;
    ok(folder, &with(&["user", "disable", "alice"]), "");
    ok(folder, &with(&["user", "enable", "alice"]), "");
    assert_eq!(count(), 0);
    session(4).await;
    assert_eq!(
        ok(folder, &with(&["session", "end", "--user", "alice"]), ""),
        "ended 1 session of `alice`\n"
    );
}
